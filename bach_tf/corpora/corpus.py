"""What the package knows about a corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.own_files import Kind


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """An entry of `CORPORA`.

    Args:
        prepare: returns the prepared folder; called with the path from `--data-dir`, if any.
        music: its kind of music.
        kind: how a user's files become such a corpus; `None` if they cannot.
        takes: whether it can be built from the path in `--data-dir`, such as a folder of user
            files; never if `None`.
        of_users: whether it is made only for user files; it is chosen when a folder is given for a
            model of the same kind of music whose own corpus cannot be built from it.
        validate: raises `ValueError` for an invalid user folder before it is prepared.
        shows_progress: whether it shows a progress bar of its own, which another would disturb.

    Example:
        >>> CORPORA["folk"].music.codec  # doctest: +SKIP
        'melody'
    """

    prepare: Callable[[Path | None], Path]
    music: Music
    kind: Kind | None = None
    takes: Callable[[Path], bool] | None = None
    of_users: bool = False
    validate: Callable[[Path], object] | None = None
    shows_progress: bool = False


def anything(data_dir: Path) -> bool:
    """Accept any folder or archive; the corpus itself reports what it cannot use.

    Args:
        data_dir: need not exist.
    """
    return True
