"""The interface of every model."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from typing import Any

import keras
from keras import ops

Tensor = Any  # a tensor of the backend
State = Any  # any nested structure of tensors
Shape = tuple[Any, ...]  # `None` for a dynamic size


class NextTokenModel(keras.Model):
    """A causal model that maps ids to the logits of the next id.

    `call` reads whole windows; `step` reads one token and returns the same logits, at a cost
    that does not grow with the number of previous tokens. Both use the same weights.

    Keras saves a model to a `.keras` file together with its constructor arguments, which are
    plain data. `keras.models.load_model` restores it after `from bach_tf.models import *`.
    """

    def __init_subclass__(cls, **options):
        """Register the class, so that Keras finds it when a file is loaded."""
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable("bach_tf")(cls)

    def __new__(cls, *args, **settings):
        """Record the arguments for `get_config`."""
        model = super().__new__(cls)
        arguments = inspect.signature(cls).bind(*args, **settings)
        arguments.apply_defaults()
        # Bypass Keras, which would wrap them in search of layers.
        object.__setattr__(model, "_arguments", dict(arguments.arguments))
        return model

    def get_config(self) -> dict:
        """Return the constructor arguments, which build the same model with new weights."""
        return dict(self._arguments)

    def build(self, ids_shape: Shape) -> None:
        """Create the weights for ids `(B, T)`.

        The default calls the model, so that the layers infer their input sizes. A model that
        states these sizes itself starts several times faster.
        """
        self.call(ops.zeros((1, 2), "int32"))

    def build_from_config(self, config: dict) -> None:
        """Create the weights; Keras itself would try ids that are not integers."""
        self.build((1, 2))

    def undecayed(self) -> list[keras.Variable]:
        """Return the weights excluded from weight decay; none by default."""
        return []

    @abstractmethod
    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        """Return the logits of the id that follows each of `ids`.

        Args:
            ids: int32 `(B, T)`.
            training: whether to apply dropout.

        Returns:
            float32 `(B, T, V)`.
        """

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the state before the first token: nested tensors with `B` rows."""

    @abstractmethod
    def step(self, ids: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token and update the state.

        Args:
            ids: int32 `(B,)`.
            state: state after the previous tokens.

        Returns:
            the logits of the next id, float32 `(B, V)`, and the new state.
        """
