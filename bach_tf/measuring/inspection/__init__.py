"""What TensorBoard shows of a run besides its losses: samples, settings, layers, the embedding.

Pass `callbacks(run)` to `learning.train`. Into the run folder, where TensorBoard finds it under the
run's own name, it writes

- every few epochs a new piece, as sound and as a piano roll, always with the same seed, so that
  progress can be heard;
- the embedding matrix, one row per token, with the names of the tokens;
- once, the preset as text and as hyper-parameters, the layers as text, and the graph.
"""

from bach_tf.measuring.inspection.embedding import write_embedding
from bach_tf.measuring.inspection.layers import summarise
from bach_tf.measuring.inspection.samples import FRAMES_PER_SECOND, as_picture, as_sound, opening
from bach_tf.measuring.inspection.settings import hyper_parameters, settings_table
from bach_tf.measuring.inspection.watching import SAMPLE_EPOCHS, Inspection, callbacks

__all__ = [
    "FRAMES_PER_SECOND",
    "SAMPLE_EPOCHS",
    "Inspection",
    "as_picture",
    "as_sound",
    "callbacks",
    "hyper_parameters",
    "opening",
    "settings_table",
    "summarise",
    "write_embedding",
]
