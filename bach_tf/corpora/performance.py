"""Mozart's piano sonatas as they are played: notes in steps of 8 ms, with the pedal."""

from __future__ import annotations

from pathlib import Path

from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.mozart import ARCHIVE, PIANO, SPLIT_FRACTIONS
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.midi_files import ENDINGS, prepare_midi
from bach_tf.formats.midi import read_midi_seconds


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder: 100 steps per quarter, 8 ms each at 75 quarter notes per minute.

    The sonatas are in the same splits as those of the corpus `mozart`.

    Args:
        data_dir: the archive of the corpus `mozart`, a folder that holds it, or any folder of
            MIDI files. Downloaded when `None`.

    Raises:
        ValueError: no network, another archive than expected, or too many bad files.

    Example:
        >>> folder = prepare(Path("my_recordings"))  # doctest: +SKIP
    """
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
    endings=ENDINGS,
    of_users=True,
)
