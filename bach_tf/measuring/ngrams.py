"""N-gram models: the baseline of every likelihood.

A model that has learnt anything must be likelier than the frequencies of its ids (order 0) and
than what the few ids before each one tell (order 3, say).

The smoothing is interpolated modified Kneser-Ney:

- R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995.
- S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language modeling",
  Computer Speech and Language 13 (1999).

It was kept for what it does on validation pieces, against interpolated Witten-Bell: 1.52 and 1.61
nats at order 3 on the canonical chorales, 2.57 and 2.79 on the pitches of the cello suites.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

START, END = 1, 2  # in every codec; `PAD`, 0, never comes
# For what the counts are too few or too regular to estimate: the values of KenLM's
# `--discount_fallback`, but each for itself.
FALLBACK_DISCOUNTS = np.array([0.5, 1.0, 1.5])


@dataclass(frozen=True)
class _Counts:
    """The n-grams of one level, which is the number of ids of context, in training.

    contexts: int64 (C,), sorted: at level 0 the phase, elsewhere the row of the context one
        shorter * vocab_size + the id before it. No key outgrows tokens * vocab_size.
    grams: int64 (G,), sorted: row of the context * vocab_size + the id that came after it.
    counts: int64 (G,).
    shorter: int64 (G,): the row, one level down, of the gram without its oldest id.
    """

    contexts: np.ndarray
    grams: np.ndarray
    counts: np.ndarray
    shorter: np.ndarray


@dataclass(frozen=True)
class _Level:
    """What follows the contexts of one length.

    contexts, grams: see `_Counts`.
    probs: float64 (G,): the probability of each id that was seen after its context.
    backoffs: float64 (C,): the weight of the level below, which gives all other ids.
    best: int64 (C,): the most probable id; its probability is in `highest`, float64 (C,).
    """

    contexts: np.ndarray
    grams: np.ndarray
    probs: np.ndarray
    backoffs: np.ndarray
    best: np.ndarray
    highest: np.ndarray


@dataclass(frozen=True)
class NgramModel:
    """An interpolated n-gram model; `fit_ngram` makes it.

    Its distributions are over all ids but padding and the start, and no such id is impossible.
    Sequences begin with the start token, so that each id has a position, and with it a phase.
    """

    vocab_size: int
    order: int
    period: int
    levels: tuple[_Level, ...]

    def log_prob(self, ids: np.ndarray) -> np.ndarray:
        """Return the log-likelihood of `ids[1:]`, each after all before it.

        Args:
            ids: ints `(T,)`, a piece or its beginning, from the start token on.

        Returns:
            float64 `(T - 1,)`, in nats.

        Raises:
            ValueError: no start token, or an id outside the vocabulary.
        """
        ids = _checked(ids, self.vocab_size)
        probs = np.full(ids.size - 1, self._uniform)
        for level, rows in self._rows(ids):
            grams = _find(level.grams, rows * self.vocab_size + ids[1:])
            below = np.where(rows >= 0, level.backoffs[rows] * probs, probs)
            probs = np.where(grams >= 0, level.probs[grams], below)
        return np.log(probs)

    def most_probable(self, ids: np.ndarray) -> np.ndarray:
        """Return the most probable id at each position of `ids[1:]`; of equals, the lowest.

        Args:
            ids: as for `log_prob`.

        Returns:
            int64 `(T - 1,)`.

        Raises:
            ValueError: as `log_prob`.
        """
        ids = _checked(ids, self.vocab_size)
        best = np.full(ids.size - 1, END)  # of the uniform distribution
        for level, rows in self._rows(ids):
            best = np.where(rows >= 0, level.best[rows], best)
        return best

    def log_probs_after(self, context: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the log-probability of each id to come next.

        Args:
            context: ints `(T,)`, the piece so far, from the start token on.

        Returns:
            float64 `(vocab_size,)`, in nats; `-inf` for padding and the start token.

        Raises:
            ValueError: as `log_prob`.

        Example:
            >>> model = fit_ngram([np.array([1, 3, 4, 3, 4, 3, 4, 2])], vocab_size=5, order=1)
            >>> np.exp(model.log_probs_after([1, 3])).round(3).tolist()
            [0.0, 0.0, 0.146, 0.208, 0.646]
        """
        ids = _checked(context, self.vocab_size)
        probs = np.full(self.vocab_size, self._uniform)
        probs[: START + 1] = 0
        for level, rows in self._rows(np.append(ids, END)):  # the last row is what is asked for
            row = rows[-1]
            if row >= 0:
                bounds = [row * self.vocab_size, (row + 1) * self.vocab_size]
                seen = slice(*np.searchsorted(level.grams, bounds))
                probs *= level.backoffs[row]
                probs[level.grams[seen] % self.vocab_size] = level.probs[seen]
        return np.log(probs, out=np.full(self.vocab_size, -np.inf), where=probs > 0)

    @property
    def _uniform(self) -> float:
        return 1 / (self.vocab_size - START - 1)

    def _rows(self, ids: np.ndarray) -> Iterator[tuple[_Level, np.ndarray]]:
        """Yield each level with the rows of the contexts of `ids[1:]` `(T - 1,)`.

        A row is -1 where the context is unseen or would begin before the start token; it then is
        so on all levels above too.
        """
        positions = np.arange(1, ids.size)
        rows = np.zeros(positions.size, np.int64)
        older = (positions - 1) % self.period  # at level 0 the phase, then one more id each time
        for length, level in enumerate(self.levels):
            if length:
                # Past the beginning a second start token, which no context has.
                older = ids[np.maximum(positions - length, 0)]
            rows = _find(level.contexts, rows * self.vocab_size + older)
            yield level, rows


