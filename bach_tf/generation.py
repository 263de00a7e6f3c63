"""Write new pieces with a trained run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from bach_tf.choices import choose
from bach_tf.codecs import parse_tokens
from bach_tf.corpora.grid_csv import read_grid_csv
from bach_tf.midi import (
    PERFORMANCE_TEMPO_QPM,
    STEPS_PER_SECOND,
    read_midi,
    read_midi_seconds,
)
from bach_tf.pipeline import load_split
from bach_tf.runs import Run
from bach_tf.sampling import Sampler
from bach_tf.score import Score
from bach_tf.training import prepare_corpus

PERFORMANCE_STEPS_PER_QUARTER = STEPS_PER_SECOND * 60 // PERFORMANCE_TEMPO_QPM
FROM_CORPUS = "corpus"  # a primer that is cut out of the corpus at random


def read_timed_midi(path: Path, steps_per_quarter: int) -> Score:
    """Read a MIDI file on a grid of beats, or on that of performances, which count seconds."""
    if steps_per_quarter == PERFORMANCE_STEPS_PER_QUARTER:
        return read_midi_seconds(path)
    return read_midi(path, steps_per_quarter)


PRIMERS: dict[str, Callable[[Path, int], Score]] = {
    ".csv": lambda path, _: Score.from_grid(read_grid_csv(path), title=path.stem),
    ".mid": read_timed_midi,
    ".midi": read_timed_midi,
}


def generate(run: Run, **how) -> list[Score]:
    """Write pieces in the style of a run.

    Args:
        run: a trained one.
        **how: as `generate_ids` takes it.

    Returns:
        the pieces, without the silence before their first note.

    Raises:
        ValueError: as `generate_ids`.

    Example:
        >>> scores = generate(run, length=64, temperature=1.0, seed=1)  # doctest: +SKIP
    """
    return [decode_piece(run.codec, ids) for ids in generate_ids(run, **how)]


def decode_piece(codec, ids: np.ndarray) -> Score:
    """Return the score of ids that begin with the start token, without silence at its beginning."""
    return codec.decode(ids[1:]).without_leading_silence()


def primer_steps(codec, prompt: np.ndarray) -> int:
    """Return how many steps of a piece's score are those of its prompt.

    Args:
        codec: of the run.
        prompt: ids int32 `(1 + P,)`, as `make_prompt` returns them.
    """
    primer = decode_piece(codec, prompt)
    return primer.length if len(primer) else 0


def generate_ids(
    run: Run,
    *,
    length: int,
    temperature: float,
    seed: int,
    num_outputs: int = 1,
    min_length: int = 0,
    prompt: np.ndarray | None = None,
    top_k: int = 0,
    top_p: float = 1.0,
) -> np.ndarray:
    """Write pieces in the style of a run, as ids.

    Args:
        run: a trained one.
        length: of a piece in steps of the codec, its prompt counted; the model may end it earlier.
        temperature: divides the logits; above 1 is more daring, 0 takes the likeliest notes.
        seed: the same seed gives the same pieces.
        num_outputs: how many pieces.
        min_length: steps before which no piece ends, its prompt counted. A model that has learned
            from short windows now and then ends a piece after a few notes.
        prompt: ids int32 `(1 + P,)` with which each piece begins, as `make_prompt` returns them.
            The first one is the start token or what stands before the others.
        top_k: draw among so many of the likeliest ids; 0 for all.
        top_p: draw among the likeliest ids that have this share of the probability.

    Returns:
        int32 `(num_outputs, 1 + length in tokens)`. The end token stands in a piece that the model
        has ended, and padding behind it; one without was cut.

    Raises:
        ValueError: no step to write, a prompt that leaves no room, or a temperature, `top_k` or
            `top_p` that cannot be.
    """
    codec = run.codec
    if length < 1:
        raise ValueError(f"`length` must be at least 1. Received: {length}")
    prompt = np.array([codec.START]) if prompt is None else prompt
    tokens_per_step = len(codec.may_follow)
    steps = -(-(len(prompt) - 1) // tokens_per_step)
    if steps >= length:
        raise ValueError(
            f"The primer has {steps} steps and the piece is to have {length}. "
            "Ask for a longer piece, or give a shorter primer."
        )
    return Sampler(run.model, codec).sample(
        prompt,
        length=length * tokens_per_step,
        temperature=temperature,
        seed=seed,
        num_outputs=num_outputs,
        min_length=min_length * tokens_per_step,
        top_k=top_k,
        top_p=top_p,
        allowed=codec.may_write,
    )


def make_prompt(
    run: Run, primer: str | None, seed: int = 0, length: int | None = None
) -> np.ndarray:
    """Return the ids with which pieces are to begin: int32 `(1 + P,)`.

    Args:
        run: gives the codec, and the corpus.
        primer: a .csv or .mid file; "corpus" for a passage of the training split, drawn at random;
            or tokens of the codec, separated by spaces. `None` for a piece from its beginning.
        seed: of the passage that is drawn.
        length: steps of the primer, of which the rest is left out; for "corpus" a training
            window when `None`, for others all of it.

    Raises:
        ValueError: a file that cannot be read, music or a token that the codec does not know, or
            tokens out of turn.
    """
    if length is not None and length < 1:
        raise ValueError(f"The length of a primer must be at least 1. Received: {length}")
    if primer is None:
        return np.array([run.codec.START], np.int32)
    if primer == FROM_CORPUS:
        return _passage_of_corpus(run, seed, length or run.preset.window)
    path = Path(primer)
    if path.suffix.lower() in PRIMERS or path.is_file():
        prompt = run.codec.encode(read_primer(path, run.codec.steps_per_quarter))[:-1]
    else:
        prompt = _typed_prompt(run.codec, primer)
    return prompt if length is None else prompt[: 1 + length * len(run.codec.may_follow)]


def _typed_prompt(codec, text: str) -> np.ndarray:
    """Return the ids of tokens that a user has typed, which must stand in turn."""
    try:
        prompt = parse_tokens(codec, text)
    except ValueError as error:
        endings = ", ".join(PRIMERS)
        raise ValueError(
            f"{error} A primer may also be a file ({endings}) or the word {FROM_CORPUS}."
        ) from None
    period = len(codec.may_follow)
    for place, token in enumerate(prompt[1:]):
        if token == codec.END or not codec.may_follow[place % period, token]:
            raise ValueError(
                f"Expected tokens of these kinds in turn: {', '.join(codec.voice_names)}. "
                f"Received: {codec.tokens[token]!r} as number {place + 1}"
            )
    return prompt


def read_primer(path: Path, steps_per_quarter: int) -> Score:
    """Read the beginning of a piece from a CSV grid or a MIDI file.

    Args:
        path: of the file.
        steps_per_quarter: the grid of a MIDI file; that of performances counts seconds.

    Raises:
        ValueError: another ending, no such file, or a file that cannot be read.
    """
    read = choose(PRIMERS, path.suffix.lower(), "kind of primer")
    if not path.is_file():
        raise ValueError(f"No primer {path}.")
    return read(path, steps_per_quarter)


def _passage_of_corpus(run: Run, seed: int, length: int) -> np.ndarray:
    """Return a passage of the training split, of so many steps if the piece has them.

    It begins where a training window may begin: there the model names places in a bar as it does
    at the beginning of a piece.
    """
    pieces = load_split(prepare_corpus(run.preset), "train", run.codec).arrays()
    numbers = np.random.default_rng(seed % 2**32)
    piece = pieces[numbers.integers(len(pieces))]
    tokens_per_step = len(run.codec.may_follow)
    steps = (len(piece) - 2) // tokens_per_step
    length = min(length, steps)
    every = math.lcm(tokens_per_step, run.preset.model.get("period", 1))
    last = tokens_per_step * (steps - length)
    start = every * numbers.integers(last // every + 1)
    # The first id is what stands before the passage, as in a training window.
    return piece[start : start + 1 + tokens_per_step * length]


def steps_of(codec, length: int | None, bars: int | None, default: int) -> int:
    """Return how many steps of a codec a user has asked for.

    Args:
        codec: says what a step is.
        length: in steps, if given.
        bars: of four quarters, if given.
        default: in steps, where neither is given.

    Raises:
        ValueError: both are given, or bars where steps have no length in time.
    """
    if length is not None and bars is not None:
        raise ValueError("Give the length in steps or in bars, not both.")
    if bars is None:
        return default if length is None else length
    if codec.steps_per_bar is None:
        raise ValueError(
            f"This run writes {codec.step_name}s, which are not of one length in time: "
            f"instead of bars give --length, in {codec.step_name}s."
        )
    return bars * codec.steps_per_bar


def free_paths(folder: Path, endings: Sequence[str]) -> list[Path]:
    """Return the first `<date>_<n>` in a folder that nothing is named yet, with each ending."""
    number = 1
    while any(folder.glob(f"{date.today()}_{number}.*")):
        number += 1
    return [folder / f"{date.today()}_{number}{ending}" for ending in endings]
