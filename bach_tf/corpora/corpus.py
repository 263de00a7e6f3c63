"""What the package knows about a corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bach_tf.corpora.music import Music


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """An entry of `CORPORA`.

    Args:
        prepare: returns the prepared folder; takes what `--data-dir` named, if anything.
        music: what kind of music it is.
        takes: whether it can be made of what `--data-dir` names, such as a folder of a user's
            own files; never when `None`.
        of_users: whether it is made of a user's own files alone, and so is meant where a folder is
            given for a model of the same kind of music, whose corpus does not take it.
        validate: raises `ValueError` for a user's folder that is not sound, before it is prepared.
        shows_progress: whether it has a progress bar of its own; two would fight.

    Example:
        >>> CORPORA["folk"].music.codec  # doctest: +SKIP
        'melody'
    """

    prepare: Callable[[Path | None], Path]
    music: Music
    takes: Callable[[Path], bool] | None = None
    of_users: bool = False
    validate: Callable[[Path], object] | None = None
    shows_progress: bool = False


def anything(data_dir: Path) -> bool:
    """Return that a corpus can be made of any folder or archive, or says itself why not.

    Args:
        data_dir: need not exist.
    """
    return True
