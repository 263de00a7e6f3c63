"""The contract of every model."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from typing import Any

import keras
from keras import ops

Tensor = Any  # of the backend, whichever it is
State = Any  # any nest of tensors
Shape = tuple[Any, ...]  # `None` where it is free


class NextTokenModel(keras.Model):
    """Ids in, logits of the next id out; causal.

    `call` reads whole windows; `step` reads one token and gives the same logits, at a cost
    that does not grow with the number of tokens before it. Both use the same weights.

    Keras writes a model into a `.keras` file with the arguments that made it, which are plain
    data, and `keras.models.load_model` makes it again from them, after
    `from bach_tf.models import *`.
    """

    def __init_subclass__(cls, **options):
        """Let Keras find the class of a model in a file."""
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable("bach_tf")(cls)

    def __new__(cls, *args, **settings):
        """Keep the arguments for `get_config`."""
        model = super().__new__(cls)
        arguments = inspect.signature(cls).bind(*args, **settings)
        arguments.apply_defaults()
        # Past Keras, which would wrap them to look for layers.
        object.__setattr__(model, "_arguments", dict(arguments.arguments))
        return model

    def get_config(self) -> dict:
        """Return the arguments that make this model again, with fresh weights."""
        return dict(self._arguments)

    def build(self, ids_shape: Shape) -> None:
        """Make the weights for ids `(B, T)`.

        A model that says itself which layer reads how wide a vector begins sooner: a call, by
        which the layers find that out here, takes several times as long.
        """
        self.call(ops.zeros((1, 2), "int32"))

    def build_from_config(self, config: dict) -> None:
        """Make the weights; Keras would try it with ids that are no whole numbers."""
        self.build((1, 2))

    def undecayed(self) -> list[keras.Variable]:
        """Return the weights that weight decay leaves as they are: none, unless a model says so."""
        return []

    @abstractmethod
    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        """Return the logits of the id after each of `ids`.

        Args:
            ids: int32 `(B, T)`.
            training: whether dropout is on.

        Returns:
            float32 `(B, T, V)`.
        """

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token: any nest of tensors with `B` rows."""

    @abstractmethod
    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token.

        Args:
            ids: int32 `(B,)`.
            state: of the tokens before.

        Returns:
            logits float32 `(B, V)` of the id that follows, and the new state.
        """
