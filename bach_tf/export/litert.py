"""LiteRT, formerly TensorFlow Lite: the logits, for phones and small computers."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from bach_tf.export.inference import check_logits, first_line, refuse_memory, without_dropout
from bach_tf.export.saved_model import logits_function
from bach_tf.learning.runs import Run
from bach_tf.models import NextTokenModel

FILE = "model.tflite"
# One piece, of any length: the loops of recurrent layers cannot be written for any batch.
IDS = tf.TensorSpec([1, None], tf.int32, "ids")
BUILTINS, SELECTED = tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS
SELECTED_MARK = b"Flex"  # the names of Select TF ops begin with it
STANDARD_ERROR = 2


def write_litert(run: Run, folder: Path) -> str:
    """Write `model.tflite`: `ids` int32 `(1, T)` to `logits` float32 `(1, T, V)`, T free.

    Args:
        run: a trained one.
        folder: where to.

    Returns:
        what was written, in words; also whether a runtime must know more than the operations of
        LiteRT ("Select TF ops"), as the one in TensorFlow 2.16 does.

    Raises:
        ValueError: LiteRT cannot hold this model, or nothing installed can run it to check it.
    """
    model = without_dropout(run)
    with quiet_standard_error():
        content, note = convert(model)
        largest = _check(content, model, run.codec.vocab_size)
    (folder / FILE).write_bytes(content)
    return f"one piece of any length at a time, {note}; logits within {largest:.0e} of Keras"


def convert(model: NextTokenModel) -> tuple[bytes, str]:
    """Return a model in LiteRT's format, and what a runtime must know.

    Raises:
        ValueError: LiteRT cannot hold this model.
    """
    refuse_memory(model, "LiteRT")
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
                # Before it stands where in the graph that was.
                reason = first_line(error).rpartition("): ")[2]
                raise ValueError(f"LiteRT cannot hold {type(model).__name__}: {reason}") from error


def _convert(folder: str, operations: list) -> bytes:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.target_spec.supported_ops = operations
    return converter.convert()


def _check(content: bytes, model: NextTokenModel, vocab_size: int) -> float:
    """Return by how much the logits differ from those of Keras at most."""
    try:
        return check_logits(model, logits_of(content), vocab_size)
    except RuntimeError as error:
        if SELECTED_MARK not in content:
            raise
        raise ValueError(
            f"LiteRT cannot hold {type(model).__name__}: it needs Select TF ops, which the "
            f"interpreter of TensorFlow {tf.__version__} does not know: {first_line(error)}"
        ) from error


def logits_of(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function ids to logits of a model in LiteRT's format, run by its interpreter."""
    run = interpreter(content).get_signature_runner("serving_default")
    return lambda ids: run(ids=ids)["logits"]


def interpreter(content: bytes) -> tf.lite.Interpreter:
    """Return LiteRT's interpreter of a model: of its own package where that is installed.

    TensorFlow 2.20 and later warn that theirs will go. It alone may know Select TF ops: that of
    2.16 does, that of 2.21 does not.
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
    """Keep what C++ prints from the screen: the converter reports on each of its steps."""
    kept = os.dup(STANDARD_ERROR)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), STANDARD_ERROR)
        yield
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
