"""How likelihood is distributed: tokens grouped by labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Breakdown = dict[str, dict[str, float]]  # label: its tokens, nats per token, fraction of the loss


def break_down(nats: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Breakdown:
    """Group the negative log-likelihood of tokens by their labels.

    Args:
        nats: float `(N,)`, negative log-likelihood of each token.
        labels: int `(N,)`, indices into `names`.
        names: names of the labels.

    Returns:
        for each name in order, `tokens`, their number; `nll` in nats per token; and `share`, the
        fraction of the nats of all tokens. Names without tokens are left out.

    Raises:
        ValueError: if the arrays differ in length, or a label has no name.

    Example:
        >>> nats, labels = np.array([0.5, 1.5, 2.0]), np.array([0, 0, 2])
        >>> found = break_down(nats, labels, ["soprano", "alto", "tenor"])
        >>> found["soprano"], list(found)
        ({'tokens': 2, 'nll': 1.0, 'share': 0.5}, ['soprano', 'tenor'])
    """
    nats, labels = np.asarray(nats, np.float64), np.asarray(labels)
    if nats.shape != labels.shape or nats.ndim != 1:
        raise ValueError(
            f"Expected a label for each token. Received: nats {nats.shape}, labels {labels.shape}"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < len(names):
        raise ValueError(
            f"Labels must be in 0..{len(names) - 1}, indices of names. Received: "
            f"{labels.min()}..{labels.max()}"
        )
    tokens = np.bincount(labels, minlength=len(names))
    sums = np.bincount(labels, weights=nats, minlength=len(names))
    whole = nats.sum() or 1.0
    return {
        name: {"tokens": int(count), "nll": float(part / count), "share": float(part / whole)}
        for name, count, part in zip(names, tokens, sums)
        if count
    }


def format_breakdowns(breakdowns: Mapping[str, Breakdown]) -> str:
    """Return tables of several breakdowns, one below the other.

    Args:
        breakdowns: the breakdowns by what they are grouped by, such as "voice".

    Example:
        >>> nats, labels = np.array([0.5, 1.5, 2.0]), np.array([0, 0, 1])
        >>> print(format_breakdowns({"voice": break_down(nats, labels, ["soprano", "alto"])}))
        voice    tokens  nats per token  % of the loss
        soprano       2          1.0000           50.0
        alto          1          2.0000           50.0
    """
    width = max(len(name) for title, found in breakdowns.items() for name in (title, *found))
    tables = []
    for title, found in breakdowns.items():
        lines = [f"{title:<{width}}  {'tokens':>6}  nats per token  % of the loss"]
        for name, part in found.items():
            cells = f"{part['tokens']:>6}  {part['nll']:>14.4f}  {100 * part['share']:>13.1f}"
            lines.append(f"{name:<{width}}  {cells}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)
