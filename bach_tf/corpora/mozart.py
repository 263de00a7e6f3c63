"""Mozart's piano sonatas: 20 MIDI files, each of several movements.

From the course material of "Foundations of Applied Mathematics" (J. Humpherys, T. Jarvis).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bach_tf.corpora.corpus import Corpus, anything
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.downloads import Archive, is_archive
from bach_tf.corpora.preparation.kinds import pieces_on
from bach_tf.corpora.preparation.midi_files import prepare_midi
from bach_tf.corpora.preparation.own_files import prepare_own
from bach_tf.formats.midi import read_midi

ARCHIVE = Archive(
    name="mozart_sonatas.tar.gz",
    url="https://github.com/Foundations-of-Applied-Mathematics/Data/raw/master/RNN/"
    "mozart_sonatas.tar.gz",
    sha256="7cf333447ad44a76e6498af2f67c669558b63067ca91edf94f5bb37830e86d6e",
    without="Without a network: fetch that file elsewhere and pass "
    "--data-dir mozart_sonatas.tar.gz, or pass --data-dir FOLDER with your own MIDI files.",
)
SPLIT_FRACTIONS = (0.7, 0.15, 0.15)
# Sixteenths and triplets: 98 % of the notes begin on this grid. On one twice as fine all do, but
# the other 2 % are ornaments and fast runs, none of which are merged with another note here.
GRID = 12
PIANO = 0  # General MIDI program, counted from 0


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder: notes on a grid of 12 steps per quarter.

    Onsets are rounded to the nearest step, almost always exactly; durations are as played.
    Voices are the channels of each track, and the time signature is that of the first movement.

    Args:
        data_dir: the downloaded archive, a folder with it, or any folder of your own pieces.
            Downloaded by default.

    Raises:
        ValueError: if the download fails, the archive is not the expected one, or too many files
            are bad.

    Example:
        >>> folder = prepare(Path("mozart_sonatas.tar.gz"))  # doctest: +SKIP
    """
    if data_dir is not None and not is_archive(ARCHIVE, data_dir):
        return prepare_own("mozart", data_dir, PIECES)
    read = partial(read_midi, steps_per_quarter=GRID)
    return prepare_midi("mozart", data_dir, ARCHIVE, read, SPLIT_FRACTIONS)


PIECES = pieces_on(GRID, SPLIT_FRACTIONS)
CORPUS = Corpus(
    prepare=prepare,
    music=Music(
        corpus="mozart",
        codec="chords",
        encoding={"rhythm": True, "fewest": 2, "longest_quarters": 8},
        period=3,  # interval from the previous chord, chord, duration
        window=64,
        stride=64,
        context=128,
        length=500,
        program=PIANO,
        tempo_qpm=120.0,
    ),
    kind=PIECES,
    takes=anything,
)
