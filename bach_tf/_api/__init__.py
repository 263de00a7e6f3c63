"""The public API: runs and pieces with their methods, for `import bach_tf`.

The work is done in the other rooms; this one defines names, defaults and paths for users.
"""

from bach_tf._api.opening import load, read, train
from bach_tf._api.piece import Piece, Version
from bach_tf._api.run import Run

__all__ = ["Piece", "Run", "Version", "load", "read", "train"]
