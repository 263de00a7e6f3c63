"""Start a run from the weights of another one, on a corpus that its codec knows."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora import piece_paths, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.learning.checkpoints import Checkpoint
from bach_tf.learning.corpus_record import keep_corpus
from bach_tf.learning.data import check_model, make_windowing, prepare_corpus
from bach_tf.learning.fitting import compile_model
from bach_tf.learning.locks import locked
from bach_tf.learning.rates import rate_of_epoch
from bach_tf.learning.runs import (
    CHECKPOINT,
    WEIGHTS,
    Run,
    build_model,
    create_run,
    load_memory,
    load_trained_settings,
    run_name,
)
from bach_tf.learning.weight_files import read_weights
from bach_tf.recipes import Preset
from bach_tf.score import Score

MOST_UNKNOWN = 0.05  # of the tokens of a training split: rare ones are learned as unknown
FEW = 6  # tokens or pieces that a message names


def start_from(origin: Path, preset: Preset, name: str | None = None) -> tuple[Run, Path]:
    """Create a run with the weights of another; return it and the prepared folder of its corpus.

    It has the codec of the other run, and its memory if it has one.

    Args:
        origin: the folder of the other run.
        preset: the settings, as `bach_tf.recipes.continued_preset` makes them.
        name: of the new run folder; the recipe and the time when `None`.

    Raises:
        ValueError: a run without weights, a corpus that cannot be read or whose music the codec
            does not know, other sizes of the model, or an existing run of that name.
    """
    make_windowing(preset)
    rate_of_epoch(preset, 0)
    former, codec = load_trained_settings(origin)
    memory = load_memory(origin, former)
    model = build_model(preset, codec, memory)
    _read_weights(model, origin)
    corpus = prepare_corpus(preset)
    check_model(preset, codec)
    check_vocabulary(preset, codec, corpus, run_name(origin))
    run = replace(create_run(preset, codec, name, memory=memory), model=model)
    keep_corpus(run.folder, corpus)
    # Before the first epoch: a training that is stopped in it begins there again.
    compile_model(model, preset)
    with locked(run.folder / CHECKPOINT):
        Checkpoint(run).write()
    return run, corpus


def _read_weights(model, origin: Path) -> None:
    try:
        read_weights(model, origin / WEIGHTS)
    except ValueError as error:
        raise ValueError(
            f"{error} A run that starts from another keeps the sizes of its model: leave out "
            "settings such as model.units."
        ) from None


def check_vocabulary(preset: Preset, codec: Codec, corpus: Path, origin: str) -> None:
    """Check that a run's codec knows the tokens of a corpus; say how many rare ones it does not.

    Args:
        preset: says how the corpus is encoded.
        codec: of the run.
        corpus: the prepared folder.
        origin: what the run is called, for the message.

    Raises:
        ValueError: pieces that the codec cannot hold, or too many tokens that it does not know;
            the message names them.
    """
    pieces = {
        path.stem: score
        for split in SPLITS
        for path, score in zip(piece_paths(corpus, split), read_split(corpus, split))
    }
    fresh = CODECS[preset.music.codec].fit([*pieces.values()], **preset.music.encoding)
    used = np.unique(np.concatenate([fresh.encode(score) for score in pieces.values()]))
    missing = [fresh.tokens[number] for number in used if fresh.tokens[number] not in codec.tokens]
    unknown = {name: _unknown_in(codec, score) for name, score in pieces.items()}
    touched = [name for name, fraction in unknown.items() if fraction > 0]
    fraction = sum(unknown.values()) / max(1, len(unknown))
    if not touched:
        return
    said = (
        f"{len(missing)} tokens of the corpus that {shortened(origin)} does not know "
        f"({_few(missing)}), in {len(touched)} of {len(pieces)} pieces ({_few(touched)})"
    )
    if codec.unknown is None or fraction > MOST_UNKNOWN:
        raise ValueError(
            f"Found {said}. Transpose these pieces or take them out, choose another run, or "
            "train a new one, without --from."
        )
    print(f"{100 * fraction:.2g} % of the tokens are unknown: {said}.", file=sys.stderr)


def _unknown_in(codec: Codec, score: Score) -> float:
    """Return the fraction of a piece's tokens that a codec does not know; 1 for all it refuses."""
    try:
        ids = codec.encode(score)
    except ValueError:
        return 1.0
    return 0.0 if codec.unknown is None else float(np.mean(ids == codec.unknown))


def _few(names: list[str]) -> str:
    return ", ".join([*names[:FEW], *(["..."] if len(names) > FEW else [])])
