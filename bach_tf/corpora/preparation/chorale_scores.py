"""One chorale of music21's Bach corpus as a `Score`: four singing parts on sixteenths.

music21 takes half a second to import, so it is imported in the functions that need it.
"""

from __future__ import annotations

import math
import re
import warnings
from fractions import Fraction
from functools import cache
from pathlib import Path
from statistics import mode
from typing import TYPE_CHECKING

import numpy as np

from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf.corpora.preparation.embedded import embedded_files
from bach_tf.formats.grid_csv import VOICES
from bach_tf.score import STEPS_PER_QUARTER, VELOCITY, Score

if TYPE_CHECKING:
    import music21

SOPRANO, BASS = 0, 3
SINGING_PART = re.compile(rf"({'|'.join(VOICES)})\b", re.IGNORECASE)


def chorale_files() -> list[Path]:
    """Return the files of Bach's works in music21, sorted by name.

    RomanText files are left out: they are harmonic analyses, chords without parts.
    """
    return [path for path in embedded_files("bach") if path.suffix != ".rntxt"]


def read_chorale(path: Path) -> Score | None:
    """Read one score of music21's corpus; `None` if it does not have four singing parts.

    Raises:
        ValueError: if the score cannot be read; the message names it.
    """
    try:
        return score_from_stream(_parsed(path), title=title_of(path.stem))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _parsed(path: Path):
    """Return the `music21.stream.Score` of a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # music21 warns about notation not used here
        from music21 import converter, stream

        try:
            # music21's pickle cache in the temporary folder could execute code.
            parsed = converter.parse(path, forceSource=True)
        except Exception as error:  # music21's parsers raise all kinds of errors
            got = shortened(f"{type(error).__name__}: {error}", LONGEST_LINE)
            raise ValueError(
                f"expected a score that music21 can read, got {got}. The file comes with music21: "
                "reinstall it."
            ) from error
    if not isinstance(parsed, stream.Score):
        raise ValueError(f"expected one score, got a music21 {type(parsed).__name__}")
    return parsed


def title_of(stem: str) -> str:
    """Return the BWV number of a file, and the title if music21's lists have one.

    Example:
        >>> title_of("bwv269")
        'BWV 269: Aus meines Herzens Grunde'
    """
    number = stem.removeprefix("bwv")
    # "bwv248.42-s": the lists have the number without the suffix of a version.
    title = _titles().get(number) or _titles().get(number.partition("-")[0])
    return f"BWV {number}: {title}" if title else f"BWV {number}"


@cache
def _titles() -> dict[str, str]:
    """Return the titles in music21's lists, by BWV number."""
    from music21.corpus import chorales

    titles = {}
    for chorale_list in (chorales.ChoraleList(), chorales.ChoraleListRKBWV()):
        chorale_list.prepareList()
        titles |= {str(bwv): entry["title"] for bwv, entry in chorale_list.byBWV.items()}
    return titles


def score_from_stream(stream: music21.stream.Score, *, title: str = "") -> Score | None:
    """Return the four singing parts of a music21 stream; `None` if there are not four.

    Voices are sampled at each sixteenth: an onset or end off the grid moves to the next step, and
    a note between two steps is dropped, so that notes of a voice never overlap. Repeats are read
    as printed.

    Args:
        stream: a `music21.stream.Score` with measures.
        title: of the score.

    Raises:
        ValueError: if the first part has no measures.
    """
    parts = singing_parts(stream)
    if parts is None:
        return None
    notes = [(*note, voice) for voice, part in enumerate(parts) for note in part_notes(part, voice)]
    onset, end, pitch, _, voice = np.array(notes, np.int64).reshape(-1, 5).T
    return Score(
        onset=onset,
        duration=end - onset,
        pitch=pitch,
        voice=voice,
        velocity=np.full(len(notes), VELOCITY),
        length=max(first_step(part.highestTime) for part in parts),
        title=title,
        key_signature=key_signature(parts),
        fermatas=fermatas(notes),
        **first_bar(parts[0]),
    )


def singing_parts(stream: music21.stream.Score) -> list | None:
    """Return soprano, alto, tenor, bass; `None` unless there is exactly one of each.

    A singing part is one whose name begins with its voice: "Tenor", or "Tenor Viola" if violas
    double it. Other instruments are left out, because the chorale is complete without them. With
    two sopranos there are five voices, none of which can be left out.
    """
    found: dict[str, list] = {voice: [] for voice in VOICES}
    for part in stream.parts:
        match = SINGING_PART.match((part.partName or "").strip())
        if match:
            found[match[1].lower()].append(part)
    if any(len(parts) != 1 for parts in found.values()):
        return None
    return [found[voice][0] for voice in VOICES]


def part_notes(part: music21.stream.Part, voice: int) -> list[tuple[int, int, int, bool]]:
    """Return onset, end, pitch and presence of a fermata for the notes of one part.

    Tied notes are merged, and grace notes left out. Of a chord the bass takes the lowest note, the
    other voices the highest.
    """
    notes: list[tuple[int, int, int, bool]] = []
    for element in part.flatten().notes:
        if element.duration.isGrace:
            continue
        note = min(element.pitches) if voice == BASS else max(element.pitches)
        onset, end = first_step(element.offset), first_step(element.offset + element.quarterLength)
        fermata = any("Fermata" in expression.classes for expression in element.expressions)
        tied = element.tie is not None and element.tie.type in ("stop", "continue")
        if tied and notes and notes[-1][1:3] == (onset, note.midi):
            onset, _, _, begun = notes.pop()
            fermata = fermata or begun
        if onset < end:
            notes.append((onset, end, note.midi, fermata))
    return notes


def first_step(quarters: float | Fraction) -> int:
    """Return the first step of the grid at or after an offset in quarters.

    Example:
        >>> first_step(0.5), first_step(Fraction(1, 3))
        (2, 2)
    """
    return math.ceil(Fraction(quarters) * STEPS_PER_QUARTER)


def fermatas(notes: list[tuple[int, int, int, bool, int]]) -> tuple[int, ...]:
    """Return the onsets of the soprano's notes with a fermata.

    Only the soprano's, because every score with fermatas has them there at the end of each line,
    while those of moving inner voices may be a little earlier or later.
    """
    return tuple(onset for onset, _, _, fermata, voice in notes if fermata and voice == SOPRANO)


def key_signature(parts: list) -> int | None:
    """Return the initial key signature in sharps (negative: flats); `None` if there is none.

    The signature of most parts is used: in three scores the soprano's differs by mistake.
    """
    written = [part.flatten().keySignature for part in parts]
    sharps = [signature.sharps for signature in written if signature is not None]
    return mode(sharps) if sharps else None


def first_bar(part: music21.stream.Part) -> dict:
    """Return `metres` and `upbeat`, the steps of an incomplete first measure."""
    measure = part.getElementsByClass("Measure").first()
    if measure is None:
        raise ValueError("Expected a part with measures. Received: one without")
    signature = measure.timeSignature
    if signature is None:
        return {"metres": (), "upbeat": 0}
    steps = first_step(measure.highestTime)
    bar = first_step(signature.barDuration.quarterLength)
    return {
        "metres": ((0, signature.numerator, signature.denominator),),
        "upbeat": steps if steps < bar else 0,
    }
