"""Start a run, whatever trains it: TensorFlow or JAX."""

from __future__ import annotations

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
        name: of the run folder; the recipe and the time when `None`.

    Raises:
        ValueError: an unknown corpus, codec or model, invalid sizes, a corpus that cannot be read
            or is invalid, or an existing run of that name.
    """
    # Mistakes are reported before the corpus is built and a folder is created.
    make_windowing(preset)
    rate_of_epoch(preset, 0)
    corpus = prepare_corpus(preset)
    codec = make_codec(preset, corpus)
    check_model(preset, codec)
    run = create_run(preset, codec, name, memory=make_memory(preset, codec, corpus))
    keep_corpus(run.folder, corpus)
    return run, corpus
