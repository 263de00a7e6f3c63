"""A SavedModel with logits, likelihoods and generation, for TensorFlow alone."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.composing.sampling import Sampler
from bach_tf.export.inference import check_logits, without_dropout
from bach_tf.learning.runs import Run
from bach_tf.models import NextTokenModel

Function: TypeAlias = tf.types.experimental.GenericFunction
IDS = tf.TensorSpec([None, None], tf.int32, "ids")


def write_saved_model(run: Run, folder: Path) -> str:
    """Write a SavedModel into a folder that has `assets/`.

    It has three signatures, with free batch size and length.

    - `serving_default`: `ids` int32 `(B, T)` to `logits` float32 `(B, T, V)`, for the id after
      each.
    - `score`: `ids` int32 `(B, T)` to `log_likelihood` float32 `(B, T - 1)`, in nats, of each id
      but the first, given those before it; 0 for ids that are not counted in evaluations.
    - `generate`: `prompt` int32 `(P,)` and the scalars `length`, `top_k`, `seed`, `num_outputs`
      (int32) and `temperature`, `top_p` (float32) to `ids` int32 `(num_outputs, 1 + length)`.

    Args:
        run: a trained run.
        folder: has `assets/` with the files that accompany the model.

    Returns:
        a description.

    Raises:
        ValueError: if the logits differ from those of Keras.
    """
    model = without_dropout(run)
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.assets = [tf.saved_model.Asset(str(path)) for path in (folder / "assets").iterdir()]
    logits = logits_function(model, IDS)
    signatures = {
        "serving_default": logits,
        "score": score_function(logits, run.codec.counted),
        "generate": generate_function(model, run.codec, least_length(run)),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    written = tf.saved_model.load(str(folder)).signatures["serving_default"]
    largest = check_logits(
        model, lambda ids: written(ids=ids)["logits"].numpy(), run.codec.vocab_size, batch_size=2
    )
    return f"signatures {', '.join(signatures)}; logits within {largest:.0e} of Keras"


def logits_function(model: NextTokenModel, ids: tf.TensorSpec) -> Function:
    """Return a model's function from `ids` of a given shape to `logits`."""

    @tf.function(input_signature=[ids], autograph=False)
    def serving_default(ids):
        return {"logits": model(ids, training=False)}  # (B, T, V)

    return serving_default


def score_function(logits_of: Function, counted: np.ndarray) -> Function:
    """Return a model's function from `ids` to `log_likelihood`.

    Args:
        logits_of: its `logits_function`.
        counted: bool `(V,)`, the ids counted in likelihoods; for others it is 0.
    """

    @tf.function(input_signature=[IDS], autograph=False)
    def score(ids):
        logits, targets = logits_of(ids)["logits"][:, :-1], ids[:, 1:]  # (B, T - 1, V)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return {"log_likelihood": tf.where(tf.gather(counted, targets), -nats, 0.0)}

    return score


def generate_function(model: NextTokenModel, codec: Codec, least: int) -> Function:
    """Return the function that generates pieces like `Sampler.sample` for the same seed.

    Args:
        model: computes the logits.
        codec: defines the ids allowed at each position.
        least: minimum length of a piece, in ids.
    """
    sampler = Sampler(model, codec)
    may_write = tf.constant(np.concatenate([codec.opening, codec.may_write]))  # (H + period, V)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32, "prompt"),
            *(tf.TensorSpec([], tf.int32, name) for name in ("length", "num_outputs", "seed")),
            *(tf.TensorSpec([], tf.float32, name) for name in ("temperature", "top_p")),
            tf.TensorSpec([], tf.int32, "top_k"),
        ],
        autograph=False,
    )
    def generate(prompt, length, num_outputs, seed, temperature, top_p, top_k):
        with tf.control_dependencies(
            checks(prompt, length, num_outputs, temperature, top_p, top_k, codec.vocab_size)
        ):
            prompt, length, num_outputs = map(tf.identity, (prompt, length, num_outputs))

        ids = sampler.loop(
            prompt,
            length,
            tf.maximum(least, tf.size(prompt)),
            temperature,
            seed,
            tf.range(num_outputs),
            may_write,
            tf.where(top_k > 0, top_k, codec.vocab_size),
            top_p,
        )
        return {"ids": ids}

    return generate


def checks(
    prompt: tf.Tensor,
    length: tf.Tensor,
    num_outputs: tf.Tensor,
    temperature: tf.Tensor,
    top_p: tf.Tensor,
    top_k: tf.Tensor,
    vocab_size: int,
) -> list:
    """Return assertions for the graph, where `Sampler.sample` would raise."""
    size = tf.size(prompt)
    return [
        _check(size > 0, "`prompt` must begin with the start token. Received: no id"),
        _check(
            tf.reduce_all((prompt >= 0) & (prompt < vocab_size)),
            f"`prompt` must have ids in 0..{vocab_size - 1}",
        ),
        _check(length >= size, "`length` must leave room after `prompt`", length, size),
        _check(num_outputs >= 1, "`num_outputs` must be at least 1", num_outputs),
        _check(
            (temperature >= 0) & tf.math.is_finite(temperature),
            "`temperature` must be a number of at least 0",
            temperature,
        ),
        _check(top_k >= 0, "`top_k` must be at least 0, which means all ids", top_k),
        _check((top_p > 0) & (top_p <= 1), "`top_p` must be above 0 and at most 1", top_p),
    ]


def least_length(run: Run) -> int:
    """Return the minimum length of a run's pieces in ids, as set in its preset."""
    return run.codec.tokens_in(run.preset.music.min_length)


def _check(condition, message: str, *received):
    return tf.debugging.Assert(condition, [message, *received])
