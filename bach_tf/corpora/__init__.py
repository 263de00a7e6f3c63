"""Corpora: each finds or builds a prepared folder of pieces, and says what music it holds.

`CORPORA` maps a name to a `Corpus`. `read_prepared` reads any prepared folder back as
`{split: [Score]}`.
"""

from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
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

    The kind of music follows from the model: whatever files lie in the folder, those of them are
    read that have that kind.

    Args:
        data_dir: the user's, if any.
        own: the corpus of the model. Where that is not made of what was given, it is a corpus of
            the user's own files with the same kind of music.

    Raises:
        ValueError: there is none of that kind.

    Example:
        >>> corpus_for(None, "folk"), corpus_for("mine", "folk"), corpus_for("mine", "chorales")
        ('folk', 'folk', 'folder')
    """
    corpus = choose(CORPORA, own, "corpus")
    if data_dir is None or (corpus.takes is not None and corpus.takes(Path(data_dir))):
        return own
    for name, each in CORPORA.items():
        if each.of_users and each.music.is_like(corpus.music):
            return name
    others = ", ".join(sorted(name for name, each in CORPORA.items() if each.takes))
    raise ValueError(
        f"The corpus {own!r} comes in no folder. Received: data_dir={shortened(data_dir)}. "
        f"Choose a corpus that does: {others}."
    )


def prepare_corpus(
    music: Music, corpus: str | None = None, data_dir: str | Path | None = None
) -> Path:
    """Return the prepared folder of the corpus that a run is evaluated on.

    Args:
        music: of the run.
        corpus: a name in `CORPORA`; when `None`, the one that the run was trained on, or the one
            of its kind of music that `data_dir` belongs to.
        data_dir: where the corpus is read from; for the run's own corpus, its own when `None`.

    Raises:
        ValueError: an unknown corpus, or one that cannot be read.
    """
    corpus = corpus_for(data_dir, music.corpus) if corpus is None else corpus
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
