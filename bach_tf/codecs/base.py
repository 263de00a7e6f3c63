"""The base class of all codecs, and helpers they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import Choice, Settings, Whole, check_settings
from bach_tf.score import BEATS, TIMINGS, Part, Score
from bach_tf.theory.note_names import HIGHEST_NUMBER, note_name, note_number

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
VOICE = "voice"  # in an effect: everything that the token's voice sounds
EXAMPLES = 6  # number of tokens quoted in a message
MOST_TOKENS = 2**18  # in a vocabulary; a model has weights for each of them
PITCH = Whole(0, HIGHEST_NUMBER)
GRID = Whole(1, 1024)  # steps per quarter
QUARTERS = Whole(1, 256)  # longest note
TIMING = Choice(dict.fromkeys(TIMINGS))


class Token(NamedTuple):
    """What an id stands for.

    Args:
        name: readable and unique.
        effect: what the token does in performance: pitches to `strike` and to `release` (or
            "voice" for all notes of its voice), steps to `wait`, `duration` in steps and `velocity`
            of notes, `metre` and `upbeat` (in steps) of the piece.

    Example:
        >>> note(60)
        Token(name='C4', effect={'strike': [60], 'release': [60]})
    """

    name: str
    effect: dict[str, Any]


def note(*pitches: int, prefix: str = "") -> Token:
    """Return the token that strikes a note or chord; a note already sounding is struck anew."""
    name = prefix + ".".join(map(note_name, pitches))
    return Token(name, {"strike": list(pitches), "release": list(pitches)})


HOLD = Token("_", {})
REST = Token("r", {"release": VOICE})


class Codec(ABC):
    """Base class of the codecs; `bach_tf.codecs` describes the contract.

    Args:
        tokens: all tokens except the special ones.

    Raises:
        ValueError: if there are too many tokens.
    """

    # Settings of `fit` besides the scores, and arguments of the constructor, with their bounds.
    ENCODING: ClassVar[Settings] = {}
    ARGUMENTS: ClassVar[Settings]
    NEEDED: ClassVar[tuple[str, ...]]  # required arguments

    START, END = START, END
    unknown: int | None = UNKNOWN
    voice_names: tuple[str, ...]
    part_names: tuple[str, ...] = ()
    metres: tuple[tuple[int, int], ...] = ()
    step_name: str
    steps_per_quarter: int
    timing: str = BEATS  # of decoded scores
    steps_per_bar: int | None = None

    def __init__(self, tokens: Sequence[Token]):
        special = SPECIAL[:UNKNOWN] if self.unknown is None else SPECIAL
        self.tokens = (*special, *(token.name for token in tokens))
        self.effects = (*({} for _ in special), *(token.effect for token in tokens))
        self.has_hold = any(not token.effect for token in tokens)
        self.vocab_size = len(self.tokens)
        if self.vocab_size > MOST_TOKENS:
            raise ValueError(
                f"A vocabulary has at most {MOST_TOKENS} tokens. Received: {self.vocab_size}"
            )
        self.opening = np.zeros((0, self.vocab_size), bool)
        self.counted = np.arange(self.vocab_size) > END
        followers = np.arange(self.vocab_size) >= len(special)
        self.may_follow = np.tile(followers, (len(self.voice_names), 1))
        self.may_follow[0, END] = True  # pieces end between two steps
        self.may_write = self.may_follow

    @classmethod
    @abstractmethod
    def fit(cls, scores: Sequence[Score], *, transpose: tuple[int, int] = (0, 0)) -> Codec:
        """Return a codec fitted to the training split."""

    @classmethod
    @abstractmethod
    def count(cls, score: Score) -> Counter:
        """Return what `fit` needs to know of a piece; the counts of pieces add up.

        Like `fit_counts`, it takes the settings of `fit`. Pieces can thus be counted on several
        machines.
        """

    @classmethod
    @abstractmethod
    def fit_counts(cls, counts: Counter, *, transpose: tuple[int, int] = (0, 0)) -> Codec:
        """Return the codec that `fit` returns for pieces with these counts in sum."""

    @abstractmethod
    def encode(self, score: Score) -> np.ndarray:
        """Return the ids of a piece: int32 `(T,)`."""

    @abstractmethod
    def decode(self, ids: np.typing.ArrayLike) -> Score:
        """Return the score of any sequence of ids."""

    @abstractmethod
    def to_config(self) -> dict:
        """Return the constructor arguments as plain JSON data."""

    @classmethod
    def from_config(cls, config: dict) -> Codec:
        """Rebuild a codec from `to_config`.

        Args:
            config: the arguments; checked, because users may edit them.

        Raises:
            ValueError: if an argument is unknown, missing or invalid.
        """
        arguments = check_settings(cls.ARGUMENTS, config)
        missing = next((name for name in cls.NEEDED if name not in arguments), None)
        if missing:
            raise ValueError(f"The setting `{missing}` of the codec is missing.")
        return cls(**arguments)

    def tokens_in(self, steps: int) -> int:
        """Return the number of tokens in the opening and the given number of steps."""
        return len(self.opening) + steps * len(self.may_follow)

    def voice_of(self, positions: np.typing.ArrayLike) -> np.ndarray:
        """Return the index into `voice_names` of the tokens at the given positions of a piece.

        Args:
            positions: positions in the opening count as the first voice.
        """
        return np.maximum(np.asarray(positions) - len(self.opening), 0) % len(self.voice_names)

    def transposition(self, shifts: Sequence[int]) -> np.ndarray:
        """Return what each id becomes under each shift: int32 `(len(shifts), vocab_size)`.

        Args:
            shifts: in semitones. Ids that would leave the vocabulary become padding.
        """
        table = np.tile(np.arange(self.vocab_size, dtype=np.int32), (len(shifts), 1))
        for row, shift in zip(table, shifts):
            self._move(row, shift)
        return table

    @abstractmethod
    def _move(self, row: np.ndarray, shift: int) -> None:
        """Update `row`, which maps each id to itself, with the transposed ids of pitches."""

    def _piece(self, ids) -> np.ndarray:
        """Add start and end tokens: int32 `(1 + T + 1,)`."""
        return np.concatenate([[START], ids, [END]]).astype(np.int32)

    def _music(self, ids) -> np.ndarray:
        """Return the ids up to the first end token, without padding and start: int64 `(T,)`.

        Raises:
            ValueError: if an id is outside the vocabulary.
        """
        ids = np.asarray(ids, np.int64).reshape(-1)
        if ids.size and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            raise ValueError(
                f"Ids must be in 0..{self.vocab_size - 1}. Received: {ids.min()}..{ids.max()}"
            )
        ends = np.flatnonzero(ids == END)
        music = ids[: ends[0]] if ends.size else ids
        return music[music > END]

    def _check_grid(self, score: Score) -> None:
        if score.steps_per_quarter != self.steps_per_quarter:
            raise ValueError(
                f"`steps_per_quarter` must be {self.steps_per_quarter}. "
                f"Received: {score.steps_per_quarter} ({title_of(score)})"
            )


def parse_tokens(codec: Codec, text: str) -> np.ndarray:
    """Return the ids of tokens typed by a user, preceded by the start token.

    Args:
        codec: the codec with these tokens.
        text: token names separated by blanks. Notes may also be MIDI numbers or flats.

    Returns:
        int32 `(1 + T,)`.

    Raises:
        ValueError: if a name is not a token of the codec.

    Example:
        >>> from bach_tf.codecs import MelodyCodec
        >>> parse_tokens(MelodyCodec(lowest=60, highest=72), "C4 _ 62 r").tolist()
        [1, 6, 4, 8, 5]
    """
    ids = {name: number for number, name in enumerate(codec.tokens)}
    names = [name if name in ids else _respelled(name) for name in text.split()]
    unknown = next((name for name in names if name not in ids), None)
    if unknown is not None:
        music = np.flatnonzero(codec.may_follow.any(axis=0))[1:]  # all but the end
        some = music[np.linspace(0, music.size - 1, EXAMPLES).astype(int)]
        examples = dict.fromkeys(codec.tokens[number] for number in some)
        raise ValueError(
            f"Unknown token '{shortened(unknown)}'. Tokens of this codec are, for example: "
            f"{', '.join(examples)}."
        )
    return np.array([START, *(ids[name] for name in names)], np.int32)


def _respelled(name: str) -> str:
    """Return a note or chord with the spelling of `note_name`; anything else unchanged."""
    try:
        return ".".join(note_name(note_number(note)) for note in name.split("."))
    except ValueError:
        return name


def title_of(score: Score) -> str:
    """Return how messages refer to a score."""
    return score.title or "a score"


def notes_of_range(
    lowest: int, highest: int, within: tuple[int, int] = (0, HIGHEST_NUMBER)
) -> list[Token]:
    """Return the tokens of pitches `lowest..highest`.

    Raises:
        ValueError: if the bounds are outside `within`, or in the wrong order.
    """
    if not within[0] <= lowest <= highest <= within[1]:
        raise ValueError(
            f"`lowest` and `highest` must be in {within[0]}..{within[1]}, in order. "
            f"Received: lowest={lowest}, highest={highest}"
        )
    return [note(pitch) for pitch in range(lowest, highest + 1)]


def pitch_range(pitches: Sequence[int] | np.ndarray, transpose: tuple[int, int]) -> tuple[int, int]:
    """Return the lowest and highest pitch of the training split, extended by transposition.

    Args:
        pitches: pitches of all notes.
        transpose: lowest and highest shift, in semitones.

    Raises:
        ValueError: if there are no notes.
    """
    if not len(pitches):
        raise ValueError("Expected at least one note to fit a codec to. Received: none")
    down, up = transpose
    return max(int(min(pitches)) + down, 0), min(int(max(pitches)) + up, HIGHEST_NUMBER)


def sum_of(counts: Iterable[Counter]) -> Counter:
    """Return the sum of counters.

    Args:
        counts: of pieces, or sums of them.
    """
    total: Counter = Counter()
    for each in counts:
        total.update(each)
    return total


def pitches_of(scores: Sequence[Score]) -> np.ndarray:
    """Return the pitches of all notes of all scores: int64 `(N,)`."""
    return np.concatenate([score.pitch for score in scores]) if len(scores) else np.zeros(0, int)


def common_grid(scores: Sequence[Score]) -> tuple[int, str]:
    """Return the steps per quarter and the timing shared by all scores.

    Raises:
        ValueError: if there are no scores, or their grids or timings differ.
    """
    if not len(scores):
        raise ValueError("Expected at least one score to fit a codec to. Received: none")
    first = scores[0]
    for score in scores:
        if score.steps_per_quarter != first.steps_per_quarter:
            raise ValueError(
                "Expected scores on one grid. Received: "
                f"steps_per_quarter={first.steps_per_quarter} ({title_of(first)}) and "
                f"{score.steps_per_quarter} ({title_of(score)})"
            )
        if score.timing != first.timing:
            raise ValueError(
                f"Expected scores of one timing. Received: {first.timing} ({title_of(first)}) and "
                f"{score.timing} ({title_of(score)})"
            )
    return first.steps_per_quarter, first.timing


def only_grid(grids: Iterable[tuple[int, str]]) -> tuple[int, str]:
    """Return the one grid of all pieces: steps per quarter, and timing.

    Args:
        grids: of pieces.

    Raises:
        ValueError: if there is none, or several.
    """
    found = sorted(set(grids))
    if len(found) != 1:
        raise ValueError(f"Expected pieces on one grid to fit a codec to. Received: {found}")
    return found[0]


def move_block(row: np.ndarray, block: slice, shift: int) -> None:
    """Shift the ids of consecutive pitches; those that leave the block become padding."""
    ids = np.arange(block.start, block.stop) + shift
    row[block] = np.where((ids >= block.start) & (ids < block.stop), ids, PAD)


def cut_where_struck_again(notes: np.ndarray) -> np.ndarray:
    """Remove overlaps between notes of the same pitch.

    A note ends where its pitch is struck again; of several simultaneous ones, the longest is
    kept.

    Args:
        notes: int `(N, 4)`: onset, duration, pitch and velocity of each.

    Returns:
        int `(M, 4)`, sorted by pitch, then onset.
    """
    onset, duration, pitch, _ = notes.T
    notes = notes[np.lexsort((-duration, onset, pitch))]
    onset, pitch = notes[:, 0], notes[:, 2]
    notes = notes[(np.diff(onset, prepend=-1) != 0) | (np.diff(pitch, prepend=-1) != 0)]
    onset, duration, pitch, _ = notes.T  # views: changing them changes `notes`
    again = np.flatnonzero(np.diff(pitch) == 0)
    duration[again] = np.minimum(duration[again], np.diff(onset)[again])
    return notes


def one_voice(codec: Codec, notes: np.ndarray, *, length: int) -> Score:
    """Return a score with all notes in voice 0, on the grid of a codec.

    Args:
        codec: the codec that decoded them.
        notes: int `(N, 4)`: onset, duration, pitch and velocity of each.
        length: length of the piece in steps.
    """
    onset, duration, pitch, velocity = notes.T
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=np.zeros(len(notes), int),
        velocity=velocity,
        length=length,
        steps_per_quarter=codec.steps_per_quarter,
        timing=codec.timing,
        parts=tuple(map(Part, codec.part_names)),
    )
