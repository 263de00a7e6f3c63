"""The callback that writes samples and descriptions during training."""

from __future__ import annotations

from dataclasses import replace

import keras
import tensorflow as tf

from bach_tf.composing.generation import decode_piece
from bach_tf.composing.sampling import Sampler
from bach_tf.learning.runs import Run, build_model
from bach_tf.measuring.inspection.embedding import write_embedding
from bach_tf.measuring.inspection.layers import summarise, trace
from bach_tf.measuring.inspection.samples import (
    FRAMES_PER_SECOND,
    as_picture,
    as_sound,
    opening,
    steps_of_opening,
)
from bach_tf.measuring.inspection.settings import hyper_parameters, settings_table
from bach_tf.score import Score

SAMPLE_EPOCHS = 5  # a sample takes about 1 MB, so 100 epochs take 20 MB


def callbacks(run: Run, every: int = SAMPLE_EPOCHS) -> list[keras.callbacks.Callback]:
    """Return the callbacks that show a run in TensorBoard, for `learning.train`.

    Args:
        run: the run to train.
        every: epochs between samples; the first epoch has one too.

    Raises:
        ValueError: if `every` is less than one epoch.

    Example:
        >>> learning.train(run, corpus, callbacks=inspection.callbacks(run))  # doctest: +SKIP
    """
    return [Inspection(run, every)]


class Inspection(keras.callbacks.Callback):
    """Write samples, the embedding, the settings, the layers and the graph into a run folder.

    The model and the random generators of training are not affected, so that the resulting
    weights are the same.

    Args:
        run: the run to train.
        every: epochs between samples.

    Raises:
        ValueError: if `every` is less than one epoch.
    """

    def __init__(self, run: Run, every: int = SAMPLE_EPOCHS):
        super().__init__()
        if every < 1:
            raise ValueError(f"`every` must be at least 1 epoch. Received: {every}")
        self.run = run
        self.every = every
        self.measured = replace(run, model=build_model(run.preset, run.codec, run.memory))
        self.sampler = Sampler(self.measured.model, run.codec)  # compiled at the first sample

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        fresh = not any(self.run.folder.glob("events.out.tfevents.*"))
        self.writer = tf.summary.create_file_writer(str(self.run.folder))
        if fresh:
            with self.writer.as_default():
                self._write_about()
        self.writer.flush()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        # The evaluated weights, which are averages if the preset asks for them.
        self.measured.model.set_weights(self.run.model.get_weights())

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        if epoch == 0 or (epoch + 1) % self.every == 0:
            with self.writer.as_default(step=epoch):
                self._write_sample()
            self.writer.flush()
            write_embedding(self.measured)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: D102
        self.writer.close()

    def compose(self) -> Score:
        """Return a piece generated with the evaluated weights and the preset's seed."""
        preset, codec = self.run.preset, self.run.codec
        tokens = codec.tokens_in(steps_of_opening(preset, codec))
        (ids,) = self.sampler.sample(
            [codec.START],
            length=tokens,
            temperature=preset.music.temperature,
            seed=preset.training.seed,
            min_length=tokens,  # little could be heard of a piece that ends early
            allowed=codec.may_write,
        )
        return decode_piece(codec, ids)

    def _write_about(self) -> None:
        from tensorboard.plugins.hparams import api as hparams

        run = self.run
        tf.summary.text("preset", settings_table(run.preset), step=0)
        layers = summarise(run.preset, run.codec)
        tf.summary.text("layers", f"```\n{layers}\n```", step=0)
        hparams.hparams(hyper_parameters(run.preset), trial_id=run.folder.name)
        tf.summary.graph(trace(run.model, run.preset, run.codec))

    def _write_sample(self) -> None:
        preset = self.run.preset
        score = opening(self.compose(), preset.music.tempo_qpm)
        sound, picture = as_sound(score, preset), as_picture(score, preset)
        tf.summary.audio("sample/sound", sound, FRAMES_PER_SECOND, max_outputs=1, encoding="wav")
        tf.summary.image("sample/piano_roll", picture)
