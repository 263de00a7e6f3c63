"""Corpora: each finds or builds a prepared folder of pieces, and says what music it holds.

`CORPORA` maps a name to a `Corpus`. `read_prepared` reads any prepared folder back as
`{split: [Score]}`.
"""

from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf.corpora import cello, chorales, folder, folk, jsb, mozart, performance
from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.music import MUSIC_SETTINGS, Music
from bach_tf.corpora.preparation.prepared import (
    piece_paths,
    read_manifest,
    read_prepared,
    read_split,
)

CORPORA: dict[str, Corpus] = {
    "chorales": chorales.CORPUS,
    "jsb": jsb.CORPUS,
    "folk": folk.CORPUS,
    "cello": cello.CORPUS,
    "mozart": mozart.CORPUS,
    "performance": performance.CORPUS,
    "folder": folder.CORPUS,
}


def corpus_for(data_dir: str | Path | None, own: str) -> str:
    """Return the corpus that a folder given without a name belongs to.

    Args:
        data_dir: the user's, if any.
        own: the corpus of the model. Where that comes in no folder, it is a corpus of the user's
            own: one whose files lie there, or else one of the model's kind of music.

    Example:
        >>> corpus_for(None, "folk"), corpus_for("absent", "chorales")
        ('folk', 'folder')
    """
    corpus = CORPORA[own]
    if data_dir is None or corpus.endings:
        return own
    of_users = {name: each for name, each in CORPORA.items() if each.of_users}
    # First those of another kind, which another model would be named for: MIDI files that lie
    # beside grids are performances.
    names = sorted(of_users, key=lambda name: of_users[name].music.is_like(corpus.music))
    found = [name for name in names if of_users[name].has_files_in(Path(data_dir))]
    return [*found, *names[::-1]][0]


def prepare_corpus(
    music: Music, corpus: str | None = None, data_dir: str | Path | None = None
) -> Path:
    """Return the prepared folder of the corpus that a run is evaluated on.

    Args:
        music: of the run.
        corpus: a name in `CORPORA`; the one that the run was trained on when `None`.
        data_dir: where the corpus is read from; for the run's own corpus, its own when `None`.

    Raises:
        ValueError: an unknown corpus, or one that cannot be read.
    """
    corpus = music.corpus if corpus is None else corpus
    if data_dir is None and corpus == music.corpus:
        data_dir = music.data_dir or None
    folder = None if data_dir is None else Path(data_dir)
    return choose(CORPORA, corpus, "corpus").prepare(folder)


__all__ = [
    "CORPORA",
    "MUSIC_SETTINGS",
    "Corpus",
    "Music",
    "corpus_for",
    "piece_paths",
    "prepare_corpus",
    "read_manifest",
    "read_prepared",
    "read_split",
]
