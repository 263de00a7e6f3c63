"""The readers, each with intact files to damage."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bach_tf.corpora.preparation.embedded import embedded_files
from bach_tf.formats import read, read_all, write
from bach_tf.formats.musicxml.container import score_in
from bach_tf.score import Score

KERN, ABC = "Credo_67_c.krn", "0731-0731.abc"  # short files of music21
SHORT_CHORALE = "bwv165.6.mxl"
BARS = 2
LARGEST = 1_000_000  # bytes unpacked


class Kind(NamedTuple):
    """A reader.

    Args:
        samples: writes intact files into a folder, and returns their paths.
        read: reads the damaged file, which has replaced an intact one.
        is_heavy: whether TensorFlow is loaded for it.
        names_file: whether a refusal names the file.
    """

    samples: Callable[[Path], list[Path]]
    read: Callable[[Path], object]
    is_heavy: bool = False
    names_file: bool = True


def _read_pieces(path: Path) -> None:
    """Read a piece, or all of a file; half of the notated ones with their repeats."""
    if path.stat().st_size % 2 and path.suffix not in (".mid", ".rmi", ".csv"):
        read(path, unfold=True)
    else:
        read_all(path)


def _chorale() -> tuple[Path, Score]:
    path = next(path for path in embedded_files("bach") if path.name == SHORT_CHORALE)
    (piece,) = read_all(path).values()
    return path, piece.score.opening(BARS * piece.score.steps_per_bar)


def _cut(text: bytes) -> bytes:
    """Return the first bars of a MusicXML file in each of its parts."""
    return re.sub(
        rb'<measure number="(?:[%d-9]|\d\d)".*?</measure>' % (BARS + 1), b"", text, flags=re.DOTALL
    )


def _midi(folder: Path) -> list[Path]:
    _, score = _chorale()
    write(score, folder / "a.mid")
    content = (folder / "a.mid").read_bytes()
    inside = b"RMIDdata" + len(content).to_bytes(4, "little") + content
    (folder / "b.rmi").write_bytes(b"RIFF" + len(inside).to_bytes(4, "little") + inside)
    return [folder / "a.mid", folder / "b.rmi"]


def _musicxml(folder: Path) -> list[Path]:
    path, score = _chorale()
    (folder / "a.musicxml").write_bytes(_cut(score_in(path.read_bytes())))
    write(score, folder / "b.musicxml")
    (folder / "b.musicxml").write_bytes(_cut((folder / "b.musicxml").read_bytes()))
    return [folder / "a.musicxml", folder / "b.musicxml"]


def _mxl(folder: Path) -> list[Path]:
    path, _ = _chorale()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(folder / "a.mxl", "w", 8) as new:
        for member in old.infolist():
            new.writestr(zipfile.ZipInfo(member.filename), _cut(old.read(member)), 8)
    return [folder / "a.mxl"]


def _copied(collection: str, name: str) -> Callable[[Path], list[Path]]:
    def samples(folder: Path) -> list[Path]:
        path = next(path for path in embedded_files(collection) if path.name == name)
        return [Path(shutil.copy(path, folder / f"a{path.suffix}"))]

    return samples


def _csv(folder: Path) -> list[Path]:
    _, score = _chorale()
    write(score, folder / "a.csv")
    return [folder / "a.csv"]


def _notes(folder: Path) -> list[Path]:
    from bach_tf.corpora.preparation.layouts import LAYOUTS

    _, score = _chorale()
    LAYOUTS["notes"][0](folder / "a.csv", score)
    return [folder / "a.csv"]


def _read_notes(path: Path) -> None:
    from bach_tf.corpora.preparation.layouts import LAYOUTS

    LAYOUTS["notes"][1](path, length=10**6)


def _corpus(folder: Path) -> list[Path]:
    from bach_tf.corpora.preparation.prepared import MANIFEST, write_prepared

    _, score = _chorale()
    for layout in ("grid", "notes"):
        pieces = {split: {"a": score} for split in ("train", "valid", "test")}
        write_prepared(folder / layout, pieces, layout=layout)
    return [folder / layout / MANIFEST for layout in ("grid", "notes")]


def _read_corpus(path: Path) -> None:
    from bach_tf.corpora.preparation.prepared import corpus_hash, is_intact, read_prepared

    is_intact(path.parent)
    try:
        corpus_hash(path.parent)
    finally:
        read_prepared(path.parent)


def _shards(folder: Path) -> list[Path]:
    import hashlib

    import numpy as np

    from bach_tf.codecs import SatbCodec
    from bach_tf.corpora.scale.shards import FORMAT, MANIFEST, pack_shard

    content = pack_shard([(name, np.arange(1, 40)) for name in "abc"])
    splits = {}
    for split in ("train", "valid", "test"):
        path = folder / f"{split}-00000-of-00001.npz"
        path.write_bytes(content)
        about = {"sha256": hashlib.sha256(content).hexdigest(), "pieces": 3, "tokens": 117}
        splits[split] = [{"file": path.name, **about}]
    codec = {"name": "satb", **SatbCodec(31, 87).to_config()}
    manifest = {"format": FORMAT, "codec": codec, "splits": splits}
    manifest["music"] = {"codec": "satb", "encoding": {}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return [folder / MANIFEST, folder / "train-00000-of-00001.npz"]


def _read_shards(path: Path) -> None:
    from bach_tf.corpora.scale.shards import read_shards

    shards = read_shards(path.parent)
    for shard in shards.of("train"):
        try:
            shards.lengths(shard)
        finally:
            shards.read(shard)


def _zip(folder: Path) -> list[Path]:
    (kern,), (abc,) = _copied("palestrina", KERN)(folder), _copied("oneills1850", ABC)(folder)
    with zipfile.ZipFile(folder / "a.zip", "w", 8) as new:
        for path in (kern, abc):
            new.writestr(zipfile.ZipInfo(f"music/{path.name}"), path.read_bytes(), 8)
    return [folder / "a.zip"]


def _read_zip(path: Path) -> None:
    from bach_tf.corpora.preparation.archives import read_zip

    list(read_zip(path, lambda name: True, LARGEST))


def _tar(folder: Path) -> list[Path]:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in _midi(folder):
            info = tarfile.TarInfo(f"music/{path.name}")
            info.size = path.stat().st_size
            tar.addfile(info, io.BytesIO(path.read_bytes()))
    (folder / "a.tar").write_bytes(packed.getvalue())
    return [folder / "a.tar"]


def _read_tar(path: Path) -> None:
    from bach_tf.corpora.preparation.archives import extract_tar

    try:
        extract_tar(path, path.parent / "unpacked")
    finally:
        shutil.rmtree(path.parent / "unpacked", ignore_errors=True)


def _settings(folder: Path) -> list[Path]:
    from bach_tf.learning.runs import CODEC, PRESET, PRETRAINED

    return [Path(shutil.copy(PRETRAINED / name, folder / name)) for name in (PRESET, CODEC)]


def _read_settings(path: Path) -> None:
    from bach_tf.learning.runs import load_settings

    load_settings(path.parent)


def _memory(folder: Path) -> list[Path]:
    import numpy as np

    from bach_tf.learning.memory_files import MEMORY, NOTES

    _, score = _chorale()
    grid = np.vstack([score.to_grid(4), np.zeros((1, 4))]).astype(np.uint8)
    np.savez_compressed(folder / MEMORY, **{NOTES: grid})
    return [folder / MEMORY]


def _read_memory(path: Path) -> None:
    from bach_tf.learning.memory_files import read_memory
    from bach_tf.models.memory import Memory

    assert Memory.from_text(read_memory(path)).index is not None


def _small_run(folder: Path):
    """Write a run folder as after two epochs, with a small model; return the model."""
    from bach_tf.codecs import SatbCodec
    from bach_tf.learning import runs
    from bach_tf.learning.checkpoints import PREVIOUS, STATE
    from bach_tf.learning.history import append_row
    from bach_tf.recipes import PRESETS, changed

    model = PRESETS["gru"].model.settings | {"units": 8, "layers": 1, "embedding": 8}
    preset = changed(
        PRESETS["gru"], model={k: v for k, v in model.items() if k in PRESETS["gru"].model.settings}
    )
    run = runs.create_run(preset, SatbCodec(31, 87), "run", runs=folder)
    runs.save_weights(run)
    for epoch in (0, 1):
        append_row(run.folder / runs.HISTORY, epoch, {"loss": 3.0, "val_nll": 2.5, "seconds": 1.0})
    (run.folder / runs.CHECKPOINT).mkdir()
    state = {"epoch": 2, "best": 2.5, "best_epoch": 1, "stopped": False, "counters": {}}
    for name, epoch in ((STATE, 2), (PREVIOUS, 1)):
        weights = f"epoch_{epoch:04d}.weights.h5"
        text = json.dumps(state | {"weights": weights, "epoch": epoch})
        (run.folder / runs.CHECKPOINT / name).write_text(text)
    record = {"sha256": "0" * 64, "pieces": {"train/a.csv": "0" * 16}}
    (run.folder / "corpus.json").write_text(json.dumps(record))
    return run


class _Run:
    """Run folders, one for each kind of its files. Only the model of the last one is used."""

    run = None

    @classmethod
    def files(cls, *names: str, without: str = "") -> Callable[[Path], list[Path]]:
        def samples(folder: Path) -> list[Path]:
            cls.run = _small_run(folder)
            if without:
                (cls.run.folder / without).unlink()
            return [cls.run.folder / name for name in names]

        return samples


def _read_weights(path: Path) -> None:
    from bach_tf.learning.weight_files import read_weights

    read_weights(_Run.run.model, path)


def _read_state(path: Path) -> None:
    from bach_tf.learning.checkpoints import read_state

    read_state(path)


def _read_history(path: Path) -> None:
    from bach_tf.learning.history import drop_later_rows
    from bach_tf.learning.outcome import read_outcome

    read_outcome(replace(_Run.run, folder=path.parent))
    drop_later_rows(path, 2)


def _read_record(path: Path) -> None:
    from bach_tf.learning import corpus_record

    corpus_record._read(path)


def _read_checksums(path: Path) -> None:
    from bach_tf.learning.weight_files import check_whole

    check_whole(path.parent / "model.weights.h5", _Run.run.model)


def _export(folder: Path) -> list[Path]:
    from bach_tf.export.sums import SUMS, write_sums

    (settings, codec), (export,) = _settings(folder), [folder / "it"]
    (export / "assets").mkdir(parents=True)
    for path in (settings, codec):
        path.rename(export / "assets" / path.name)
    (export / "model.onnx").write_bytes(bytes(range(256)) * 4)
    write_sums(export)
    return [export / SUMS, export / "model.onnx", export / "assets" / "codec.json"]


def _read_export(path: Path) -> None:
    from bach_tf.export.sums import check_sums

    check_sums(path.parent.parent if path.parent.name == "assets" else path.parent)


KINDS = {
    "midi": Kind(_midi, _read_pieces),
    "musicxml": Kind(_musicxml, _read_pieces),
    "mxl": Kind(_mxl, _read_pieces),
    "kern": Kind(_copied("palestrina", KERN), _read_pieces),
    "abc": Kind(_copied("oneills1850", ABC), _read_pieces),
    "csv": Kind(_csv, _read_pieces),
    "notes": Kind(_notes, _read_notes),
    "corpus": Kind(_corpus, _read_corpus, names_file=False),
    "shards": Kind(_shards, _read_shards, names_file=False),
    "zip": Kind(_zip, _read_zip),
    "tar": Kind(_tar, _read_tar),
    "settings": Kind(_settings, _read_settings),
    "export": Kind(_export, _read_export),
    "memory": Kind(_memory, _read_memory, is_heavy=True),
    "state": Kind(_Run.files("checkpoint/state.json"), _read_state, is_heavy=True),
    "history": Kind(_Run.files("history.csv"), _read_history, is_heavy=True),
    "record": Kind(_Run.files("corpus.json"), _read_record, is_heavy=True),
    "checksums": Kind(_Run.files("checksums.json"), _read_checksums, is_heavy=True),
    "weights": Kind(_Run.files("model.weights.h5"), _read_weights, is_heavy=True),
    "bare-weights": Kind(
        _Run.files("model.weights.h5", without="checksums.json"), _read_weights, is_heavy=True
    ),
}


def sample_of(paths: list[Path], index: int) -> Path:
    """Return the file that the input of a number is made of."""
    return paths[index % len(paths)]


def outside(opened: Iterator[str], folder: Path) -> list[str]:
    """Return which of the paths that were opened for writing are not in a folder."""
    return [path for path in opened if not Path(path).is_relative_to(folder)]
