"""Write new pieces with a trained run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bach_tf.choices import choose
from bach_tf.corpora.grid_csv import read_grid_csv
from bach_tf.midi import read_midi
from bach_tf.runs import Run
from bach_tf.sampling import Sampler
from bach_tf.score import Score

PRIMERS: dict[str, Callable[[Path], Score]] = {
    ".csv": lambda path: Score.from_grid(read_grid_csv(path), title=path.stem),
    ".mid": read_midi,
    ".midi": read_midi,
}


def generate(
    run: Run,
    *,
    length_steps: int,
    temperature: float,
    seed: int,
    num_outputs: int = 1,
    min_steps: int = 0,
    primer: Score | None = None,
) -> list[Score]:
    """Write pieces in the style of a run.

    Args:
        run: a trained one.
        length_steps: of a piece, its primer counted; the model may end it earlier.
        temperature: divides the logits; above 1 is more daring, 0 takes the likeliest notes.
        seed: the same seed gives the same pieces.
        num_outputs: how many pieces.
        min_steps: before which no piece ends, its primer counted. A model that has learned
            from short windows now and then ends a piece after a few notes.
        primer: how each piece begins.

    Returns:
        the pieces, without the silence before their first note.

    Raises:
        ValueError: no step to write, a primer that the codec cannot hold or that leaves no
            room, or a temperature that is negative or not a number.

    Example:
        >>> scores = generate(run, length_steps=64, temperature=1.0, seed=1)  # doctest: +SKIP
    """
    codec = run.codec
    if length_steps < 1:
        raise ValueError(f"`length_steps` must be at least 1. Received: {length_steps}")
    if primer is not None and primer.length >= length_steps:
        raise ValueError(
            f"The primer has {primer.length} steps and the piece is to have {length_steps}. "
            "Ask for a longer piece, or give a shorter primer."
        )
    prompt = [codec.START] if primer is None else codec.encode(primer)[:-1]
    tokens_per_step = len(codec.may_follow)
    pieces = Sampler(run.model, codec).sample(
        prompt,
        length=length_steps * tokens_per_step,
        temperature=temperature,
        seed=seed,
        num_outputs=num_outputs,
        min_length=min_steps * tokens_per_step,
    )
    return [without_leading_silence(codec.decode(ids)) for ids in pieces]


def read_primer(path: Path) -> Score:
    """Read the beginning of a piece from a CSV grid or a MIDI file.

    Raises:
        ValueError: another ending, no such file, or a file that cannot be read.
    """
    read = choose(PRIMERS, path.suffix.lower(), "kind of primer")
    if not path.is_file():
        raise ValueError(f"No primer {path}.")
    return read(path)


def without_leading_silence(score: Score) -> Score:
    """Return the score from its first note on."""
    if not len(score):
        return score
    silence = int(score.onset.min())
    return replace(score, onset=score.onset - silence, length=score.length - silence)


def bars(score: Score) -> float:
    """Return how many bars a score has, the last one counted in parts."""
    return score.length / score.steps_per_bar
