"""Mozart's piano sonatas as performances: notes in steps of 8 ms, with the pedal."""

from __future__ import annotations

from pathlib import Path

from bach_tf.corpora.corpus import Corpus, anything
from bach_tf.corpora.mozart import ARCHIVE, PIANO, SPLIT_FRACTIONS
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.downloads import is_archive
from bach_tf.corpora.preparation.kinds import PERFORMANCES
from bach_tf.corpora.preparation.midi_files import prepare_midi
from bach_tf.corpora.preparation.own_files import prepare_own
from bach_tf.formats.midi import read_midi_seconds


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder: 100 steps per quarter, 8 ms each at 75 quarter notes per minute.

    The splits have the same sonatas as those of the corpus `mozart`.

    Args:
        data_dir: the archive of the corpus `mozart`, a folder with it, or any folder of your own
            pieces. Downloaded by default.

    Raises:
        ValueError: if the download fails, the archive is not the expected one, or too many files
            are bad.

    Example:
        >>> folder = prepare(Path("my_recordings"))  # doctest: +SKIP
    """
    if data_dir is not None and not is_archive(ARCHIVE, data_dir):
        return prepare_own("performance", data_dir, PERFORMANCES)
    return prepare_midi("performance", data_dir, ARCHIVE, read_midi_seconds, SPLIT_FRACTIONS)


CORPUS = Corpus(
    prepare=prepare,
    music=Music(
        corpus="performance",
        codec="events",
        encoding={"longest_quarters": 5},
        window=192,
        stride=192,
        context=384,
        length=1500,
        program=PIANO,
        tempo_qpm=75.0,
    ),
    kind=PERFORMANCES,
    takes=anything,
    of_users=True,
)
