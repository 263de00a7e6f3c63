"""The exact likelihood of pieces under a run.

python -m bach_tf.evaluation --run RUN --corpus jsb --split test
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from bach_tf.quiet import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

import numpy as np
import tensorflow as tf

from bach_tf.choices import choose
from bach_tf.corpora import CORPORA
from bach_tf.corpora.prepared import SPLITS
from bach_tf.models import NextTokenModel
from bach_tf.pipeline import Pieces, evaluation_batches, load_split
from bach_tf.runs import load_trained_run, newest_run


def evaluate(model: NextTokenModel, codec, pieces: Pieces) -> dict[str, float]:
    """Measure the likelihood of whole pieces, each token with all tokens before it as context.

    Only ids that are music count: padding, the start and the end of a piece do not. Each
    conditional is a softmax over the whole vocabulary.

    Args:
        model: ids to logits.
        codec: says which ids count and which voice a token belongs to.
        pieces: as they are, not transposed.

    Returns:
        `nll` in nats a token, `perplexity`, `accuracy`, `tokens`, and `nll_VOICE` for each
        voice of the codec.

    Raises:
        ValueError: no token to measure.
    """
    measure = tf.function(lambda *batch: _measure(model, *batch), reduce_retracing=True)
    voices = len(codec.voice_names)
    totals = np.zeros((3, voices))  # nats, hits and tokens of each voice
    for inputs, targets, weights in evaluation_batches(pieces, codec):
        nats, hits = measure(inputs, targets)  # (B, T)
        voice = np.broadcast_to(codec.voice_of(np.arange(targets.shape[1])), targets.shape)
        counted = weights.numpy() > 0
        for row, values in zip(totals, (nats.numpy(), hits.numpy(), counted)):
            values = values[counted].astype(np.float64)
            row += np.bincount(voice[counted], weights=values, minlength=voices)
    nats, hits, tokens = totals
    if not tokens.sum():
        raise ValueError("Expected pieces with at least one note or silence. Received: none")
    nll = nats.sum() / tokens.sum()
    return {
        "nll": float(nll),
        "perplexity": math.exp(nll),
        "accuracy": float(hits.sum() / tokens.sum()),
        "tokens": int(tokens.sum()),
        **{f"nll_{name}": float(n) for name, n in zip(codec.voice_names, nats / tokens)},
    }


def _measure(model: NextTokenModel, inputs, targets):
    """Return the nats of each target, and whether it was the likeliest id: `(B, T)` both."""
    logits = model(inputs, training=False)  # (B, T, V)
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return nats, tf.argmax(logits, axis=2, output_type=tf.int32) == targets


def format_measures(measures: dict[str, float]) -> str:
    """Return the measures as a table."""
    units = {"nll": "nats a token", "perplexity": "", "accuracy": "", "tokens": ""}
    lines = []
    for name, value in measures.items():
        text = f"{value:d}" if isinstance(value, int) else f"{value:.4f}"
        lines.append(f"{name:<12}{text:>10}  {units.get(name, 'nats a token')}".rstrip())
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bach_tf.evaluation", description="Measure the likelihood of a corpus."
    )
    parser.add_argument("--run", type=Path, help="a run folder; the newest when left out")
    parser.add_argument("--corpus", help="when left out, the one the run was trained on")
    parser.add_argument("--data-dir", type=Path, help="where the corpus is read from")
    parser.add_argument("--split", default="test", choices=SPLITS)
    args = parser.parse_args(argv)
    try:
        run = load_trained_run(args.run or newest_run())
        corpus, data_dir = args.corpus or run.preset.corpus, args.data_dir
        if data_dir is None and corpus == run.preset.corpus and run.preset.data_dir:
            data_dir = Path(run.preset.data_dir)
        folder = choose(CORPORA, corpus, "corpus")(data_dir)
        measures = evaluate(run.model, run.codec, load_split(folder, args.split, run.codec))
    except (ValueError, OSError) as error:
        print(f"evaluation: {error}", file=sys.stderr)
        return 2
    print(f"{run.folder} on {corpus}, {args.split} split, whole pieces, not transposed")
    print(format_measures(measures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
