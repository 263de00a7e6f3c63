"""The layers of a model with shapes and parameters, and its graph."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import keras
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.learning.runs import build_model
from bach_tf.recipes import Preset

INDENT = "  "


def trace(model: keras.Model, preset: Preset, codec: Codec) -> tf.Graph:
    """Return the graph of a call on one batch of training windows.

    Args:
        model: maps ids `(B, T)` to logits.
        preset: determines the batch size.
        codec: determines the tokens per step.
    """
    shape = (preset.training.batch_size, preset.music.window * len(codec.may_follow))
    call = tf.function(lambda ids: model(ids, training=False))
    return call.get_concrete_function(tf.TensorSpec(shape, tf.int32, name="ids")).graph


def summarise(preset: Preset, codec: Codec) -> str:
    """Return the layers of a preset's model as a table, in the order of their calls.

    Nested layers are indented; layers are named as in the code of the model. Shapes are those for
    a training batch: windows, tokens, and so on.

    Args:
        preset: the settings of the model.
        codec: determines the vocabulary size.

    Raises:
        ValueError: if the architecture is not in `MODELS`.

    Example:
        >>> print(summarise(run.preset, run.codec))  # doctest: +SKIP
    """
    model = build_model(preset, codec)  # a new one, because its layers are instrumented
    shapes: dict[int, str] = {}
    for layer in _all_within(model):
        _note_shape(layer, shapes)
    (logits,) = trace(model, preset, codec).outputs
    rows = [("layer", "kind", "output", "weights", "number"), *_rows(model, shapes)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [_line(row, widths) for row in rows]
    tokens = preset.music.window * len(codec.may_follow)
    windows = f"{preset.training.batch_size} windows of {tokens} tokens"
    title = f"{type(model).__name__}: {windows} to logits {tuple(logits.shape)}"
    return "\n".join([title, "", *lines, "", _total(model)])


def _children(layer: keras.Layer) -> dict[str, keras.Layer]:
    """Return the layers within a layer by their attribute names."""
    if isinstance(layer, keras.layers.RNN):
        return {}  # the cell is an implementation detail
    named = {}
    for name, value in vars(layer).items():
        if name.startswith("_"):
            continue
        several = isinstance(value, list | tuple)
        for number, each in enumerate(value if several else [value]):
            if isinstance(each, keras.Layer):
                named[f"{name}[{number}]" if several else name] = each
    return named


def _all_within(layer: keras.Layer) -> Iterator[keras.Layer]:
    for child in _children(layer).values():
        yield child
        yield from _all_within(child)


def _note_shape(layer: keras.Layer, shapes: dict[int, str]) -> None:
    """Make a layer record the shape of its output, in the order of the calls."""
    call = layer.call

    @functools.wraps(call)
    def noting(*args, **kwargs):
        shapes.setdefault(id(layer), "")  # outer layers are called first
        outputs = call(*args, **kwargs)
        parts = [str(tuple(part.shape)) for part in keras.tree.flatten(outputs)]
        shapes[id(layer)] = ", ".join(parts)
        return outputs

    layer.call = noting


def _rows(layer: keras.Layer, shapes: dict[int, str], depth: int = 0) -> Iterator[tuple[str, ...]]:
    """Yield name, class, output, variables and number of parameters of each nested layer."""
    order = {called: place for place, called in enumerate(shapes)}
    children = _children(layer).items()
    for name, child in sorted(children, key=lambda each: order.get(id(each[1]), len(order))):
        inner = {id(weight) for within in _all_within(child) for weight in within.weights}
        own = [weight for weight in child.weights if id(weight) not in inner]
        yield (
            INDENT * depth + name,
            type(child).__name__,
            shapes.get(id(child), "not called"),
            ", ".join(f"{weight.name} {_by(weight.shape)}" for weight in own),
            f"{_count(child.weights):,}" if child.weights else "",
        )
        yield from _rows(child, shapes, depth + 1)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Return aligned cells, with the last one, a number, to the right."""
    *words, number = row
    cells = [cell.ljust(width) for cell, width in zip(words, widths)]
    return "  ".join([*cells, number.rjust(widths[-1])]).rstrip()


def _by(shape: tuple[int, ...]) -> str:
    """Return a shape in the form `160x480`."""
    return "x".join(map(str, shape)) or "scalar"


def _count(weights: list) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _total(model: keras.Model) -> str:
    trained, kept = _count(model.trainable_weights), _count(model.non_trainable_weights)
    fixed = f", and {kept:,} non-trainable" if kept else ""
    return f"{trained:,} trainable parameters{fixed}."
