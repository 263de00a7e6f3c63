"""Learn a style of written music with Keras and TensorFlow, and write new pieces in it."""

__version__ = "0.1.0"
