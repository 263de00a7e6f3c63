"""The transposition of given voices to the range in which a run was trained; undone afterwards.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bach_tf.codecs import Codec, SatbCodec
from bach_tf.composing.lines import CENTRES
from bach_tf.formats.grid_csv import VOICES
from bach_tf.score import Score
from bach_tf.theory.bars import place_of
from bach_tf.theory.keys import FIFTH
from bach_tf.theory.note_names import HIGHEST_NUMBER, note_name

Range = tuple[int, int]  # lowest and highest pitch
OCTAVE, FARTHEST = 12, 60  # semitones
SPREAD = 2.0  # semitones; standard deviation of the mean pitch of a voice between chorales
SEMITONE = 0.05  # nats; cost of each semitone of transposition
OUTSIDE = 100.0  # nats; cost if all notes are outside the range of a voice, else in proportion
STAYING = 4.0  # nats; bonus of no transposition, if all notes are in range
# Number of the 229 canonical training chorales with each key signature, in sharps, as
# estimated by `theory.keys`.
SIGNATURES = {-4: 1, -3: 10, -2: 39, -1: 34, 0: 40, 1: 46, 2: 30, 3: 20, 4: 9}


class Reach(NamedTuple):
    """The range of each voice in training, `(4,)` each, from the soprano down.

    Args:
        low: the lowest pitch without transposition.
        high: the highest pitch without transposition.
        lowest: the lowest pitch with all transpositions.
        highest: the highest pitch with all transpositions.
    """

    low: np.ndarray
    high: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray


def reach_of(codec: SatbCodec, transpose: tuple[int, int]) -> Reach:
    """Return the range of each voice in the training of a run.

    Args:
        codec: the run's codec.
        transpose: lowest and highest transposition in training, in semitones.

    Example:
        >>> reach_of(SatbCodec(40, 80), (-2, 2)).highest.tolist()
        [80, 80, 80, 80]
    """
    own = codec.ranges or [[codec.lowest, codec.highest]] * len(VOICES)
    low, high = np.array(own, int).T
    down, up = transpose
    lowest, highest = np.maximum(low + down, codec.lowest), np.minimum(high + up, codec.highest)
    return Reach(low, high, lowest, highest)


def best_shift(given: Score, reach: Reach, sharps: int) -> int:
    """Return the transposition of given voices that fits the training of a run best.

    All notes must be within the ranges with transpositions. Among the possible shifts the one of
    lowest cost is chosen: few notes outside the ranges without transposition, mean pitches and a
    key signature that are common in the chorales, and a small shift.

    Args:
        given: voices on a grid of sixteenths, 0 for the soprano to 3 for the bass.
        reach: the ranges of the run.
        sharps: the key signature.

    Raises:
        ValueError: if no transposition fits; the message names one of the notes.

    Example:
        >>> ranges = [[60, 81], [52, 74], [46, 69], [36, 66]]
        >>> reach = reach_of(SatbCodec(30, 87, ranges=ranges), (-6, 6))
        >>> best_shift(Score.from_grid([[83], [84], [86], [88]]), reach, 0)
        -14
    """
    shifts = range(-FARTHEST, FARTHEST + 1)
    beyond = {shift: _beyond(given, shift, reach.lowest, reach.highest) for shift in shifts}
    possible = [shift for shift in shifts if not beyond[shift].any()]
    if not possible:
        nearest = min(shifts, key=lambda shift: (beyond[shift].sum(), abs(shift)))
        raise ValueError(_too_wide(given, reach, int(np.argmax(beyond[nearest]))))
    return min(possible, key=lambda shift: (_cost(given, reach, sharps, shift), abs(shift)))


def moved_signature(sharps: int, shift: int) -> int:
    """Return a key signature after a transposition: -5..6 sharps.

    Example:
        >>> moved_signature(0, 2), moved_signature(-1, -12)
        (2, -1)
    """
    return sharps if shift % OCTAVE == 0 else (sharps + FIFTH * shift + 5) % 12 - 5


def ranges_as_read(codec: Codec, shift: int, asked: Mapping[str, Range]) -> dict[str, Range] | None:
    """Return the ranges of new notes as read by a run; `None` for those of the codec.

    New notes must not sound too low for singers if the run reads the piece higher than it sounds.
    For transpositions of less than an octave, notes are within both ranges.

    Args:
        codec: the run's codec.
        shift: transposition in semitones from the piece to the run's form.
        asked: lowest and highest sounding pitch by voice, for other ranges.

    Raises:
        ValueError: if a range has no notes of the run.

    Example:
        >>> codec = SatbCodec(36, 81)
        >>> ranges_as_read(codec, 2, {"alto": (55, 74)}), ranges_as_read(codec, 2, {})
        ({'alto': (57, 76)}, None)
    """
    own: dict[str, Range] = {}
    if not isinstance(codec, SatbCodec):
        return dict(asked) or None
    for name, (low, high) in asked.items():
        lowest, highest = codec.lowest - shift, codec.highest - shift
        if low > highest or high < lowest:
            known = f"{note_name(max(lowest, 0))}..{note_name(min(highest, HIGHEST_NUMBER))}"
            raise ValueError(
                f"Expected a range with notes of the run, {known} in this piece. Received: "
                f"{note_name(low)}..{note_name(high)} ({name})"
            )
    if codec.ranges and shift and abs(shift) < OCTAVE:
        own = {
            name: (low + max(shift, 0), high + min(shift, 0))
            for name, (low, high) in zip(VOICES, codec.ranges)
        }
    return {
        **own,
        **{name: (low + shift, high + shift) for name, (low, high) in asked.items()},
    } or None


def _beyond(given: Score, shift: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return which notes are outside the bounds of their voices: bool `(N,)`."""
    pitch = given.pitch + shift
    return (pitch < low[given.voice]) | (pitch > high[given.voice])


def _cost(given: Score, reach: Reach, sharps: int, shift: int) -> float:
    """Return the cost of a shift, roughly in nats: how unusual the notes are in chorales."""
    outside = _beyond(given, shift, reach.low, reach.high).mean()
    cost = OUTSIDE * outside + SEMITONE * abs(shift)
    for voice in np.unique(given.voice):
        mine = given.voice == voice
        mean = np.average(given.pitch[mine], weights=given.duration[mine]) + shift
        cost += ((mean - CENTRES[voice]) / SPREAD) ** 2 / 2
    count = SIGNATURES.get(moved_signature(sharps, shift), 0)
    cost -= np.log((count + 1) / (sum(SIGNATURES.values()) + 12))
    return float(cost) - (STAYING if shift == 0 and outside == 0 else 0.0)


def _too_wide(given: Score, reach: Reach, note: int) -> str:
    voice = int(given.voice[note])
    mine = given.pitch[given.voice == voice]
    low, high = int(reach.lowest[voice]), int(reach.highest[voice])
    lowest, highest = note_name(int(mine.min())), note_name(int(mine.max()))
    where = place_of(given, int(given.onset[note]))
    return (
        f"{where}: {note_name(int(given.pitch[note]))} does not fit. The {VOICES[voice]} goes from "
        f"{lowest} to {highest}, and no transposition of what is given brings all of it into "
        f"{note_name(low)}..{note_name(high)}, what this run knows of that voice. Move the note by "
        "an octave, or choose another --voice."
    )
