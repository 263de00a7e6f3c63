"""A user's piece with given notes, its transposed form for a run, and the way back.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from bach_tf.codecs.satb import VELOCITIES
from bach_tf.composing.given import Given
from bach_tf.formats.grid_csv import VOICES
from bach_tf.formats.rendition import Span
from bach_tf.score import COLUMNS, SILENCE, STEPS_PER_QUARTER, Part, Score
from bach_tf.theory.keys import Key, estimate_key, key_signature
from bach_tf.theory.metre import with_metre

LOUDEST = 127  # velocity


@dataclass(frozen=True, eq=False)
class Outline:
    """A piece with given notes, in the user's form and in the run's form.

    Args:
        source: the piece with its given lines as voices, 0 for the soprano to 3 for the bass, on
            its own grid.
        voices: the same on a grid of sixteenths.
        kept: bool `(T, 4)`, the given cells of `voices`.
        start: the step of `voices` at which the run starts.
        end: the step at which it ends.
        lead: additional steps before `start`, so that the run starts on a beat.
        pace: steps of `voices` per step of the run: 2 if half notes are read as quarters.
        shift: transposition in semitones from the piece to the run's form.
        key: the requested key.
        tonic: pitch class of the final tonic; `None` if the run decides.
        given: the constraints in the run's form.
        remarks: the choices made, one sentence each.
    """

    source: Score
    voices: Score
    kept: np.ndarray
    start: int
    end: int
    lead: int
    pace: int
    shift: int
    key: Key | None
    tonic: int | None
    given: Given
    remarks: tuple[str, ...] = ()

    @property
    def is_given(self) -> list[bool]:
        """The voices that are given from beginning to end."""
        return [bool(voice.all()) for voice in self.kept[self.start : self.end].T]

    @property
    def spans(self) -> tuple[Span, ...]:
        """The given passages of each voice on the grid of the piece, for a rendition."""
        scale = self.source.steps_per_quarter // STEPS_PER_QUARTER
        spans = []
        for voice in range(len(VOICES)):
            edges = np.flatnonzero(np.diff(self.kept[:, voice], prepend=False, append=False))
            bounds = (edges * scale).tolist()
            spans += [(a, b, voice) for a, b in zip(bounds[::2], bounds[1::2])]
        return tuple(spans)

    @property
    def source_with_parts(self) -> Score:
        """The piece with the names and instruments of all four voices."""
        return replace(self.source, parts=self._parts())

    def grid_of(self, pitches: np.ndarray) -> np.ndarray:
        """Return the sounding pitches in the user's key, in steps of the run: ints `(T, 4)`.

        Args:
            pitches: ints `(lead / pace + T, 4)`, as written by a run.
        """
        grid = np.array(pitches, int)[self.lead // self.pace :]
        return np.where(grid == SILENCE, SILENCE, grid - self.shift)

    def restored(self, pitches: np.ndarray) -> Score:
        """Return a version in the user's form: the unchanged given notes and the new ones.

        Args:
            pitches: ints `(lead / pace + T, 4)`, as written by a run, 0 for rests.

        Returns:
            a score with the grid, key, metres, tempi, fermatas and title of the piece.
        """
        grid = np.full((self.voices.length, len(VOICES)), SILENCE)
        whole = np.repeat(np.array(pitches, int), self.pace, axis=0)[self.lead :]
        grid[self.start : self.end] = np.where(whole == SILENCE, SILENCE, whole - self.shift)
        grid = np.where(self.kept, self.voices.to_grid(len(VOICES)), grid)
        notes = [note for voice in range(len(VOICES)) for note in self._notes(grid, voice)]
        columns = dict(zip(COLUMNS, np.array(notes, int).reshape(-1, len(COLUMNS)).T))
        score = with_metre(replace(self.source, **columns, parts=self._parts()))
        if self.key is not None:
            return replace(score, key_signature=self.key.sharps, key_changes=())
        known = score.key_signature is not None or estimate_key(score) is None
        return score if known else replace(score, key_signature=key_signature(score))

    def _notes(self, grid: np.ndarray, voice: int) -> list[tuple[int, ...]]:
        """Return the notes of a voice on the grid of the piece, in the order of `COLUMNS`."""
        own, steps = _rows(self.source, voice), _rows(self.voices, voice)
        # Both grids have the same notes in the same order.
        whole = {(step[0], step[0] + step[1]): note for step, note in zip(steps, own, strict=True)}
        begins = self._begins(grid[:, voice], voice, whole)
        edges = [*np.flatnonzero(begins).tolist(), len(grid)]
        scale = self.source.steps_per_quarter // STEPS_PER_QUARTER
        notes = []
        for start, end in pairwise(edges):
            if self.kept[start:end, voice].all() and (start, end) in whole:
                notes.append(whole[start, end])
            elif pitch := int(grid[start, voice]):
                for first, last in pairwise(self._struck(start, end, voice)):
                    where = first * scale, (last - first) * scale
                    notes.append((*where, pitch, voice, self._velocity(voice)))
        return notes

    def _struck(self, start: int, end: int, voice: int) -> list[int]:
        """Return the steps at which a note of the grid is struck, and its end.

        A new note that began together with a given one is repeated with it, as Bach nearly always
        does.
        """
        steps = [start]
        if not self.kept[start:end, voice].any():
            for step, before in self._repeats:
                if start < step < end and before == steps[-1]:
                    steps.append(step)
        return [*steps, end]

    @cached_property
    def _repeats(self) -> list[tuple[int, int]]:
        """The onsets of repeated given notes, each with the onset of the note before, in order."""
        voices, found = self.voices, {}
        for voice in range(len(VOICES)):
            mine = voices.voice == voice
            onset, pitch = voices.onset[mine], voices.pitch[mine]
            again = (pitch[1:] == pitch[:-1]) & (onset[1:] == (onset + voices.duration[mine])[:-1])
            again &= self.kept[onset[1:], voice] & self.kept[onset[:-1], voice]
            found |= dict(zip(onset[1:][again].tolist(), onset[:-1][again].tolist()))
        return sorted(found.items())

    def _velocity(self, voice: int) -> int:
        """Return the velocity of new notes: in proportion to the given ones, outer voices lead."""
        usual = np.array(VELOCITIES)[self.source.voice].mean()
        louder = self.source.velocity.mean() / usual
        return int(np.clip(round(VELOCITIES[voice] * louder), 1, LOUDEST))

    def _begins(self, column: np.ndarray, voice: int, whole: Iterable[tuple[int, int]]):
        """Return where notes and rests start; repeated given notes are struck again."""
        onsets, ends = ({edges[place] for edges in whole} for place in (0, 1))
        kept = self.kept[:, voice]
        begins = np.diff(column, prepend=-1) != 0
        for step in range(1, len(column)):
            if kept[step]:
                begins[step] |= step in onsets
            elif kept[step - 1]:
                begins[step] |= step in ends
        return begins

    def _parts(self) -> tuple[Part, ...]:
        """Return the four parts: given ones unchanged, new ones with the same instrument.

        New names begin with a capital if given ones do.
        """
        given = [*self.source.parts, *[Part()] * len(VOICES)][: len(VOICES)]
        programs = [part.program for part in given if part.program is not None]
        program = programs[0] if programs else None
        capital = any(part.name[:1].isupper() for part in given)
        names = [name.capitalize() if capital else name for name in VOICES]
        both = [(part.name or name, part.program, part) for part, name in zip(given, names)]
        return tuple(
            replace(part, name=name, program=program if own is None else own)
            for name, own, part in both
        )


def _rows(score: Score, voice: int) -> list[tuple[int, ...]]:
    """Return the notes of a voice, each in the order of `COLUMNS`."""
    rows = zip(*(getattr(score, name).tolist() for name in COLUMNS))
    return [row for row in rows if row[COLUMNS.index("voice")] == voice]
