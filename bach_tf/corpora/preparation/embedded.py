"""What comes with music21: the files of one of its collections.

music21 takes half a second to import, so it is imported in the function that needs it.
"""

from __future__ import annotations

from pathlib import Path


def embedded_files(collection: str) -> list[Path]:
    """Return the files of a collection that music21 carries, in the order of their names.

    `corpus.getComposer` is not asked: it takes every file for Bach's in whose path, from the root
    on, a folder is named so, and files of the user's own music21 corpora besides.

    Args:
        collection: the name of a folder in music21's corpus, such as "bach".

    Raises:
        ValueError: there are none.

    Example:
        >>> embedded_files("bach")[0].name  # doctest: +SKIP
        'bwv1.6.mxl'
    """
    from music21 import common
    from music21.corpus.corpora import CoreCorpus

    folder = common.cleanpath(common.getCorpusFilePath(), returnPathlib=True) / collection
    paths = [path for path in CoreCorpus().getPaths() if path.is_relative_to(folder)]
    if not paths:
        raise ValueError(
            f"Expected music21's collection {collection!r} in {folder}, got no file. "
            "Install music21 again."
        )
    return sorted(paths, key=lambda path: (path.name, path))
