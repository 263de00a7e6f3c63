"""The order of voices: by what they are called, else by how high they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# What voices are called, from the highest to the lowest, without accents and in small letters.
RANGES = (
    "s sop soprano sopran sopranos soprani soprane cantus canto discantus diskant discant treble "
    "superius сопрано дискант 女高音 ソプラノ 소프라노",
    "ms mezzo mezzosoprano mezzosopran mezzosopranos меццосопрано 女中音 メゾソプラノ",
    "a alt alto altos alti altus alte contralto contraltos контральто альт 女低音 アルト 알토",
    "ct haute countertenor kontratenor контратенор 假声男高音",
    "t ten tenor tenore tenors tenori tenores taille тенор 男高音 テノール 테너",
    "bar barytone baritone bariton baritono baryton баритон 男中音 バリトン",
    "b bs bas bass basse basso bassi basses bassus bajo baixo basbariton бас 男低音 バス 베이스",  # noqa: RUF001
)
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
# "Soprano 1", "Tenor II", "S."
NUMBERED = re.compile(r"(.*?)[\s._-]*(\d{1,4}|\b(?:i{1,3}|iv))?\W*")
WORD = re.compile(r"[^\W\d_]{3,}")  # shorter ones stand alone


def order_of(names: Sequence[str], pitches: Sequence[float]) -> list[int]:
    """Return the voices from the highest to the lowest.

    Where all of them are called after voices, the names decide, in any of a dozen languages or
    abbreviated; else their mean pitches do.

    Args:
        names: of the voices.
        pitches: their mean pitches.

    Example:
        >>> order_of(["Bass", "Ténor", "A.", "Soprano 1"], [50, 57, 62, 60])
        [3, 2, 1, 0]
        >>> order_of(["Cello", "Flute"], [50, 70])
        [1, 0]
    """
    ranks = [rank_of(name) for name in names]
    numbers = range(len(names))
    if None in ranks:
        return sorted(numbers, key=lambda number: -pitches[number])
    return sorted(numbers, key=lambda number: (ranks[number], -pitches[number]))


def rank_of(name: str) -> tuple[int, int] | None:
    """Return how low a voice is by its name, and its number; `None` for another name.

    Abbreviations stand alone, or before a number; a whole word may stand among others.

    Example:
        >>> rank_of("Alto II"), rank_of("Baß"), rank_of("Choir: tenor"), rank_of("Flute")
        ((2, 2), (6, 0), (4, 0), None)
    """
    plain = _plain(name.strip())
    match = NUMBERED.fullmatch(plain)
    if match is None:
        return None
    number = match[2] or "0"
    whole = RANK.get(re.sub(r"[\W_]", "", match[1]))
    words = {RANK[word] for word in WORD.findall(match[1]) if word in RANK}
    rank = whole if whole is not None or len(words) != 1 else words.pop()
    if rank is None:
        return None
    return rank, int(number) if number.isdecimal() else ROMAN[number]


def _plain(text: str) -> str:
    """Return a text without accents, in small letters."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


RANK = {_plain(name): rank for rank, names in enumerate(RANGES) for name in names.split()}
