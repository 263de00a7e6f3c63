"""Learn a style of written music with Keras and TensorFlow, and write new pieces in it.

    import bach_tf as bt

    run = bt.train("gru", epochs=10)  # or bt.load("pretrained")
    piece = run.generate(bars=16, seed=1)
    piece.save("chorale.mid")

Nothing heavy is imported before it is used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bach_tf._api import Piece, Run, Version, load, read, train

__version__ = "0.1.0"
__all__ = ["Piece", "Run", "Version", "load", "read", "train"]


def __getattr__(name: str) -> Any:
    """Return a public name (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_import_module("bach_tf._api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
