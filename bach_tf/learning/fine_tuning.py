"""Start a run from the weights of another one, with the same codec, on another corpus."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from bach_tf._basics.messages import shortened
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora import piece_paths, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale.shards import is_sharded, read_shards
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

MOST_UNKNOWN = 0.05  # maximum fraction of unknown tokens in the corpus
FEW = 6  # tokens or pieces named in a message


def start_from(origin: Path, preset: Preset, name: str | None = None) -> tuple[Run, Path]:
    """Create a run with the weights of another; return it and the prepared folder of its corpus.

    The new run has the codec of the other one, and its memory if it has one.

    Args:
        origin: the folder of the other run.
        preset: the settings, see `bach_tf.recipes.continued_preset`.
        name: name of the new run folder; by default the recipe and the time.

    Raises:
        ValueError: if the other run has no weights or another model size, the corpus cannot be
            read or encoded, or a run of that name exists.
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
    compile_model(model, preset)

    def begin(folder: Path) -> None:
        keep_corpus(folder, corpus)
        # Before the first epoch, so that training interrupted in it restarts there.
        with locked(folder / CHECKPOINT):
            Checkpoint(Run(folder, preset, codec, model, memory)).write()

    run = create_run(preset, codec, name, memory=memory, complete=begin)
    return replace(run, model=model), corpus


def _read_weights(model, origin: Path) -> None:
    try:
        read_weights(model, origin / WEIGHTS)
    except ValueError as error:
        raise ValueError(
            f"{error} Runs started with --from keep the model's size: leave out "
            "settings such as model.units."
        ) from None


def check_vocabulary(preset: Preset, codec: Codec, corpus: Path, origin: str) -> None:
    """Check that a run's codec knows the tokens of a corpus; report rare unknown ones on stderr.

    Args:
        preset: how the corpus is encoded.
        codec: the run's codec.
        corpus: the prepared folder.
        origin: how messages refer to the run.

    Raises:
        ValueError: if the codec cannot encode a piece, or too many tokens are unknown; the
            message names them.
    """
    if is_sharded(corpus):
        read_shards(corpus).check_codec(codec)
        return
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
            f"Found {said}. Transpose or remove these pieces, choose another run, or "
            "train a new one, without --from."
        )
    print(f"{100 * fraction:.2g} % of the tokens are unknown: {said}.", file=sys.stderr)


def _unknown_in(codec: Codec, score: Score) -> float:
    """Return the fraction of a piece's tokens unknown to a codec; 1 if it cannot be encoded."""
    try:
        ids = codec.encode(score)
    except ValueError:
        return 1.0
    return 0.0 if codec.unknown is None else float(np.mean(ids == codec.unknown))


def _few(names: list[str]) -> str:
    return ", ".join([*names[:FEW], *(["..."] if len(names) > FEW else [])])
