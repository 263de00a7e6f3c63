"""Starting a run, for both TensorFlow and JAX."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bach_tf.learning.corpus_record import keep_corpus
from bach_tf.learning.data import (
    check_model,
    make_codec,
    make_memory,
    make_windowing,
    prepare_corpus,
)
from bach_tf.learning.rates import rate_of_epoch
from bach_tf.learning.runs import Run, create_run
from bach_tf.recipes import Preset


def start_run(preset: Preset, name: str | None = None) -> tuple[Run, Path]:
    """Prepare the preset's corpus and create a run; return it and the prepared folder.

    Args:
        preset: the settings.
        name: name of the run folder; by default the recipe and the time.

    Raises:
        ValueError: if the corpus, codec or model is unknown, sizes are invalid, the corpus
            cannot be read or is invalid, or a run of that name exists.
    """
    # Report mistakes before preparing the corpus and creating a folder.
    make_windowing(preset)
    rate_of_epoch(preset, 0)
    corpus = prepare_corpus(preset)
    codec = make_codec(preset, corpus)
    check_model(preset, codec)
    memory = make_memory(preset, codec, corpus)
    keep = partial(keep_corpus, corpus=corpus)
    return create_run(preset, codec, name, memory=memory, complete=keep), corpus
