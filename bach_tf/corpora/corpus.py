"""What the package knows about a corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bach_tf._basics.files import list_files
from bach_tf.corpora.music import Music


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """An entry of `CORPORA`.

    Args:
        prepare: returns the prepared folder; takes what `--data-dir` named, if anything.
        music: what kind of music it is.
        endings: of the files that `--data-dir` may hold, in small letters with their dots;
            none where the corpus comes in no folder.
        of_users: whether it is made of a user's own files alone, and so may be meant
            where a folder is given without a name.
        validate: raises `ValueError` for a user's folder that is not sound, before it is prepared.
        shows_progress: whether it has a progress bar of its own; two would fight.

    Example:
        >>> CORPORA["folk"].music.codec  # doctest: +SKIP
        'melody'
    """

    prepare: Callable[[Path | None], Path]
    music: Music
    endings: tuple[str, ...] = ()
    of_users: bool = False
    validate: Callable[[Path], object] | None = None
    shows_progress: bool = False

    def has_files_in(self, folder: Path) -> bool:
        """Return whether files that this corpus reads lie anywhere in a folder.

        Args:
            folder: need not exist.
        """
        return folder.is_dir() and bool(list_files(folder, self.endings).paths)
