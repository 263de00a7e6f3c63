"""Requests to complete a piece, and the constraints for a run that follow from them.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf.codecs import Codec, SatbCodec
from bach_tf.composing.fitting import AS_IT_IS, Fit, on_grid
from bach_tf.composing.given import Given
from bach_tf.composing.given_tokens import FREE
from bach_tf.composing.lines import NUMBERS, as_voices, has_chords, melody_of, voices_of
from bach_tf.composing.outlines import Outline
from bach_tf.composing.placing import best_shift, moved_signature, reach_of
from bach_tf.composing.spans import bars_in, kept_in, steps_of
from bach_tf.formats import read
from bach_tf.formats.grid_csv import VOICES
from bach_tf.formats.reading import SIXTEENTHS
from bach_tf.recipes import Music
from bach_tf.score import COLUMNS, SECONDS, SILENCE, STEPS_PER_QUARTER, Score
from bach_tf.theory.bars import place_of
from bach_tf.theory.grids import regrid
from bach_tf.theory.keys import FIFTH, TO_RELATIVE_MAJOR, key_signature, read_key
from bach_tf.theory.metre import with_metre
from bach_tf.theory.note_names import note_name

SOPRANO = "soprano"
# A rest this short in a melody is a breath: the lower voices continue, and the run, which has
# hardly seen rests in training, reads the previous note as held.
LONGEST_BREATH = STEPS_PER_QUARTER
SHORT = 0.1  # fraction of the notes of a slow piece that may be shorter
HALF = 2  # note value of a beat


@dataclass(frozen=True)
class Asked:
    """A request: which parts of a piece are given.

    Args:
        voice: name of the voice of a melody.
        keep: the voices of an existing piece to keep, such as "soprano", or "bass:5-8+12" for some
            bars of a voice; `None` for a single melody. Outside the bars to rewrite, all voices are
            kept as well.
        rewrite: bars to rewrite, such as "5-8,12"; `None` for all.
        key: key of the piece and of its end, such as "G minor"; by default, the key of the score or
            an estimate.
        primer: beginning of all four voices; `None` for none.
        fit: whether notes may be moved to the run's grid.

    Raises:
        ValueError: if a voice, the key or the bars are invalid.
    """

    voice: str = SOPRANO
    keep: tuple[str, ...] | None = None
    rewrite: str | None = None
    key: str | None = None
    primer: Score | None = None
    fit: Fit = AS_IT_IS

    def __post_init__(self):
        choose(NUMBERS, self.voice, "voice")
        for kept in self.keep or ():
            kept_in(kept)
        if self.keep is not None and self.voice != SOPRANO:
            raise ValueError(
                f"Expected the voice of a melody, or the voices to keep. Received: the voice "
                f"{self.voice}, and {', '.join(self.keep)} to keep. Leave out one of the two."
            )
        if self.key is not None:
            read_key(_text("key", self.key))
        if self.rewrite is not None:
            bars_in(_text("rewrite", self.rewrite))
            if self.primer is not None:
                raise ValueError(
                    "A primer is how a new piece begins. Received: bars to rewrite as well, of a "
                    "piece that begins as it does."
                )

    @property
    def kept_voices(self) -> tuple[str, ...]:
        """The names of the voices to keep, at least in some bars."""
        return tuple(kept_in(kept)[0] for kept in self.keep or ())

    @property
    def names_bars(self) -> bool:
        """Whether the request refers to bars of the piece."""
        return self.rewrite is not None or any(kept_in(kept)[1] for kept in self.keep or ())


def outline_of(codec: Codec, music: Music, score: Score, asked: Asked) -> Outline:
    """Return the constraints on a piece, transposed for a run.

    Args:
        codec: the run's codec.
        music: the music settings of its preset.
        score: a melody, or a piece of up to four voices, highest first.
        asked: the request.

    Raises:
        ValueError: if the run does not write four voices; the score is a performance, is not on
            a grid of sixteenths, or has no notes or more than four parts; the piece lacks the
            voices or bars; nothing or everything is given; the primer contradicts the given
            notes; or no transposition fits the voice. The message names the position.

    Example:
        >>> from bach_tf.recipes import PRESETS
        >>> tune = Score.from_grid([[67]] * 4 + [[69]] * 4 + [[71]] * 8, key_signature=1)
        >>> outline = outline_of(SatbCodec(), PRESETS["chorale"].music, tune, Asked())
        >>> outline.given.cells[4].tolist(), outline.shift
        ([69, -1, -1, -1], 0)
    """
    if not isinstance(codec, SatbCodec):
        raise ValueError(
            "Expected a run that writes four voices, such as `pretrained`. Received: one that "
            f"writes {codec.step_name}s of {', '.join(codec.voice_names)}."
        )
    score = _in_beats(score)
    if asked.names_bars:
        score = with_metre(score)
    lines = _lines(score, asked)
    remarks = _remarks(score, lines, asked)
    source = as_voices(score, lines)
    voices = on_grid(codec, source, asked.fit.quantize)
    scale = math.lcm(source.steps_per_quarter, STEPS_PER_QUARTER)
    source = voices if asked.fit.quantize else regrid(source, scale)
    kept = _kept(voices, {*lines.values()}, asked)
    if asked.primer is not None:
        source, voices, kept = _with_primer(codec, source, voices, kept, asked)
    start, end = int(voices.onset.min()), int((voices.onset + voices.duration).max())
    if kept[start:end].all():
        raise ValueError("All notes are given: there is nothing to write.")
    key = None if asked.key is None else read_key(asked.key)
    sharps = key_signature(voices) if key is None else key.sharps
    shift = best_shift(_given_notes(voices, kept), reach_of(codec, music.transpose), sharps)
    cells = _cells(voices, kept, shift, asked)[start:end]
    lead, pace, cells = _paced(voices, cells, start)
    given = _given(voices, cells, start, lead, pace)
    tonic = _tonic(voices, sharps) if key is None else key.tonic
    if shift:
        remarks.append(_about_shift(shift, sharps))
    if pace > 1:
        remarks.append(f"The run reads notes of {pace} quarters as quarters.")
    where = start, end, lead, pace, shift
    return Outline(source, voices, kept, *where, key, tonic, given, tuple(remarks))


def read_piece(path: Path, fit: Fit = AS_IT_IS) -> Score:
    """Read a piece to complete.

    Args:
        path: a file in one of the formats of `READERS`.
        fit: reading options; quantizing moves notes to sixteenths.

    Raises:
        ValueError: as `formats.read`.
    """
    grid = SIXTEENTHS if fit.quantize else None
    return read(path, grid, fit.strict, unfold=fit.unfold, tune=fit.tune).score


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"`{name}` must be text. Received: {shortened(value)}")
    return value


def _in_beats(score: Score) -> Score:
    if score.timing == SECONDS:
        raise ValueError(
            "Expected a piece in beats. Received: a performance, in seconds, which has no bars. To "
            "move its notes to the nearest sixteenths, ask to quantize (--quantize)."
        )
    return score


def _lines(score: Score, asked: Asked) -> dict[int, int]:
    """Return the voices of the lines of a piece that are used: `{line: voice}`."""
    if asked.keep is None and asked.rewrite is None:
        return {melody_of(score, asked.voice): NUMBERS[asked.voice]}
    alone = len(np.unique(score.voice)) == 1
    if asked.voice != SOPRANO and not alone:
        raise ValueError(
            "Expected the voice of a melody alone, or voices to keep where bars are rewritten. "
            f"Received: the voice {asked.voice} of a piece. To keep it there, name it with `keep`."
        )
    lines = voices_of(score, asked.kept_voices or ((asked.voice,) if alone else ()))
    missing = [name for name in asked.kept_voices if NUMBERS[name] not in lines.values()]
    if missing:
        there = ", ".join(VOICES[voice] for voice in sorted(lines.values()))
        raise ValueError(f"The piece has no {missing[0]} to keep. It has: {there}.")
    if asked.rewrite is None:
        lines = {line: v for line, v in lines.items() if VOICES[v] in asked.kept_voices}
    return lines


def _remarks(score: Score, lines: dict[int, int], asked: Asked) -> list[str]:
    """Describe the chosen parts and notes of a piece, one sentence each."""
    remarks = []
    others = len(np.unique(score.voice)) - len(lines)
    if asked.keep is None and asked.rewrite is None and others:
        ((line, voice),) = lines.items()
        name = score.parts[line].name if line < len(score.parts) else ""
        called = name or f"voice {line + 1}"
        remarks.append(f"Of {others + 1} parts, {called} is the given {VOICES[voice]}.")
    for line, voice in lines.items():
        if has_chords(score, line):
            end = "lowest" if voice == NUMBERS["bass"] else "highest"
            remarks.append(f"Of the chords in the {VOICES[voice]} the {end} notes are given.")
    return remarks


def _kept(voices: Score, there: set[int], asked: Asked) -> np.ndarray:
    """Return which cells are given: bool `(T, 4)`."""
    kept = np.zeros((voices.length, len(VOICES)), bool)
    if asked.rewrite is not None or asked.keep is None:
        kept[:, sorted(there)] = True
    for first, last in bars_in(asked.rewrite) if asked.rewrite else ():
        kept[steps_of(voices, first, last)] = False
    for name, bars in map(kept_in, asked.keep or ()):
        spans = [slice(None)] if bars is None else [steps_of(voices, *span) for span in bars]
        for steps in spans:
            kept[steps, NUMBERS[name]] = True
    return kept


def _with_primer(codec, source: Score, voices: Score, kept: np.ndarray, asked: Asked):
    """Add the notes of a primer to the source, the voices and the given cells."""
    assert asked.primer is not None
    primer = asked.primer.without_leading_silence()
    primer = as_voices(primer, voices_of(primer))
    primer = on_grid(codec, primer, asked.fit.quantize)
    start = int(voices.onset.min())
    primer = primer.opening(voices.length - start)
    steps = slice(start, start + primer.length)
    grid, own = primer.to_grid(len(VOICES)), voices.to_grid(len(VOICES))[steps]
    differs = kept[steps] & (grid != own)
    if differs.any():
        step, voice = (int(place) for place in np.argwhere(differs)[0])
        names = [
            note_name(int(each[step, voice])) if each[step, voice] else "a rest"
            for each in (own, grid)
        ]
        raise ValueError(
            f"{place_of(voices, start + step)}: the {VOICES[voice]} has {names[0]}, and {names[1]} "
            "in the primer. The primer must have the given notes."
        )
    new = ~kept[steps].any(axis=0)[primer.voice]
    kept = kept.copy()
    kept[steps] = True
    columns = {name: getattr(primer, name)[new] for name in COLUMNS}
    columns["onset"] = columns["onset"] + start
    scale = source.steps_per_quarter // STEPS_PER_QUARTER
    return _joined(source, columns, scale), _joined(voices, columns, 1), kept


def _joined(score: Score, columns: dict[str, np.ndarray], scale: int) -> Score:
    """Return a score with additional notes on a grid of sixteenths."""
    scaled: dict[str, Any] = {
        name: column * scale if name in ("onset", "duration") else column
        for name, column in columns.items()
    }
    both: dict[str, Any] = {name: np.append(getattr(score, name), scaled[name]) for name in COLUMNS}
    return replace(score, **both)


def _given_notes(voices: Score, kept: np.ndarray) -> Score:
    """Return the notes with given cells."""
    some = np.array(
        [
            kept[onset : onset + duration, voice].any()
            for onset, duration, voice in zip(voices.onset, voices.duration, voices.voice)
        ]
    )
    if not some.any():
        raise ValueError("Nothing is given: rewrite fewer bars, or keep a voice.")
    return replace(voices, **{name: getattr(voices, name)[some] for name in COLUMNS}, pedals=())


def _tonic(voices: Score, sharps: int) -> int | None:
    """Return the tonic of a key signature, major or minor, if an outer voice ends on it.

    Also the end of a piece whose last bars are rewritten tells it. Other endings are ambiguous: a
    tune may end on the third, or be modal.
    """
    major = sharps * FIFTH % 12
    tonics = {major, (major - TO_RELATIVE_MAJOR) % 12}
    for voice in (NUMBERS["bass"], NUMBERS[SOPRANO]):
        last = np.flatnonzero(voices.voice == voice)[-1:]
        for note in last.tolist():
            if voices.pitch[note] % 12 in tonics:
                return int(voices.pitch[note]) % 12
    return None


def _cells(voices: Score, kept: np.ndarray, shift: int, asked: Asked) -> np.ndarray:
    """Return the given cells, transposed for a run: ints `(T, 4)`."""
    grid = voices.to_grid(len(VOICES))
    if asked.rewrite is None and asked.keep is None:
        grid = _without_breaths(grid)
    return np.where(kept, np.where(grid == SILENCE, SILENCE, grid + shift), FREE)


def _paced(voices: Score, cells: np.ndarray, start: int) -> tuple[int, int, np.ndarray]:
    """Return the steps that lead to the first one, the pace, and the cells in steps of the run.

    Bach's chorales move in quarters. A melody in half notes, or a cantus firmus in whole ones, is
    read as one in quarters where nothing lies between its steps.
    """
    for pace in _paces(voices):
        beat = STEPS_PER_QUARTER * pace
        lead = -voices.steps_to_bar_line(start) % beat if voices.metres else 0
        whole = np.concatenate([np.repeat(cells[:1], lead, axis=0), cells])
        changes = 1 + np.flatnonzero((whole[1:] != whole[:-1]).any(axis=1))
        if pace == 1 or (not (changes % pace).any() and len(whole) % pace == 0):
            return lead, pace, whole[::pace]
    raise AssertionError("a pace of 1 is always possible")


def _paces(voices: Score) -> list[int]:
    """Return the paces at which a piece may be read, the slowest first."""
    short, usual = np.quantile(voices.duration, (SHORT, 0.5))
    in_halves = voices.metres and voices.metres[0][2] == HALF and usual >= 2 * STEPS_PER_QUARTER
    slow = [
        pace for pace in (4, 2) if short >= pace * STEPS_PER_QUARTER or (pace == 2 and in_halves)
    ]
    return [*slow, 1]


def _given(voices: Score, cells: np.ndarray, start: int, lead: int, pace: int) -> Given:
    """Return the constraints for a run; errors name bars and beats of the piece."""
    metre = voices.time_signature
    if pace > 1 or metre is None:
        return Given(cells, ends=True)
    grid = np.zeros((len(cells), 1), int)
    upbeat = lead + voices.steps_to_bar_line(start)
    return Given(cells, ends=True, score=Score.from_grid(grid, metres=[(0, *metre)], upbeat=upbeat))


def _without_breaths(grid: np.ndarray) -> np.ndarray:
    """Return a grid in which short rests are replaced by holding the previous note."""
    grid = grid.copy()
    for column in grid.T:
        edges = np.flatnonzero(np.diff(column, prepend=-1)).tolist()
        for start, end in pairwise(edges[1:]):
            if column[start] == SILENCE and end - start <= LONGEST_BREATH:
                column[start:end] = column[start - 1]
    return grid


def _about_shift(shift: int, sharps: int) -> str:
    there = _signature_name(moved_signature(sharps, shift))
    return (
        f"The run is shown the piece {abs(shift)} semitone{'s' * (abs(shift) != 1)} "
        f"{'higher' if shift > 0 else 'lower'} ({there}), where it knows such voices best; the new "
        "piece is moved back."
    )


def _signature_name(sharps: int) -> str:
    if not sharps:
        return "no accidentals"
    return f"{abs(sharps)} {'sharp' if sharps > 0 else 'flat'}{'s' * (abs(sharps) != 1)}"
