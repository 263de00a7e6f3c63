"""Pieces of an exact length that end with a cadence, instead of being truncated."""

from __future__ import annotations

import numpy as np

from bach_tf.composing.given_tokens import FREE, GivenTokens
from bach_tf.composing.particles import ParticleSampler
from bach_tf.composing.progress import Report, unheard

PARTICLES = 4  # per piece: those that find no cadence die out


class Finisher:
    """Generates pieces like `Sampler`, all of which end after their last step.

    The end is given, so pieces are weighed by its probability, and led to a triad on their tonic
    (`endings`).

    Args:
        sampler: a sampler for the run's model and codec, and for the rules of its pieces.

    Example:
        >>> finisher = Finisher(ParticleSampler(model, codec, ["cadence"]))  # doctest: +SKIP
        >>> finisher.sample([1], length=1024, temperature=1.0, seed=7)  # doctest: +SKIP
    """

    def __init__(self, sampler: ParticleSampler):
        self._sampler = sampler

    def sample(
        self,
        prompt: np.typing.ArrayLike,
        *,
        length: int,
        temperature: float,
        seed: int,
        num_outputs: int = 1,
        first: int = 0,
        progress: Report = unheard,
        **_: object,
    ) -> np.ndarray:
        """Return pieces that begin with the prompt and end after `length` tokens.

        Args:
            prompt: ids `(P,)`, with the start token first.
            length: number of ids of a piece, excluding start and end token.
            temperature: see `Sampler.sample`.
            seed: see `Sampler.sample`.
            num_outputs: number of pieces.
            first: number of the first piece.
            progress: see `Sampler.sample`.

        Returns:
            int32 `(num_outputs, 1 + length + 1)`.

        Raises:
            ValueError: as for `ParticleSampler.sample`.
        """
        start, *beginning = np.asarray(prompt, np.int32).tolist()
        ids = np.full(length, FREE)
        ids[: len(beginning)] = beginning
        found = self._sampler.sample(
            GivenTokens(ids, ends=True),
            seed=seed,
            temperature=temperature,
            particles=PARTICLES,
            num_outputs=num_outputs,
            first=first,
            start=start,
            progress=progress,
        )
        return found.pieces(found.drawn)
