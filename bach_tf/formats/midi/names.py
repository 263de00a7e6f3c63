"""The order of voices: by their names, else by their mean pitch."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import combinations, pairwise

# Names of voices from the highest to the lowest, in lower case, without accents, spaces and
# hyphens: English, German, Italian, French, Spanish, Portuguese, Latin, Russian, Chinese, Japanese
# and Korean, with the usual abbreviations.
RANGES = (
    "s so sop sopr soprano sopran sopranos soprani soprane canto cant can cantus discantus "
    "discanto diskant discant disc treble trebles tr trbl superius sup dessus ds "
    "premierdessus tiple tiples tpl triplex сопрано дискант 女高音 ソプラノ 소프라노",
    "ms mz mez mezz mezzo mezzos mezzosoprano mezzosopran mezzosopranos mezosoprano basdessus "
    "seconddessus меццосопрано 女中音 メゾソプラノ",
    "a al alt alto altos alti altus alte contralto contraltos contralti contralt contr "
    "контральто альт 女低音 アルト 알토",
    "ct cten ctr haute hautecontre hautescontre hc countertenor kontratenor contratenor "
    "contratenores contratenoraltus contratenoralto контратенор 假声男高音",
    "t te ten tenor tenore tenors tenori tenores tenors taille tailles hautetaille tai "
    "тенор 男高音 テノール 테너",
    "bar bari barit baryt barytone baritone bariton barytons baritono baritoni baritonos baryton "
    "bassetaille bassestailles brt баритон 男中音 バリトン",
    "b bs bss bas bass basse basso bassi basses bassus bassos bajo bajos baixo baixos baj baix bx "
    "bassecontre contratenorbassus basbariton бас 男低音 バス 베이스",  # noqa: RUF001
)
# Letters that name a voice only beside a tenor: Cantus, or Contralto; Dessus, or Discantus.
BESIDE_TENOR = {"c": (0, 2), "d": (0, 0)}
TENOR = 4
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
# "Soprano 1", "Tenor II", "S.", "2a Tiple", "1er Dessus"; an ordinal ends as in French or Spanish.
ORDINAL = r"(?:a|o|er|ere|re|e|eme|do|da|nd|st|de)?"
NUMBERED = re.compile(
    rf"(?:(\d{{1,4}}){ORDINAL}\b)?(.*?)[\s._-]*(\d{{1,4}}{ORDINAL}|\b(?:i{{1,3}}|iv))?\W*"
)
WORD = re.compile(r"[^\W\d_]{3,}")  # shorter ones stand alone
ALONE = {"can", "cant", "disc", "sup", "ten", "tai", "bar", "bari", "baj"}  # other words, too
ACCENTED_ENDS = str.maketrans({"ª": "a", "º": "o"})
REORDERED = "the parts were reordered, from the highest to the lowest"
ONE_CHOIR = 4  # parts: more of them may be those of two
CLEARLY = 3  # semitones by which the mean pitch of a part lies above that of the one above it


def order_of(names: Sequence[str], pitches: Sequence[float]) -> list[int]:
    """Return the voices from the highest to the lowest.

    If every name is that of a voice, in any of a dozen languages or abbreviated, the names decide.
    Otherwise the order of the file is kept, since a score stands from the top down, unless the mean
    pitches contradict it: at least half of the pairs of parts are upside down, or one pair of up to
    four parts that have the same name. Then the mean pitches decide.

    Args:
        names: of the voices.
        pitches: their mean pitches.

    Example:
        >>> order_of(["Bass", "Ténor", "A.", "Soprano 1"], [50, 57, 62, 60])
        [3, 2, 1, 0]
        >>> order_of(["Cello", "Flute"], [50, 70]), order_of(["Violin 1", "Violin 2"], [70, 71])
        ([1, 0], [0, 1])
    """
    numbers = list(range(len(names)))
    ranks = [rank for rank in _ranks_of(names) if rank is not None]
    if len(ranks) < len(names):
        if not _is_upside_down(names, pitches):
            return numbers
        return sorted(numbers, key=lambda number: -pitches[number])
    if _are_choirs(ranks):
        return numbers
    return sorted(numbers, key=lambda number: (ranks[number], -pitches[number]))


def _are_choirs(ranks: Sequence[tuple[int, int]]) -> bool:
    """Return whether voices are those of several choirs, one below the other, each sorted."""
    begins = [n for n in range(1, len(ranks)) if ranks[n] < ranks[n - 1]]
    choirs = [ranks[start:end] for start, end in pairwise([0, *begins, len(ranks)])]
    same_top = len({choir[0][0] for choir in choirs if choir}) == 1
    return len(choirs) > 1 and same_top and all(len(choir) > 1 for choir in choirs)


def _is_upside_down(names: Sequence[str], pitches: Sequence[float]) -> bool:
    """Return whether the order of parts contradicts their mean pitches."""
    pairs = list(combinations(range(len(pitches)), 2))
    crossed = sum(pitches[lower] >= pitches[upper] + CLEARLY for upper, lower in pairs)
    # In a score of several choirs or kinds of instruments each begins with its own highest part.
    alike = len(names) <= ONE_CHOIR and len({_parts_of(name)[1] for name in names}) == 1
    return crossed > 0 and (alike or 2 * crossed >= len(pairs))


def rank_of(name: str) -> tuple[int, int] | None:
    """Return how low a voice is by its name, and its number; `None` for another name.

    Abbreviations must stand alone or before a number; a whole word may stand among others.

    Example:
        >>> rank_of("Alto II"), rank_of("Baß"), rank_of("Choir: tenor"), rank_of("Flute")
        ((2, 2), (6, 0), (4, 0), None)
    """
    before, words, after = _parts_of(name)
    whole = RANK.get(_letters_of(words))
    named = (word for word in WORD.findall(words) if word not in ALONE)
    found = {RANK[word] for word in named if word in RANK}
    rank = whole if whole is not None or len(found) != 1 else found.pop()
    if rank is None:
        return None
    return rank, _number_of(after or before)


def _ranks_of(names: Sequence[str]) -> list[tuple[int, int] | None]:
    """Return `rank_of` each name; single letters that stand for several voices by the others."""
    ranks = [rank_of(name) for name in names]
    known = {rank[0] for rank in ranks if rank is not None}
    if TENOR not in known:
        return ranks
    for place, name in enumerate(names):
        before, words, after = _parts_of(name)
        choices = BESIDE_TENOR.get(_letters_of(words))
        if choices and ranks[place] is None:
            ranks[place] = choices[0 in known], _number_of(after or before)
    return ranks


def _parts_of(name: str) -> tuple[str, str, str]:
    """Return the number before a name, the words of it, and the number behind; "" for none."""
    plain = _plain(name.strip())
    match = NUMBERED.fullmatch(plain)
    return ("", plain, "") if match is None else (match[1] or "", match[2], match[3] or "")


def _letters_of(words: str) -> str:
    return re.sub(r"[\W_]", "", words)


def _number_of(text: str) -> int:
    digits = re.match(r"\d+", text)
    return int(digits[0]) if digits else ROMAN.get(text, 0)


def _plain(text: str) -> str:
    """Return a text without accents, in lower case."""
    letters = unicodedata.normalize("NFKD", text.translate(ACCENTED_ENDS))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


RANK = {_plain(name): rank for rank, names in enumerate(RANGES) for name in names.split()}
