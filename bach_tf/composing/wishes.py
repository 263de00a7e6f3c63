"""What may be asked of new pieces, and its bounds: at a terminal and in Python alike.

No TensorFlow here: a mistake is said before any of it is loaded.
"""

from __future__ import annotations

from bach_tf._basics.settings import Real, Settings, Whole
from bach_tf.corpora.music import HOTTEST, MOST_STEPS
from bach_tf.recipes.tables import SEEDS
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO

# They keep pieces within memory; memory does not grow with the number of pieces.
MOST_BARS = 5_000
MOST_LIKELIEST = 1_000_000  # more than any codec has tokens
MOST_PIECES = 10_000  # of one call: it keeps mistyped numbers from an evening's work

# `None` stands for what the preset says, or a fresh seed, or one piece.
WISHES: Settings = {
    "num_outputs": Whole(1, MOST_PIECES, optional=True),
    "bars": Whole(1, MOST_BARS, optional=True),
    "length": Whole(1, MOST_STEPS, optional=True),
    "min_bars": Whole(0, MOST_BARS, optional=True),
    "seed": Whole(0, SEEDS, optional=True),
    "temperature": Real(0, HOTTEST, optional=True),
    "top_k": Whole(0, MOST_LIKELIEST),
    "top_p": Real(0, 1, above=True),
    "primer_length": Whole(1, MOST_STEPS, optional=True),
    "tempo": Real(LOWEST_TEMPO, HIGHEST_TEMPO, optional=True),
}
