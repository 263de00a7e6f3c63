"""Defaults in files of bach_tf for what a score does not know; reading makes them unknown again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from xml.etree.ElementTree import Element

from bach_tf.formats.musicxml.rhythm import QUARTER
from bach_tf.formats.notation import Sheet
from bach_tf.formats.rendition import Rendition
from bach_tf.score import SECONDS, Score

GUESSED = "guessed"  # name of the miscellaneous field
KEY, METRE, TEMPO, PARTS, PROGRAM = "key", "metre", "tempo", "parts-from", "program"
FERMATA = "fermata"
MOST_DIGITS = 4
QUARTERS = re.compile(r"\d{1,9}(?:/[1-9]\d{0,9})?")


def guesses_of(score: Score, rendition: Rendition) -> str:
    """Return what is written without being known, such as "key tempo program:2 parts-from:3".

    `program:2` means the instrument of the second voice, `parts-from:3` the name and instrument of
    all parts from the third on.

    Example:
        >>> guesses_of(Score.from_grid([[67]], key_signature=0), Rendition(tempo_qpm=60))
        'metre parts-from:1'
    """
    asked = rendition.program is not None
    named = len(score.parts) >= score.voices or asked or bool(rendition.programs)
    unknown = {
        KEY: score.key_signature is None,
        METRE: not begins(score.metres),
        TEMPO: not (begins(score.tempi) or rendition.tempo_qpm or score.timing == SECONDS),
        f"{PARTS}:{len(score.parts) + 1}": not named,
    }
    for voice, part in enumerate(score.parts, start=1):
        is_asked = asked or voice <= len(rendition.programs)
        unknown[f"{PROGRAM}:{voice}"] = part.program is None and not is_asked
    return " ".join(name for name, is_so in unknown.items() if is_so)


def guessed_fermatas(onsets: Iterable[int]) -> list[str]:
    """Return the words for fermatas that follow from those of other voices.

    Args:
        onsets: when their notes begin, in ticks. The words have quarters.

    Example:
        >>> guessed_fermatas([0, 5 * QUARTER // 2])
        ['fermata:0', 'fermata:5/2']
    """
    return [f"{FERMATA}:{Fraction(onset, QUARTER)}" for onset in onsets]


def begins(places: Sequence[tuple]) -> bool:
    """Return whether the first of the tempi or metres is at step 0."""
    return bool(places) and places[0][0] == 0


def unsay(sheet: Sheet, root: Element) -> None:
    """Remove from a sheet what its file marks as guessed."""
    for field in root.iterfind("identification/miscellaneous/miscellaneous-field"):
        if field.get("name") == GUESSED:
            for word in (field.text or "").split():
                _unsay(sheet, *word.partition(":")[::2])


def _unsay(sheet: Sheet, what: str, number: str) -> None:
    voice = int(number) - 1 if number.isdecimal() and len(number) <= MOST_DIGITS else -1
    if what == KEY:
        sheet.keys[:1] = [(sheet.keys[0][0], None)] if sheet.keys else []
    elif what == METRE:
        _unsay_first_metre(sheet)
    elif what == TEMPO:
        del sheet.tempi[:1]
    elif what == FERMATA and QUARTERS.fullmatch(number):
        sheet.held.add(Fraction(number))
    elif what == PARTS and voice >= 0:
        del sheet.parts[voice:]
    elif what == PROGRAM and 0 <= voice < len(sheet.parts):
        sheet.parts[voice] = replace(sheet.parts[voice], program=None)


def _unsay_first_metre(sheet: Sheet) -> None:
    for place, bar in enumerate(sheet.bars):
        if place and bar.new:
            return
        sheet.bars[place] = bar._replace(metre=None, new=False)
