"""The command line of train.py and generate.py: what they are asked, and what they say.

No TensorFlow here: a mistake in the arguments is said at once.
"""

from bach_tf._basics.process import INTERRUPTED
from bach_tf.cli.options import (
    DEFAULT_MODEL,
    GENERATE,
    TRAIN,
    generate_arguments,
    generate_parser,
    train_arguments,
    train_parser,
)
from bach_tf.cli.pieces import Pieces, closing_line, piece_record, pieces_table
from bach_tf.cli.plan import plan
from bach_tf.cli.talk import Talk, complain, run_program
from bach_tf.cli.training import closing_lines, finish_training, training_record, training_table

__all__ = [
    "DEFAULT_MODEL",
    "GENERATE",
    "INTERRUPTED",
    "TRAIN",
    "Pieces",
    "Talk",
    "closing_line",
    "closing_lines",
    "complain",
    "finish_training",
    "generate_arguments",
    "generate_parser",
    "piece_record",
    "pieces_table",
    "plan",
    "run_program",
    "train_arguments",
    "train_parser",
    "training_record",
    "training_table",
]
