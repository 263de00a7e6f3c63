"""Bach's histograms, as they are shipped: what pieces are graded against without a corpus.

They are those of the 229 training pieces of the canonical chorales. `python -m benchmarks.grade
--write-reference` makes the file again.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

from bach_tf.measuring.grading.features import Histogram
from bach_tf.measuring.grading.grade import Reference

BACH = Path(__file__).with_name("bach.json")


@cache
def bach() -> Reference:
    """Return the reference of the canonical training chorales.

    Example:
        >>> sorted(bach().histograms)
        ['major', 'minor']
    """
    return from_plain(json.loads(BACH.read_text(encoding="utf-8")))


def to_plain(reference: Reference) -> dict:
    """Return a reference as plain data, for JSON."""
    histograms = {
        mode: {
            name: {str(kind): count for kind, count in sorted_kinds(of)}
            for name, of in all_.items()
        }
        for mode, all_ in reference.histograms.items()
    }
    return {"histograms": histograms, "parallels": reference.parallels}


def from_plain(plain: dict) -> Reference:
    """Return the reference of `to_plain`."""
    histograms = {
        mode: {name: _histogram(counts) for name, counts in all_.items()}
        for mode, all_ in plain["histograms"].items()
    }
    return Reference(histograms, plain["parallels"])


def sorted_kinds(histogram: Histogram) -> list[tuple]:
    """Return the kinds and their counts in an order that does not depend on the pieces'."""
    return sorted(histogram.items(), key=lambda item: (isinstance(item[0], str), item[0]))


def _histogram(counts: dict[str, int]) -> Histogram:
    return Counter({_kind(name): count for name, count in counts.items()})


def _kind(name: str) -> int | str:
    return int(name) if name.removeprefix("-").isdecimal() else name