def fit_ngram(
    pieces: Sequence[np.ndarray], vocab_size: int, order: int, *, period: int = 1
) -> NgramModel:
    """Count the n-grams of pieces and smooth them.

    Args:
        pieces: int arrays `(T,)`, each from the start token to the end token.
        vocab_size: ids are `0..vocab_size - 1`, padding and the start among them.
        order: how many ids before each one are its context, fewer at the beginning of a piece; 0
            for frequencies alone.
        period: of a codec whose tokens come in turn. Each position modulo `period` then has its
            own counts on all levels. The start token has no position.

    Raises:
        ValueError: no pieces, a piece without its start or end, an id outside the vocabulary, or
            a setting out of range.

    Example:
        >>> pieces = [np.array([1, 3, 4, 3, 4, 2]), np.array([1, 4, 3, 4, 2])]
        >>> model = fit_ngram(pieces, vocab_size=5, order=1)
        >>> model.log_prob(pieces[0]).round(2).tolist()
        [-0.8, -0.4, -0.95, -0.4, -1.04]
    """
    for name, value, least in (
        ("order", order, 0),
        ("period", period, 1),
        ("vocab_size", vocab_size, 3),
    ):
        if value < least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {name}={value}")
    if not len(pieces):
        raise ValueError("Expected at least one piece to count. Received: none")
    checked = [_checked(piece, vocab_size, f"piece {i}: ") for i, piece in enumerate(pieces)]
    for i, piece in enumerate(checked):
        if piece[-1] != END:
            raise ValueError(
                f"piece {i}: expected the end token ({END}) last. Received: {piece[-1]}"
            )
    counted = _count(checked, vocab_size, order, period)
    levels: list[_Level] = []
    for level, counts in enumerate(counted):
        above = counted[level + 1] if level + 1 < len(counted) else None
        levels.append(_smooth(counts, above, levels[-1] if levels else None, vocab_size))
    return NgramModel(vocab_size, order, period, tuple(levels))


def measure_ngrams(
    train: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
    *,
    vocab_size: int,
    counted: np.ndarray,
    orders: Sequence[int] = (0, 3),
    period: int = 1,
) -> dict[int, dict[str, float]]:
    """Measure n-grams of several orders, fitted to some pieces, on others.

    Args:
        train: pieces as `fit_ngram` takes them.
        test: the same, others.
        vocab_size: of the codec.
        counted: bool `(vocab_size,)`, the ids whose likelihood is measured. The others are
            predicted, but not measured.
        orders: which.
        period: the `period` of `fit_ngram`.

    Returns:
        For each order `nll` in nats per token, `accuracy` (how often the most probable id came) and
        `tokens`, the number of ids measured.

    Raises:
        ValueError: `counted` of another shape, no token to measure, or as `fit_ngram`.

    Example:
        >>> piece = np.array([1] + [3, 4] * 50 + [2])
        >>> counted = np.array([False, False, False, True, True])
        >>> measures = measure_ngrams([piece], [piece], vocab_size=5, counted=counted)
        >>> measures[0]["accuracy"], measures[3]["accuracy"]
        (0.5, 1.0)
    """
    counted = np.asarray(counted, bool)
    if counted.shape != (vocab_size,):
        raise ValueError(
            f"`counted` must have the shape ({vocab_size},), a value for each id. "
            f"Received: {counted.shape}"
        )
    targets = [_checked(ids, vocab_size, f"piece {i}: ")[1:] for i, ids in enumerate(test)]
    targets = np.concatenate([np.empty(0, np.int64), *targets])
    measured = counted[targets]
    if not measured.any():
        raise ValueError("Expected pieces with at least one id to measure. Received: none")
    measures = {}
    for order in orders:
        model = fit_ngram(train, vocab_size, order, period=period)
        nats = -np.concatenate([model.log_prob(ids) for ids in test])
        hits = np.concatenate([model.most_probable(ids) for ids in test]) == targets
        measures[order] = {
            "nll": float(nats[measured].mean()),
            "accuracy": float(hits[measured].mean()),
            "tokens": int(measured.sum()),
        }
    return measures


