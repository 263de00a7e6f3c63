"""The contract of every model."""

from __future__ import annotations

from abc import abstractmethod

import keras


class NextTokenModel(keras.Model):
    """Ids in, logits of the next id out; causal.

    `call` reads whole windows; `step` reads one token and gives the same logits, at a cost
    that does not grow with the number of tokens before it. Both use the same weights.
    """

    @abstractmethod
    def call(self, ids, training: bool = False):
        """Return the logits of the id after each of `ids`.

        Args:
            ids: int32 `(B, T)`.
            training: whether dropout is on.

        Returns:
            float32 `(B, T, V)`.
        """

    @abstractmethod
    def initial_state(self, batch_size: int):
        """Return the state before the first token: any nest of tensors with `B` rows."""

    @abstractmethod
    def step(self, ids, state):
        """Read one token.

        Args:
            ids: int32 `(B,)`.
            state: of the tokens before.

        Returns:
            logits float32 `(B, V)` of the id that follows, and the new state.
        """
