"""The exact likelihood of a corpus under a run, and the counterpoint of generated pieces."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.composing.generation import generate
from bach_tf.corpora import read_prepared, read_split
from bach_tf.learning import measured_batches
from bach_tf.learning.runs import Run
from bach_tf.learning.shard_batches import damage_named
from bach_tf.learning.windows import load_split
from bach_tf.measuring import counterpoint
from bach_tf.measuring.bars import Bars, bars_of, steps_of_bars
from bach_tf.measuring.breakdown import Breakdown, break_down, format_breakdowns
from bach_tf.measuring.comparison import Comparison, compare
from bach_tf.measuring.ngrams import measure_ngrams
from bach_tf.models import NextTokenModel
from bach_tf.score import STEPS_PER_QUARTER

VOICE, POSITION = "voice", "step of the bar"  # titles of labels
NO_BARS: Bars = MappingProxyType({})
LEAST_CHANGES = (1, 4, 8)  # bounds of groups by the changes in a context found in memory
ORDERS = (0, 3, 7)  # n-gram baselines; order 3 does not reach beyond a step of four voices


@dataclass(frozen=True)
class Labels:
    """A grouping of tokens in a breakdown.

    Args:
        title: such as "voice".
        names: names of the labels.
        of: maps inputs, ids int `(B, T)`, to the label of each target, int `(B, T)` or `(T,)`.
            Only labels of counted tokens are used.
    """

    title: str
    names: tuple[str, ...]
    of: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Tokens:
    """The `N` evaluated tokens.

    Args:
        nats: float32 `(N,)`, their negative log-likelihood.
        hits: bool `(N,)`, whether the most probable id was correct.
        unknown: how many are the codec's unknown token.
        labels: int `(N,)` for each of the `Labels`.
    """

    nats: np.ndarray
    hits: np.ndarray
    unknown: int
    labels: dict[Labels, np.ndarray]

    def breakdowns(self) -> dict[str, Breakdown]:
        """Return the breakdowns by title of the labels."""
        return {
            labels.title: break_down(self.nats, values, labels.names)
            for labels, values in self.labels.items()
        }


def measure_tokens(
    model: NextTokenModel, codec: Codec, batches: Iterable, labels: Sequence[Labels] = ()
) -> Tokens:
    """Evaluate each counted token.

    Each conditional is a softmax over the whole vocabulary, given only earlier tokens.

    Args:
        model: maps ids to logits.
        codec: defines the unknown token.
        batches: inputs int32 `(B, T)`, targets `(B, T)` and weights `(B, T)`, 1 for counted
            tokens, as yielded by `evaluation_batches`.
        labels: groupings of the tokens.

    Raises:
        ValueError: if no token is counted.
    """
    measure = tf.function(lambda *batch: _measure(model, *batch), reduce_retracing=True)
    nats: list[np.ndarray] = []
    hits: list[np.ndarray] = []
    unknown = 0
    values: dict[Labels, list[np.ndarray]] = {each: [] for each in labels}
    for inputs, targets, weights in batches:
        counted = weights.numpy() > 0  # (B, T)
        for found, batch in zip((nats, hits), measure(inputs, targets)):
            found.append(batch.numpy()[counted])
        unknown += int((targets.numpy()[counted] == codec.unknown).sum())
        for each, found in values.items():
            found.append(np.broadcast_to(each.of(inputs.numpy()), counted.shape)[counted])
    if not sum(map(len, nats)):
        raise ValueError("Expected pieces with at least one note or silence. Received: none")
    joined = {each: np.concatenate(found) for each, found in values.items()}
    return Tokens(np.concatenate(nats), np.concatenate(hits), unknown, joined)


def evaluate(
    model: NextTokenModel,
    codec: Codec,
    batches: tf.data.Dataset,
    positions: int = 1,
    labels: Sequence[Labels] = (),
    bars: Bars = NO_BARS,
) -> dict[str, Any]:
    """Compute the likelihood of the counted tokens; see `measure_tokens`.

    Args:
        model: maps ids to logits.
        codec: defines the voice of each token.
        batches: as for `measure_tokens`.
        positions: number of metrical positions in the longest bar, for whole pieces.
        labels: further groupings for `breakdowns`.
        bars: the bars of the pieces, see `bars_of`. Other pieces have bars of `positions` steps,
            beginning with the piece.

    Returns:
        `nll` in nats per token, `bits_per_step`, `perplexity`, `accuracy`, `tokens`; `unknown`, how
        many of these are the unknown token, if the codec has one; `nll_VOICE` for each voice, if
        the codec has several; `nll_by_position`, float `(positions,)`, NaN where no token was
        counted, if there are several; and `breakdowns`, see `Tokens.breakdowns`.

    Raises:
        ValueError: if no token is counted.
    """
    tokens = measure_tokens(
        model, codec, batches, [*position_labels(codec, positions, bars), *labels]
    )
    nll = float(tokens.nats.mean(dtype=np.float64))
    parts = tokens.breakdowns()
    voices = _nll_of(parts.get(VOICE, {}), codec.voice_names)
    return {
        "nll": nll,
        "bits_per_step": nll * len(codec.may_follow) / math.log(2),
        "perplexity": math.exp(nll),
        "accuracy": float(tokens.hits.mean()),
        "tokens": tokens.nats.size,
        **({} if codec.unknown is None else {"unknown": tokens.unknown}),
        **({f"nll_{name}": each for name, each in voices.items()} if VOICE in parts else {}),
        **(
            {
                "nll_by_position": np.array(
                    list(_nll_of(parts[POSITION], _numbers(positions)).values())
                )
            }
            if positions > 1
            else {}
        ),
        "breakdowns": parts,
    }


def position_labels(codec: Codec, positions: int, bars: Bars = NO_BARS) -> list[Labels]:
    """Return groupings of tokens by their position in a piece.

    Args:
        codec: the codec of the tokens.
        positions: steps in the longest bar; 1 to ignore positions.
        bars: the bars of the pieces.

    Returns:
        groupings by voice, if there are several; and, unless positions are ignored, by step of
        the bar, by quarter of the bar and by step of the quarter.
    """

    def steps(inputs: np.ndarray) -> np.ndarray:
        return steps_of_bars(codec, inputs, positions, bars)

    def voices(inputs: np.ndarray) -> np.ndarray:
        return codec.voice_of(np.arange(inputs.shape[1]))

    labels = [Labels(VOICE, codec.voice_names, voices)] if len(codec.voice_names) > 1 else []
    if positions > 1:
        labels.append(Labels(POSITION, _numbers(positions), steps))
    if positions > STEPS_PER_QUARTER:
        quarters = _numbers(-(-positions // STEPS_PER_QUARTER))
        labels += [
            Labels("quarter of the bar", quarters, lambda ids: steps(ids) // STEPS_PER_QUARTER),
            Labels(
                "step of the quarter",
                _numbers(STEPS_PER_QUARTER),
                lambda ids: steps(ids) % STEPS_PER_QUARTER,
            ),
        ]
    return labels


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, count + 1))


def _nll_of(parts: Breakdown, names: Sequence[str]) -> dict[str, float]:
    """Return the nats per token of each name; NaN without tokens."""
    return {name: parts[name]["nll"] if name in parts else math.nan for name in names}


def _measure(model: NextTokenModel, inputs, targets):
    """Return the nats of each target, and whether it was the most probable id: `(B, T)` each."""
    logits = model(inputs, training=False)  # (B, T, V)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return nats, tf.argmax(logits, axis=2, output_type=tf.int32) == targets


def evaluate_run(run: Run, corpus: Path, split: str) -> dict[str, float]:
    """Evaluate a run on a split of a prepared corpus, as set in its preset; see `evaluate`.

    Positions in the bar are distinguished for whole pieces with steps of fixed duration.
    """
    preset, codec = run.preset, run.codec
    batches = measured_batches(preset, codec, corpus, split)
    whole = preset.training.split == "pieces" and preset.music.context is None
    if not whole or codec.steps_per_bar is None:
        with damage_named(corpus):
            return evaluate(run.model, codec, batches)
    bars = bars_of(codec, read_split(corpus, split))
    positions = max(codec.steps_per_bar, *(bar for bar, _ in bars.values()))
    labels = [memory_labels(run.memory)] if run.memory else []
    with damage_named(corpus):
        return evaluate(run.model, codec, batches, positions, labels, bars)


def memory_labels(memory: str) -> Labels:
    """Return a grouping of tokens of whole pieces by what a memory retrieves for them.

    Args:
        memory: a serialised `bach_tf.models.memory.Memory`.

    Returns:
        the grouping by number of changes in the longest context found.
    """
    from bach_tf.models.memory import Memory, changes_matched, remembered

    def matched(inputs: np.ndarray) -> np.ndarray:
        # The start token is followed by whole steps; the last target is the end of the piece.
        steps = inputs[:, 1:].reshape(len(inputs), -1, Memory.VOICES)
        found = np.stack(remembered(memory).found_for(list(steps)))[:, :-1]  # (B, N, 4, 3)
        groups = np.searchsorted(LEAST_CHANGES, changes_matched(found), side="right")
        return np.pad(groups.reshape(len(inputs), -1), ((0, 0), (0, 1)))

    least = LEAST_CHANGES
    ranges = [f"{a} to {b - 1}" for a, b in pairwise(least)]
    return Labels("changes matched in memory", ("0", *ranges, f"{least[-1]} or more"), matched)


def evaluate_ngrams(run: Run, corpus: Path, split: str) -> dict[int, dict[str, float]]:
    """Evaluate n-gram models fitted to the training split, on the tokens counted for the run.

    Returns:
        for each order, `nll` in nats per token and `accuracy`.
    """
    codec = run.codec
    train, measured = (load_split(corpus, name, codec).arrays() for name in ("train", split))
    return measure_ngrams(
        train,
        measured,
        vocab_size=codec.vocab_size,
        counted=codec.counted,
        orders=ORDERS,
        period=len(codec.may_follow),
    )


def compare_generated(
    run: Run, corpus: Path, pieces: int, temperature: float | None = None, seed: int = 0
) -> Comparison:
    """Compare the counterpoint of new pieces with that of each split.

    Args:
        run: a run that writes four voices.
        corpus: the prepared folder; copies are searched for in its training split.
        pieces: number of pieces to generate.
        temperature: for sampling; the preset's by default.
        seed: random seed for sampling.

    Returns:
        the comparison of the `generated` pieces and each split, see `compare`.

    Raises:
        ValueError: if the run does not write four voices, or no piece is requested.
    """
    preset = run.preset
    if run.codec.part_names != counterpoint.VOICES:
        raise ValueError(f"Expected a run that writes four voices. Received: {run.folder}")
    written = generate(
        run,
        length=preset.music.length,
        temperature=preset.music.temperature if temperature is None else temperature,
        seed=seed,
        num_outputs=pieces,
        min_length=preset.music.min_length,
    )
    return compare("generated", written, read_prepared(corpus))


def format_measures(measures: dict[str, Any]) -> str:
    """Return the results as tables: for all tokens, positions in the bar, and each grouping."""
    lines = []
    for name, value in measures.items():
        if name.startswith("nll_") or name == "breakdowns":
            continue
        text = f"{value:d}" if isinstance(value, int) else f"{value:.4f}"
        unit = "nats per token" if name == "nll" else ""
        lines.append(f"{name:<14}{text:>10}  {unit}".rstrip())
    if "nll_by_position" in measures:
        lines += _format_positions(measures["nll_by_position"])
    parts = {title: part for title, part in measures["breakdowns"].items() if title != POSITION}
    return "\n".join(lines) + (f"\n\n{format_breakdowns(parts)}\n" if parts else "")


def _format_positions(nll: np.ndarray) -> list[str]:
    """Return a line for each quarter of the bar."""
    quarters = (
        nll.reshape(-1, STEPS_PER_QUARTER) if nll.size % STEPS_PER_QUARTER == 0 else nll[None]
    )
    lines = enumerate(("".join(f"{each:>10.4f}" for each in quarter) for quarter in quarters), 1)
    return [f"quarter {number:<6}{line}  nats per token, each step" for number, line in lines]


def format_ngrams(measures: dict[int, dict[str, float]]) -> str:
    """Return a line for each n-gram model."""
    return "\n".join(
        f"order-{order} n-gram{each['nll']:>10.4f}  nats per token, accuracy {each['accuracy']:.4f}"
        for order, each in measures.items()
    )


def describe(run: Run) -> str:
    """Describe how a run is evaluated."""
    preset = run.preset
    if preset.training.split == "windows":
        return (
            f"last steps of windows of {preset.music.window} steps, split at random: most of them "
            "were seen in training, so compare only with figures measured in the same way"
        )
    if preset.music.context is None:
        return "whole pieces, not transposed"
    return f"{preset.music.context // 2} to {preset.music.context} steps of context, not transposed"
