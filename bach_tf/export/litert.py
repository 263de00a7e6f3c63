"""LiteRT, formerly TensorFlow Lite: logits for phones and small computers."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.export.inference import check_logits, first_line, without_dropout
from bach_tf.export.saved_model import logits_function
from bach_tf.learning.runs import Run
from bach_tf.models import NextTokenModel

FILE = "model.tflite"
# One piece of any length: loops of recurrent layers cannot be converted for any batch size.
IDS = tf.TensorSpec([1, None], tf.int32, "ids")
BUILTINS, SELECTED = tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS
SELECTED_MARK = b"Flex"  # prefix of the names of Select TF ops
STANDARD_ERROR = 2


def write_litert(run: Run, folder: Path) -> str:
    """Write `model.tflite`: `ids` int32 `(1, T)` to `logits` float32 `(1, T, V)`, T free.

    Args:
        run: a trained run.
        folder: the folder to write to.

    Returns:
        a description, including whether the runtime needs operations of TensorFlow ("Select TF
        ops"), as the interpreter in TensorFlow 2.16 has.

    Raises:
        ValueError: if LiteRT cannot represent the model, or nothing installed can run and check it.
    """
    model = without_dropout(run)
    with quiet_standard_error():
        content, note = convert(model)
        largest = _check(content, model, run.codec.vocab_size)
    (folder / FILE).write_bytes(content)
    return f"one piece of any length at a time, {note}; logits within {largest:.0e} of Keras"


def convert(model: NextTokenModel) -> tuple[bytes, str]:
    """Convert a model to LiteRT; also return what a runtime needs.

    Raises:
        ValueError: if LiteRT cannot represent the model.
    """
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=logits_function(model, IDS))
        try:
            return _convert(folder, [BUILTINS]), "no Select TF ops needed"
        except Exception:  # the class is not public
            try:
                return _convert(folder, [BUILTINS, SELECTED]), "needs Select TF ops"
            except Exception as error:
                # It is preceded by the location in the graph.
                reason = first_line(error).rpartition("): ")[2]
                raise ValueError(
                    f"LiteRT cannot represent {type(model).__name__}: {reason}"
                ) from error


def _convert(folder: str, operations: list) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.target_spec.supported_ops = operations
    return converter.convert()


def _check(content: bytes, model: NextTokenModel, vocab_size: int) -> float:
    """Return the largest difference from the logits of Keras."""
    try:
        return check_logits(model, logits_of(content), vocab_size)
    except RuntimeError as error:
        if SELECTED_MARK not in content:
            raise
        raise ValueError(
            f"LiteRT cannot represent {type(model).__name__}: it needs Select TF ops, which the "
            f"interpreter of TensorFlow {tf.__version__} does not have: {first_line(error)}"
        ) from error


def logits_of(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from ids to logits that runs a LiteRT model in its interpreter."""
    run = interpreter(content).get_signature_runner("serving_default")
    return lambda ids: run(ids=ids)["logits"]


def interpreter(content: bytes) -> tf.lite.Interpreter:
    """Return LiteRT's interpreter for a model, from its own package if that is installed.

    TensorFlow 2.20 and later warn that their interpreter is deprecated. Only it may have Select
    TF ops: that of 2.16 does, that of 2.21 does not.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return tf.lite.Interpreter(model_content=content)
    if SELECTED_MARK not in content:
        return Interpreter(model_content=content)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(?s).*tf\.lite\.Interpreter is deprecated", UserWarning)
        return tf.lite.Interpreter(model_content=content)


@contextmanager
def quiet_standard_error() -> Iterator[None]:
    """Suppress what C++ code prints: the converter reports each of its steps."""
    kept = os.dup(STANDARD_ERROR)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
