"""The exact likelihood of pieces under a run, and what the notes of its own pieces do.

python -m bach_tf.evaluation --run RUN --corpus jsb --split test
python -m bach_tf.evaluation --run RUN --corpus jsb --generated 200

Beside the model stand n-gram models of the same tokens, fitted to the same training split: what a
likelihood is worth shows in the distance to them. With `--generated`, so many pieces are written,
and what their notes do stands beside what those of the corpus do.
"""

from importlib import import_module

__all__ = [
    "ORDERS",
    "compare_generated",
    "describe",
    "evaluate",
    "evaluate_ngrams",
    "evaluate_run",
    "format_measures",
    "format_ngrams",
]


def __getattr__(name: str):
    """Import TensorFlow when it is needed: the command first looks at its options."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("bach_tf.evaluation.likelihood"), name)
