"""Corpora: each one finds or builds a prepared folder of pieces, and describes its music.

`CORPORA` maps names to `Corpus` entries. `read_prepared` reads any prepared folder as
`{split: [Score]}`.
"""

from pathlib import Path

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf.corpora import cello, chorales, folder, folk, jsb, mozart, performance
from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.music import MUSIC_SETTINGS, Music
from bach_tf.corpora.opening import piece_paths, read_prepared, read_split
from bach_tf.corpora.preparation.prepared import read_manifest
from bach_tf.corpora.scale.shards import is_sharded, read_shards

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
    """Return the corpus for a folder given without the name of a corpus.

    The kind of music is that of the model: whatever files the folder has, those that fit this
    kind are used.

    Args:
        data_dir: the user's folder, if any.
        own: the model's corpus. If it cannot be built from the folder, a corpus of user files with
            the same kind of music is chosen.

    Raises:
        ValueError: if there is no such corpus.

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
        f"The corpus {own!r} is not built from a folder. Received: "
        f"data_dir={shortened(data_dir)}. Choose one that is: {others}."
    )


def prepare_corpus(
    music: Music, corpus: str | None = None, data_dir: str | Path | None = None
) -> Path:
    """Return the prepared folder of the corpus to evaluate a run on.

    Args:
        music: the run's music.
        corpus: a name in `CORPORA`; by default the one that the run was trained on, or the one of
            the same kind of music that reads `data_dir`.
        data_dir: where the corpus is read from; for the run's own corpus, the same as in training
            by default.

    Raises:
        ValueError: if the corpus is unknown or cannot be read.
    """
    corpus = corpus_for(data_dir, music.corpus) if corpus is None else corpus
    if data_dir is None and corpus == music.corpus:
        data_dir = music.data_dir or None
    folder = None if data_dir is None else Path(data_dir)
    if folder is not None and is_sharded(folder):
        read_shards(folder).check_music(music)
        return folder
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
