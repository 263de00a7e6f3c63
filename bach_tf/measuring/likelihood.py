"""The log-likelihood of one piece under a model, by token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from bach_tf.codecs import Codec
from bach_tf.models import NextTokenModel
from bach_tf.score import Score

IDS = tf.TensorSpec([1, None], tf.int32)


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """The log-likelihood of a piece: one value for each token except the end.

    Args:
        tokens: their names in the codec.
        nats: float32 `(T,)`, the log-probability of each token given all earlier ones.

    Example:
        >>> found = LogLikelihood(("C4", "D4"), np.array([-0.5, -1.5], np.float32))
        >>> found
        LogLikelihood(2 tokens, -2.000 nats, -1.0000 per token)
    """

    tokens: tuple[str, ...]
    nats: np.ndarray

    @property
    def total(self) -> float:
        """Log-likelihood of the whole piece, in nats."""
        return float(self.nats.sum(dtype=np.float64))

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        mean = self.total / max(len(self), 1)
        return f"LogLikelihood({len(self)} tokens, {self.total:.3f} nats, {mean:.4f} per token)"


class Scorer:
    """Computes log-likelihoods with a model; compiled for the first piece and reused.

    Args:
        model: computes the logits.
        codec: defines the counted ids and their names.

    Example:
        >>> Scorer(run.model, run.codec).score(score).total  # doctest: +SKIP
        -312.4
    """

    def __init__(self, model: NextTokenModel, codec: Codec):
        self.model = model
        self.codec = codec
        self._nats = tf.function(self._measure, input_signature=[IDS], autograph=False)

    def score(self, score: Score) -> LogLikelihood:
        """Return the log-likelihood of a piece.

        Raises:
            ValueError: if the codec cannot encode the music.
        """
        return self.score_ids(self.codec.encode(score))

    def score_ids(self, ids: np.ndarray) -> LogLikelihood:
        """Return the log-likelihood of a piece given as ids.

        Args:
            ids: int32 `(1 + T,)`, the start token first; padding may follow the end.
        """
        ids = np.trim_zeros(ids, "b")
        nats = self._nats(ids[None]).numpy()[0]
        counted = self.codec.counted[ids[1:]]
        tokens = tuple(self.codec.tokens[token] for token in ids[1:][counted])
        return LogLikelihood(tokens, nats[counted])

    def _measure(self, ids):
        logits = self.model(ids[:, :-1], training=False)  # (1, T, V)
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, 1:], logits)
