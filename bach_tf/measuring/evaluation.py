"""The exact likelihood of pieces under a run, and what the notes of its own pieces do."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from bach_tf._basics.choices import choose
from bach_tf.codecs import Codec
from bach_tf.composing.generation import generate
from bach_tf.corpora import CORPORA, read_prepared
from bach_tf.learning import measured_batches
from bach_tf.learning.pipeline import load_split
from bach_tf.learning.runs import Run
from bach_tf.measuring import counterpoint
from bach_tf.measuring.comparison import Comparison, compare
from bach_tf.measuring.ngrams import measure_ngrams
from bach_tf.models import NextTokenModel
from bach_tf.score import STEPS_PER_QUARTER

ORDERS = (0, 3, 7)  # of the n-gram models beside; 3 does not reach back over a step of 4 voices


def evaluate(
    model: NextTokenModel, codec: Codec, batches: tf.data.Dataset, places: int = 1
) -> dict:
    """Measure the likelihood of the tokens that count.

    Each conditional is a softmax over the whole vocabulary, given earlier tokens alone.

    Args:
        model: ids to logits.
        codec: says which voice a token belongs to.
        batches: inputs int32 `(B, T)`, targets `(B, T)` and weights `(B, T)`, 1 where a token
            counts, as `evaluation_batches` yields them.
        places: steps in a bar, to tell its places apart in whole pieces; the first bar begins with
            the piece, whatever its upbeat.

    Returns:
        `nll` in nats per token, `bits_per_step`, `perplexity`, `accuracy`, `tokens`; `unknown`, how
        many of these are the codec's unknown token, where it has one; `nll_VOICE` for each voice of
        the codec, where it has several; and `nll_places`, float `(places,)` with nan where nothing
        stands, where there are several.

    Raises:
        ValueError: no token to measure.
    """
    measure = tf.function(lambda *batch: _measure(model, *batch), reduce_retracing=True)
    voices = len(codec.voice_names)
    totals = np.zeros((3, places, voices))  # nats, hits and tokens of each place and voice
    unknown = 0
    for inputs, targets, weights in batches:
        nats, hits = measure(inputs, targets)  # (B, T)
        kind = np.broadcast_to(_kinds(codec, targets.shape[1], places), targets.shape)
        counted = weights.numpy() > 0
        unknown += int((targets.numpy()[counted] == codec.unknown).sum())
        for row, values in zip(totals, (nats.numpy(), hits.numpy(), counted)):
            values = values[counted].astype(np.float64)
            row += np.bincount(kind[counted], weights=values, minlength=row.size).reshape(row.shape)
    nats, hits, tokens = totals  # (places, voices) each
    if not tokens.sum():
        raise ValueError("Expected pieces with at least one note or silence. Received: none")
    nll = nats.sum() / tokens.sum()
    names = codec.voice_names if voices > 1 else ()
    by_voice = _shares(nats.sum(axis=0), tokens.sum(axis=0))
    by_place = _shares(nats.sum(axis=1), tokens.sum(axis=1))
    return {
        "nll": float(nll),
        "bits_per_step": float(nll) * len(codec.may_follow) / math.log(2),
        "perplexity": math.exp(nll),
        "accuracy": float(hits.sum() / tokens.sum()),
        "tokens": int(tokens.sum()),
        **({} if codec.unknown is None else {"unknown": unknown}),
        **{f"nll_{name}": float(n) for name, n in zip(names, by_voice)},
        **({"nll_places": by_place} if places > 1 else {}),
    }


def _kinds(codec, length: int, places: int) -> np.ndarray:
    """Return the place in the bar and the voice of each token of a piece, as one number: `(T,)`."""
    positions = np.arange(length)
    place = positions // len(codec.may_follow) % places
    return place * len(codec.voice_names) + codec.voice_of(positions)


def _shares(parts: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.divide(parts, of, out=np.full(parts.shape, np.nan), where=of > 0)


def _measure(model: NextTokenModel, inputs, targets):
    """Return the nats of each target, and whether it was the most probable id: `(B, T)` both."""
    logits = model(inputs, training=False)  # (B, T, V)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return nats, tf.argmax(logits, axis=2, output_type=tf.int32) == targets


def prepare_evaluated(run: Run, corpus: str | None = None, data_dir: Path | None = None) -> Path:
    """Return the prepared folder of the corpus that a run is evaluated on.

    Args:
        run: a trained one.
        corpus: a name in `CORPORA`; the one that the run was trained on when `None`.
        data_dir: where the corpus is read from; for the run's own corpus, its own when `None`.

    Raises:
        ValueError: an unknown corpus, or one that cannot be read.
    """
    music = run.preset.music
    corpus = music.corpus if corpus is None else corpus
    if data_dir is None and corpus == music.corpus and music.data_dir:
        data_dir = Path(music.data_dir)
    return choose(CORPORA, corpus, "corpus").prepare(data_dir)


def evaluate_run(run: Run, corpus: Path, split: str) -> dict[str, float]:
    """Measure a run on a split of a prepared corpus, as its preset says; see `evaluate`."""
    preset, codec = run.preset, run.codec
    batches = measured_batches(preset, codec, corpus, split)
    whole = preset.training.split == "pieces" and preset.music.context is None
    return evaluate(run.model, codec, batches, codec.steps_per_bar or 1 if whole else 1)


def evaluate_ngrams(run: Run, corpus: Path, split: str) -> dict[int, dict[str, float]]:
    """Measure n-gram models, fitted to the training split, on the tokens that the run counts.

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
    """Return what the notes of new pieces do, beside those of each split.

    Args:
        run: of four voices.
        corpus: the prepared folder; what is copied is looked for in its training split.
        pieces: how many are written.
        temperature: of them; the preset's when `None`.
        seed: of them.

    Returns:
        what `compare` says of those `generated`, and of each split.

    Raises:
        ValueError: a run that does not write four voices, or no piece asked for.
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
    """Return the measures as a table."""
    lines = []
    for name, value in measures.items():
        if name == "nll_places":
            lines += _format_places(value)
            continue
        text = f"{value:d}" if isinstance(value, int) else f"{value:.4f}"
        unit = "nats per token" if name.startswith("nll") else ""
        lines.append(f"{name:<14}{text:>10}  {unit}".rstrip())
    return "\n".join(lines)


def _format_places(nll: np.ndarray) -> list[str]:
    """Return a line for each quarter of a bar."""
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
    """Return in words how a run is measured."""
    preset = run.preset
    if preset.training.split == "windows":
        return (
            f"last steps of windows of {preset.music.window} steps, split at random: most of them "
            "were seen in training, so compare this with figures measured in the same way alone"
        )
    if preset.music.context is None:
        return "whole pieces, not transposed"
    return f"{preset.music.context // 2} to {preset.music.context} steps of context, not transposed"