def _count(pieces: Sequence[np.ndarray], vocab_size: int, order: int, period: int) -> list[_Counts]:
    """Count all n-grams up to `order` ids of context; of short pieces only, fewer levels."""
    ids = np.concatenate(pieces)
    positions = np.concatenate([np.arange(piece.size) for piece in pieces])
    at = np.flatnonzero(positions)  # of each predicted id: the start is never one
    older = (positions[at] - 1) % period  # at level 0 the phase, then one more id each time
    context_of = gram_of = np.zeros(at.size, np.int64)
    levels = []
    for length in range(min(order, positions.max()) + 1):
        inside = positions[at] >= length
        at, shorter = at[inside], gram_of[inside]
        if length:
            older = ids[at - length]
        contexts, context_of = np.unique(
            context_of[inside] * vocab_size + older, return_inverse=True
        )
        grams, gram_of, counts = np.unique(
            context_of * vocab_size + ids[at], return_inverse=True, return_counts=True
        )
        row_below = np.empty(grams.size, np.int64)
        row_below[gram_of] = shorter
        levels.append(_Counts(contexts, grams, counts, row_below))
    return levels


def _smooth(level: _Counts, above: _Counts | None, below: _Level | None, vocab_size: int) -> _Level:
    """Return the distributions of one level, those of the level below in them."""
    counts = level.counts
    if above is not None:
        # Kneser-Ney: in how many longer contexts an id was seen, not how often. What begins with
        # the start token has nothing before it, and keeps its counts.
        longer = np.bincount(above.shorter, minlength=counts.size)
        counts = np.where(longer > 0, longer, counts)
    context_of = level.grams // vocab_size
    discounts = _discounts(counts)[np.minimum(counts, 3) - 1]
    totals = np.bincount(context_of, counts)
    backoffs = np.bincount(context_of, discounts) / totals
    if below is None:
        lower = 1 / (vocab_size - START - 1)
        best = np.full(totals.size, END)  # of the uniform distribution
        highest = backoffs * lower
    else:
        lower = below.probs[level.shorter]
        parents = level.contexts // vocab_size
        best, highest = below.best[parents], backoffs * below.highest[parents]
    probs = (counts - discounts) / totals[context_of] + backoffs[context_of] * lower
    top = _most_probable(level.grams, probs, best, highest, vocab_size)
    return _Level(level.contexts, level.grams, probs, backoffs, *top)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Return what is taken off counts of 1, 2, and 3 or more: Chen and Goodman (1999), eq. 26."""
    kinds = np.bincount(np.minimum(counts, 5), minlength=6)[1:5]  # seen once, ..., four times
    if not kinds[:2].all():
        return FALLBACK_DISCOUNTS
    ratio = kinds[0] / (kinds[0] + 2 * kinds[1])
    times = np.arange(1, 4)
    estimates = times - (times + 1) * ratio * kinds[1:] / np.maximum(kinds[:-1], 1)
    known = (kinds[1:] > 0) & (kinds[:-1] > 0) & (estimates > 0)
    return np.where(known, estimates, FALLBACK_DISCOUNTS)


def _most_probable(grams, probs, best, highest, vocab_size) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable id of each context and its probability: `(C,)` both.

    Of the ids unseen after a context only `best`, the most probable one of the level below, can be
    the most probable.

    Args:
        grams: `(G,)`, see `_Counts`.
        probs: `(G,)`.
        best: `(C,)`, the most probable id of the level below.
        highest: `(C,)`, its probability here if it is unseen here.
        vocab_size: number of ids.
    """
    context_of = grams // vocab_size
    tops = np.maximum.reduceat(probs, np.searchsorted(context_of, np.arange(best.size)))
    hits = np.flatnonzero(probs == tops[context_of])
    first = np.unique(context_of[hits], return_index=True)[1]  # the lowest id of equals
    ids = grams[hits[first]] % vocab_size
    unseen = (highest > tops) | ((highest == tops) & (best < ids))
    return np.where(unseen, best, ids), np.maximum(highest, tops)


def _find(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where in sorted `keys` each of `wanted` is, -1 where it is not.

    A key made of row -1 and an id is negative, and so not among them.
    """
    at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[at] == wanted, at, -1)


def _checked(ids, vocab_size: int, where: str = "") -> np.ndarray:
    """Return ids as int64 `(T,)`, the start token first and only there."""
    ids = np.asarray(ids, np.int64)
    if ids.ndim != 1 or not ids.size or ids[0] != START:
        raise ValueError(
            f"{where}expected ids (T,), the start token ({START}) first. "
            f"Received: {ids.reshape(-1)[:4].tolist()}..., shape {ids.shape}"
        )
    wrong = np.flatnonzero((ids[1:] <= START) | (ids[1:] >= vocab_size)) + 1
    if wrong.size:
        raise ValueError(
            f"{where}expected ids in {START + 1}..{vocab_size - 1} after the start token. "
            f"Received: {ids[wrong[0]]} at position {wrong[0]}"
        )
    return ids
