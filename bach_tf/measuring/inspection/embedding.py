"""The embedding matrix with the names of tokens, in the format of TensorBoard's projector."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from bach_tf._basics.replacing import replace_text, replaced
from bach_tf.codecs.base import VOICE
from bach_tf.learning.runs import Run
from bach_tf.models import MODELS
from bach_tf.theory.note_names import NAMES as PITCH_CLASSES

VECTORS, NAMES = "embedding.tsv", "embedding_names.tsv"


def write_embedding(run: Run) -> None:
    """Write the vectors of the ids, and a description of each row, into the run folder.

    A TensorFlow checkpoint would do as well, but TensorBoard looks for the newest one under the
    name `checkpoint`, which has another meaning in a run folder; and anyone can read tables.

    Args:
        run: a run with any codec. Nothing is written for models without an embedding.
    """
    name = MODELS[run.preset.model.architecture].embedding
    if name is None:
        return
    from tensorboard.plugins import projector

    table = keras.ops.convert_to_numpy(getattr(run.model, name).embeddings)  # (V, E)
    with replaced(run.folder / VECTORS) as scratch:
        np.savetxt(scratch, table, fmt="%.5g", delimiter="\t")
    named = zip(run.codec.tokens, run.codec.effects)
    rows = ["token\tpitch class\toctave", *("\t".join(_row(*each)) for each in named)]
    replace_text(run.folder / NAMES, "\n".join(rows) + "\n")
    config = projector.ProjectorConfig()
    config.embeddings.add(
        tensor_name="tokens", tensor_path=VECTORS, metadata_path=NAMES, tensor_shape=table.shape
    )
    projector.visualize_embeddings(str(run.folder), config)


def _row(name: str, effect: dict[str, Any]) -> tuple[str, ...]:
    """Return a token, with pitch class and octave of its lowest note, by which to colour it."""
    sounding, released = effect.get("strike"), effect.get("release")
    pitches = sounding or (released if released != VOICE else None)
    if not pitches:
        return (name, "none", "none")
    octave, pitch_class = divmod(min(pitches), len(PITCH_CLASSES))
    return (name, PITCH_CLASSES[pitch_class], str(octave - 1))
