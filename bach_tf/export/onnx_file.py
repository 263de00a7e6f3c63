"""ONNX: logits for the many runtimes that read it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bach_tf.export.inference import check_logits, first_line, without_dropout
from bach_tf.export.saved_model import IDS, logits_function
from bach_tf.learning.runs import Run
from bach_tf.models import NextTokenModel

FILE = "model.onnx"
OPSET = 18  # the newest one that tf2onnx 1.17 supports
# Without the last one, loops of recurrent layers are invalid.
TIDYING = {"fold_constants", "merge_duplication", "remove_identity"}
ONNX = "1.18.0" if sys.version_info < (3, 12) else "1.23.2"
PACKAGES = f"tf2onnx==1.17.0 onnx=={ONNX} onnxruntime==1.31.1"


def write_onnx(run: Run, folder: Path) -> str:
    """Write `model.onnx`: `ids` int32 `(B, T)` to `logits` float32 `(B, T, V)`, B and T free.

    Args:
        run: a trained run.
        folder: the folder to write to.

    Returns:
        a description.

    Raises:
        ValueError: if ONNX cannot represent the model, or a package is missing.
    """
    model = without_dropout(run)
    content = convert(model)
    largest = check_logits(model, logits_of(content), run.codec.vocab_size, batch_size=2)
    (folder / FILE).write_bytes(content)
    return f"opset {OPSET}; logits within {largest:.0e} of Keras"


def convert(model: NextTokenModel) -> bytes:
    """Convert a model to ONNX.

    Raises:
        ValueError: if ONNX cannot represent the model, or a package is missing.
    """
    tf2onnx = _tf2onnx()
    function = logits_function(model, IDS)
    with _plainly(tf2onnx) as heard:
        proto, _ = tf2onnx.convert.from_function(
            function,
            input_signature=[IDS],
            opset=OPSET,
            custom_op_handlers={
                "FloorMod": (_write_remainder, []),
                "Cumprod": (_write_running_product, []),
            },
        )
    if heard.errors:  # the converter continues, but no runtime can read the result
        errors = "; ".join(dict.fromkeys(heard.errors))
        raise ValueError(f"ONNX cannot represent {type(model).__name__}: {errors}")
    _embed_tables(proto.graph, function.get_concrete_function().graph.captures)
    for value in (*proto.graph.input, *proto.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim, ("batch", "length")):
            dimension.dim_param = name
    return proto.SerializeToString()


def logits_of(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from ids to logits that runs an ONNX model in ONNX Runtime.

    Raises:
        ValueError: if a package is missing, or the model cannot be read.
    """
    runtime = _onnxruntime()
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # the classes are not public
        raise ValueError(f"ONNX Runtime cannot read the model: {first_line(error)}") from error
    return lambda ids: session.run(["logits"], {"ids": ids})[0]


def _embed_tables(graph, captures) -> None:
    """Embed captured tensors, such as the index of a memory, as constants of the graph.

    The converter declares them as inputs.

    Args:
        graph: the ONNX graph.
        captures: pairs of a tensor or variable and its placeholder in TensorFlow's graph.
    """
    from onnx import numpy_helper

    tables = {inside.name: outside for outside, inside in captures}
    for given in [given for given in graph.input if given.name in tables]:
        graph.initializer.append(numpy_helper.from_array(tables[given.name].numpy(), given.name))
        graph.input.remove(given)


def _write_remainder(graph, node, name, arguments):
    """Write the remainder of integers as ONNX's `Mod`, with the sign of the divisor.

    The converter would compute it from the quotient, and ONNX rounds integer quotients towards
    zero: for -1 and 12 the remainder would be -1 instead of 11.
    """
    node.type = "Mod"
    return node


def _write_running_product(graph, node, name, arguments):
    """Write a cumulative product along a negative axis as one along the equal positive axis.

    The converter only supports positive axes.
    """
    from tf2onnx.onnx_opset.math import CumProd

    axis = node.inputs[1].get_tensor_value(as_list=False)
    counted = graph.make_const(f"{name}_axis", axis % len(graph.get_shape(node.input[0])))
    graph.replace_input(node, node.input[1], counted.output[0], 1)
    return CumProd.version_10(graph, node)


@contextmanager
def _plainly(tf2onnx) -> Iterator[_Heard]:
    """Convert with few optimisations; collect the converter's errors instead of printing them."""
    logger, heard = logging.getLogger("tf2onnx"), _Heard()
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [heard], False
    # ONNX Runtime optimises equally well at load time. The other optimisers take longer than the
    # conversion, and one measures speed on this machine, so that results would vary.
    optimizers = tf2onnx.optimizer._optimizers
    every = dict(optimizers)
    for skipped in every.keys() - TIDYING:
        del optimizers[skipped]
    try:
        yield heard
    finally:
        optimizers.clear()
        optimizers.update(every)
        logger.handlers, logger.propagate = before


class _Heard(logging.Handler):
    """Collects the errors of a logger, one line each."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(first_line(record.getMessage()))


def _tf2onnx():
    try:
        import tf2onnx
        import tf2onnx.optimizer
    except ImportError as error:
        raise ValueError(_missing(error)) from None
    return tf2onnx


def _onnxruntime():
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError(_missing(error)) from None
    return onnxruntime


def _missing(error: ImportError) -> str:
    return f"The format onnx needs more packages ({error}): pip install {PACKAGES}"
