"""A corpus: scales, up and down, from each of a few pitches."""

from bach_tf.corpora import Corpus, Music
from bach_tf.corpora.preparation.prepared import Collection, prepare
from bach_tf.score import Score

SCALE = [0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2, 0]


def scale_from(pitch):
    return Score.from_grid([[pitch + step] for step in SCALE])


def prepare_scales(data_dir=None):
    parts = {"train": range(60, 66), "valid": range(66, 68), "test": range(68, 70)}
    pieces = {split: {f"p{p}": scale_from(p) for p in part} for split, part in parts.items()}
    return prepare("scales", lambda: Collection(pieces, "notes"))


CORPUS = Corpus(
    prepare=prepare_scales,
    music=Music(corpus="scales", codec="steps", window=8, stride=8, length=12, tempo_qpm=144),
)
