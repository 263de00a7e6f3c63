"""The hash of a run's corpus, stored in its folder so that training resumes on the same one."""

from __future__ import annotations

from pathlib import Path

from bach_tf._basics.replacing import replace_json
from bach_tf.corpora.preparation.prepared import SPLITS, corpus_hash, read_manifest
from bach_tf.corpora.scale.shards import is_sharded, read_shards
from bach_tf.learning.run_files import read_json

CORPUS = "corpus.json"
FEW = 3  # pieces named in a message
SHORT = 16  # hexadecimal digits of a piece's hash, used to tell which pieces differ


def keep_corpus(run: Path, corpus: Path) -> None:
    """Store the hashes of a prepared corpus in a run folder.

    Args:
        run: the run folder.
        corpus: the prepared folder.

    Raises:
        ValueError: if `corpus` is not a prepared corpus.
    """
    replace_json(run / CORPUS, record_of(corpus))


def check_corpus(run: Path, corpus: Path) -> None:
    """Check that the corpus is the one that the run was trained on so far.

    Runs of older versions have no record; they adopt this corpus.

    Args:
        run: the run folder.
        corpus: the prepared folder.

    Raises:
        ValueError: if the corpus differs, or the record cannot be read.
    """
    kept = _read(run / CORPUS)
    if kept is None:
        keep_corpus(run, corpus)
        return
    now = record_of(corpus)
    if now["sha256"] != kept["sha256"]:
        raise ValueError(
            f"The corpus of {run} has changed since its training began: "
            f"{_difference(kept['pieces'], now['pieces'])}. Restore the original files to continue "
            "or train a new run on the changed corpus."
        )


def check_same(worker: int, record: dict, corpus: Path) -> None:
    """Check that a worker has the corpus of worker 0.

    Args:
        worker: its number.
        record: of the corpus of worker 0, see `record_of`.
        corpus: the prepared folder of this worker.

    Raises:
        ValueError: if the corpora differ.
    """
    now = record_of(corpus)
    if now["sha256"] != record["sha256"]:
        raise ValueError(
            f"Worker {worker} has another corpus than worker 0: "
            f"{_difference(record['pieces'], now['pieces'])}. Copy the files of worker 0, and give "
            "their folder with --data-dir."
        )


def record_of(corpus: Path) -> dict:
    """Return the hashes of a prepared corpus as plain data.

    Raises:
        ValueError: if `corpus` is not a prepared corpus.
    """
    if is_sharded(corpus):
        shards = read_shards(corpus)
        files = {each.file: each.sha256[:SHORT] for split in SPLITS for each in shards.of(split)}
        return {"sha256": shards.sha256, "pieces": files}
    pieces = {entry["file"]: entry["sha256"][:SHORT] for entry in read_manifest(corpus)["pieces"]}
    return {"sha256": corpus_hash(corpus), "pieces": pieces}


def _read(path: Path) -> dict | None:
    """Return the record of a run's corpus, if there is one."""
    if not path.exists():
        return None
    try:
        kept = read_json(path)
        hashes = [kept["sha256"], *kept["pieces"].values()]
        if not all(isinstance(found, str) for found in hashes):
            raise ValueError("something else")
    except (AttributeError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the hashes of the run's corpus, got: {error}. "
            "If the corpus is known to be the same, delete the file."
        ) from None
    return kept


def _difference(then: dict[str, str], now: dict[str, str]) -> str:
    """Describe which pieces differ."""
    kinds = {
        "changed": [name for name in then if now.get(name, then[name]) != then[name]],
        "missing": [name for name in then if name not in now],
        "new": [name for name in now if name not in then],
    }
    words = [
        f"{kind} pieces: {len(names)} ({_few(names)})" for kind, names in kinds.items() if names
    ]
    # With equal notes, the grid or the metadata in the manifest differ.
    return "; ".join(words) or "keys, metres or the grid of its pieces"


def _few(names: list[str]) -> str:
    names = [name.removesuffix(".csv") for name in names]
    return ", ".join([*names[:FEW], *(["..."] if len(names) > FEW else [])])
