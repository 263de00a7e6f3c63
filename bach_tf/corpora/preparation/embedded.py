"""Files of collections that come with music21.

music21 takes half a second to import, so it is imported in the function that needs it.
"""

from __future__ import annotations

from pathlib import Path


def embedded_files(collection: str) -> list[Path]:
    """Return music21's files of a collection, sorted by name.

    `corpus.getComposer` is not used, because it matches folder names anywhere in the path, and
    also returns files of the user's own music21 corpora.

    Args:
        collection: name of a folder in music21's corpus, such as "bach".

    Raises:
        ValueError: if there are none.

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
            "Reinstall music21."
        )
    return sorted(paths, key=lambda path: (path.name, path))
