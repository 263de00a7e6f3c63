"""Given parts of a piece: notes, rests, onsets, held notes and the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf.codecs import PAD, Codec, SatbCodec
from bach_tf.composing.given_tokens import ANY, BEGINS, FREE, HOLDS, Constraints
from bach_tf.formats.grid_csv import VOICES
from bach_tf.score import SILENCE, STEPS_PER_QUARTER, Score
from bach_tf.theory.bars import bar_and_beat, place_of
from bach_tf.theory.note_names import HIGHEST_NUMBER, note_name

ONSETS = {ANY: "any", BEGINS: "begins", HOLDS: "holds"}


@dataclass(frozen=True, eq=False)
class Given:
    """The given cells of the grid of a piece of four voices.

    Args:
        cells: ints `(T, 4)`, one row per step, from the soprano down: a MIDI pitch, 0 for a rest,
            or `FREE`.
        onsets: ints `(T, 4)`: `BEGINS` where the voice changes to another note or rest, `HOLDS`
            where it continues that of the previous step, else `ANY`. The pitch may be given as
            well. A single number applies to all cells.
        ends: whether the piece must end after its last step.
        score: score whose metres give the bar and beat of a step.

    Raises:
        ValueError: if the grid is empty or has another shape or other numbers, or if cells
            contradict each other. The message names voice, bar and beat.

    Example:
        >>> melody = [[67, None, None, None]] * 4 + [[72, None, None, 48]] * 4
        >>> given = Given.from_grid(melody, ends=True)
        >>> given.cells[4].tolist(), given.share
        ([72, -1, -1, 48], 0.375)
    """

    cells: np.ndarray
    onsets: np.ndarray = field(default_factory=lambda: np.array(ANY))
    ends: bool = False
    score: Score | None = None

    def __post_init__(self):
        cells = np.array(self.cells)
        onsets = np.array(self.onsets)
        onsets = np.full_like(cells, onsets) if onsets.ndim == 0 else onsets
        if cells.ndim != 2 or not len(cells) or cells.shape[1] != len(VOICES):
            raise ValueError(
                f"Expected what is given as a grid of {len(VOICES)} voices, a row a step. "
                f"Received: the shape {cells.shape}"
            )
        if onsets.shape != cells.shape:
            raise ValueError(
                f"`onsets` must have the shape of the cells, {cells.shape}. "
                f"Received: {onsets.shape}"
            )
        for name, table, (low, high) in (
            ("cells", cells, (FREE, HIGHEST_NUMBER)),
            ("onsets", onsets, (ANY, HOLDS)),
        ):
            if table.dtype.kind not in "iu" or table.min() < low or table.max() > high:
                raise ValueError(
                    f"`{name}` must be whole numbers in {low}..{high}. "
                    f"Received: {shortened(table[:1].tolist())}, ..."
                )
        object.__setattr__(self, "cells", cells.astype(np.int16))
        object.__setattr__(self, "onsets", onsets.astype(np.int8))
        self._narrowed(np.ones((len(VOICES), HIGHEST_NUMBER + 1), bool), SILENCE)

    @classmethod
    def from_grid(
        cls,
        grid: Iterable[Sequence[float | None]],
        *,
        onsets: np.typing.ArrayLike = ANY,
        ends: bool = False,
        score: Score | None = None,
    ) -> Given:
        """Return the given cells of a grid of pitches, in which `None` or NaN is free.

        Args:
            grid: `(T, 4)`; 0 is a rest.
            onsets: as in `Given`.
            ends: as in `Given`.
            score: as in `Given`.

        Raises:
            ValueError: as `Given`, or if a pitch is not an integer.
        """
        rows = [[np.nan if pitch is None else pitch for pitch in row] for row in grid]
        if len({len(row) for row in rows}) > 1:
            raise ValueError(f"Expected rows of {len(VOICES)} voices. Received: rows of several")
        pitches = np.array(rows, float)
        free = np.isnan(pitches)
        cells = np.where(free, FREE, pitches)
        if (cells != np.floor(cells)).any() or (cells[~free] < 0).any():
            wrong = cells[(cells != np.floor(cells)) | ((cells < 0) & ~free)][0]
            raise ValueError(f"A pitch must be a whole number of at least 0. Received: {wrong:g}")
        return cls(cells.astype(int), np.asarray(onsets), ends, score)

    @classmethod
    def nothing(cls, steps: int, *, ends: bool = False) -> Given:
        """Give only the length of a piece.

        Args:
            steps: number of steps.
            ends: whether the piece must end after them.

        Raises:
            ValueError: if there are no steps.
        """
        return cls(np.full((steps, len(VOICES)), FREE), ends=ends)

    @classmethod
    def of(cls, score: Score, keep: Sequence[str], *, ends: bool = True) -> Given:
        """Give some voices of a piece.

        Args:
            score: on a grid of sixteenths.
            keep: names of `VOICES`.
            ends: as in `Given`.

        Raises:
            ValueError: if the score has another grid or no steps, or a voice is unknown or has two
                simultaneous notes.

        Example:
            >>> from bach_tf.score import Score
            >>> score = Score.from_grid([[67, 62, 59, 43]] * 2)
            >>> Given.of(score, ["soprano", "bass"]).cells[0].tolist()
            [67, -1, -1, 43]
        """
        numbers = [choose(dict(zip(VOICES, range(len(VOICES)))), name, "voice") for name in keep]
        kept = np.zeros((score.length, len(VOICES)), bool)
        kept[:, numbers] = True
        return cls.masked(score, kept, ends=ends)

    @classmethod
    def melody(cls, score: Score, voice: str = "soprano", *, ends: bool = True) -> Given:
        """Give one voice of a piece: the single voice of a score.

        Args:
            score: a score of one voice, on a grid of sixteenths.
            voice: a name of `VOICES`.
            ends: as in `Given`.

        Raises:
            ValueError: as `of`, or if the score has several voices.
        """
        number = choose(dict(zip(VOICES, range(len(VOICES)))), voice, "voice")
        if score.voices > 1:
            raise ValueError(f"Expected one voice. Received: {score.voices}. Choose one of them.")
        _check_grid(score)
        cells = np.full((score.length, len(VOICES)), FREE)
        cells[:, number] = score.to_grid(1)[:, 0]
        return cls(cells, ends=ends, score=score)

    @classmethod
    def rewrite(cls, score: Score, start: int, end: int, voices: Sequence[str] = VOICES) -> Given:
        """Give a whole piece except some steps; the steps after them count as well.

        Args:
            score: on a grid of sixteenths.
            start: the first free step; see `bar_start` for the start of a bar.
            end: the step after the last free one.
            voices: the voices that are free there.

        Raises:
            ValueError: as `of`, or if the steps are not in the piece.
        """
        if not 0 <= start < end <= score.length:
            raise ValueError(
                f"Expected steps of the piece, 0..{score.length}, the first before the last. "
                f"Received: {start}..{end}"
            )
        numbers = [choose(dict(zip(VOICES, range(len(VOICES)))), name, "voice") for name in voices]
        kept = np.ones((score.length, len(VOICES)), bool)
        kept[start:end, numbers] = False
        return cls.masked(score, kept)

    @classmethod
    def masked(cls, score: Score, kept: np.ndarray, *, ends: bool = True) -> Given:
        """Give some cells of a piece.

        Args:
            score: on a grid of sixteenths.
            kept: bool `(T, 4)`, the given cells.
            ends: as in `Given`.

        Raises:
            ValueError: if the score has another grid or no steps, `kept` has another shape, or a
                voice has two simultaneous notes.
        """
        _check_grid(score)
        grid = score.to_grid(len(VOICES))
        if kept.shape != grid.shape:
            raise ValueError(
                f"`kept` must have a row for each step and a column for each voice, {grid.shape}. "
                f"Received: {kept.shape}"
            )
        return cls(np.where(kept, grid, FREE), ends=ends, score=score)

    @property
    def length(self) -> int:
        """Number of steps of the piece."""
        return len(self.cells)

    @property
    def share(self) -> float:
        """Fraction of the cells with a given note, rest or onset."""
        return float(((self.cells != FREE) | (self.onsets != ANY)).mean())

    def place(self, step: int, voice: int) -> str:
        """Describe the position of a cell.

        Example:
            >>> Given.nothing(32).place(20, 3)
            'bass, bar 2, beat 2'
        """
        score = (
            Score.from_grid(np.zeros((self.length, 1), int)) if self.score is None else self.score
        )
        return f"{VOICES[voice]}, {place_of(score, step)}"

    def constraints(self, codec: Codec) -> Constraints:
        """Return the constraints in the ids of a codec.

        Raises:
            ValueError: if the codec does not have four voices, or lacks a given note; the message
                names voice, bar and beat.
        """
        if not isinstance(codec, SatbCodec):
            raise ValueError(
                f"Expected a run that writes four voices. Received: one that writes "
                f"{codec.step_name}s of {', '.join(codec.voice_names)}."
            )
        self._check_notes(codec)
        followers = codec.may_follow.copy()
        followers[:, codec.END] = False
        every = self._narrowed(followers, codec.SILENT, codec.pitch_ids)
        order = codec.order
        allowed = every[:, order].reshape(-1, codec.vocab_size)
        links = self.onsets[:, order].reshape(-1)
        given = (allowed != np.tile(followers, (self.length, 1))).any(axis=1) | (links != ANY)
        return Constraints(allowed, given, links, self.ends, self._tonics(), self._last_onset())

    def _check_notes(self, codec):
        unknown = np.asarray(self.cells != FREE) & (codec.pitch_ids[self.cells] == PAD)
        if unknown.any():
            step, voice = (int(x) for x in np.argwhere(unknown)[0])
            lowest, highest = (note_name(pitch) for pitch in (codec.lowest, codec.highest))
            raise ValueError(
                f"Given notes must be in {lowest}..{highest}, those of the run. Received: "
                f"{note_name(int(self.cells[step, voice]))} ({self.place(step, voice)}). "
                "Transpose the piece."
            )

    def _narrowed(self, followers, silent: int, ids: np.ndarray | None = None) -> np.ndarray:
        """Return the possible ids of each cell given all cells: bool `(T, 4, V)`.

        Args:
            followers: bool `(4, V)`, the ids of all notes and of the rest.
            silent: the id of the rest.
            ids: the ids of the pitches; by default, the pitches themselves.
        """
        sets = np.tile(followers, (self.length, 1, 1))
        known = np.asarray(self.cells != FREE)
        numbers = self.cells[known] if ids is None else ids[self.cells[known]]
        sets[known] = np.arange(followers.shape[1]) == numbers[:, None]
        begins, holds = self.onsets == BEGINS, self.onsets == HOLDS
        sets[begins, silent] = False
        self._refuse(holds[:1].any(axis=0), 0, "nothing stands before that could be held")
        for step in range(1, self.length):
            self._link(sets, step, step - 1, holds[step], begins[step])
        for step in range(self.length - 1, 0, -1):
            self._link(sets, step - 1, step, holds[step], begins[step])
        empty = ~sets.any(axis=2)
        if empty.any():
            step = int(np.argwhere(empty)[0, 0])
            self._refuse(empty[step], step, "cells that are given cannot be together")
        return sets

    @staticmethod
    def _link(sets, step: int, neighbour: int, holds, begins) -> None:
        """Restrict the cells of a step to what those of the neighbouring step allow."""
        other = sets[neighbour]
        sets[step, holds] &= other[holds]
        only = begins & (other.sum(axis=1) == 1)
        sets[step, only] &= ~other[only]

    def _refuse(self, wrong, step: int, why: str) -> None:
        if wrong.any():
            voice = int(np.argmax(wrong))
            pitch, onset = int(self.cells[step, voice]), int(self.onsets[step, voice])
            what = "free" if pitch == FREE else note_name(pitch) if pitch else "silence"
            raise ValueError(
                f"What is given contradicts itself: {why}. Received: {what}, "
                f"{ONSETS[onset]} ({self.place(step, voice)})"
            )

    def _last_onset(self) -> int | None:
        """Return the step at which the last chord begins, according to the given cells."""
        known = np.asarray(self.cells[-1] != FREE)
        if not known.any():
            return None
        changes = (self.cells[1:] != self.cells[:-1])[:, known].any(axis=1)
        return int(np.flatnonzero(changes)[-1]) + 1 if changes.any() else 0

    def _tonics(self) -> np.ndarray:
        """Return the tonics on which the given last notes can form a root-position triad.

        If there are none, all are returned.
        """
        last = self.cells[-1].astype(int)
        degrees = (last[:, None] - np.arange(12)) % 12  # (4, 12)
        fits = np.isin(degrees, (0, 3, 4, 7))
        fits[-1] = degrees[-1] == 0
        fits |= (last <= SILENCE)[:, None]
        possible = fits.all(axis=0)
        return possible if possible.any() else np.ones(12, bool)


def bar_start(score: Score, bar: int) -> int:
    """Return the first step of a bar of a piece; for the bar after the last one, the end.

    Args:
        score: the piece.
        bar: number of the bar; 1 is the first full bar, 0 the upbeat.

    Raises:
        ValueError: if the piece does not have this bar.

    Example:
        >>> from bach_tf.score import Score
        >>> bar_start(Score.from_grid([[60]] * 40, upbeat=4), 2)
        20
    """
    numbers = [bar_and_beat(score, step)[0] for step in range(score.length)]
    if bar in numbers:
        return numbers.index(bar)
    if numbers and bar == numbers[-1] + 1:
        return score.length
    has = f"bars {numbers[0]}..{numbers[-1]}" if numbers else "no bars"
    raise ValueError(f"The piece has {has}. Received: bar {bar}")


def _check_grid(score: Score) -> None:
    if score.steps_per_quarter != STEPS_PER_QUARTER:
        raise ValueError(
            f"Expected a grid of {STEPS_PER_QUARTER} steps in a quarter. "
            f"Received: {score.steps_per_quarter}"
        )
