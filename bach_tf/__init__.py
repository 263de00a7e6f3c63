"""Learn a style of written music with Keras and TensorFlow, and write new pieces in it."""

from bach_tf._basics import process as _process

__version__ = "0.1.0"

_process.begin_if_run(__name__, scripts=("train.py", "generate.py"))
