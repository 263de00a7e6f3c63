"""The front door: runs and pieces with all that can be done with them, for `import bach_tf`.

What is done stands in the rooms; here are names, defaults and paths as a person gives them.
"""

from bach_tf._api.opening import load, read, train
from bach_tf._api.piece import Piece
from bach_tf._api.run import Run

__all__ = ["Piece", "Run", "load", "read", "train"]
