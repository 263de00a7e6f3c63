"""What is done with each file and piece: plain functions, which Beam calls on any machine."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import LONGEST_LINE, shortened
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.preparation.copies import Content, content_of, difference, digest_of
from bach_tf.corpora.preparation.entries import Entry
from bach_tf.corpora.preparation.naming import storable_name
from bach_tf.corpora.preparation.own_files import Harvest, Kind, read_entry
from bach_tf.corpora.preparation.splits import FEWEST, HashedSplits
from bach_tf.corpora.preparation.tune_groups import joined
from bach_tf.corpora.scale.files import local_copy, write_bytes
from bach_tf.corpora.scale.shards import ShardFile, pack_shard, shard_of
from bach_tf.score import Score

PIECE, LEFT_OUT, WARNING, COPY, LEAK, SHARD, CODEC = (
    "piece", "left out", "warning", "copy", "leak", "shard", "codec",
)  # fmt: skip
NOTES = "notes"  # prefix of the files with what is told of files, pieces and shards
LONGEST_REASON = 80  # characters of a kind of reason
FASTEST = 1  # compression of scores on their way between two stages

Note = dict[str, Any]  # what is told of a file, piece or shard, as JSON


@dataclass(frozen=True)
class Job:
    """What a corpus is prepared for: all that the stages need to know.

    Args:
        corpus: a name in `CORPORA`, whose kind of music is taken.
        codec: a name in `CODECS`.
        encoding: settings of the codec.
        transpose: lowest and highest transposition in training, in semitones.
        shards: of each split.
        folder: for the shards and what is told of the files, until all is done.
        statistics: whether those of TensorFlow Data Validation are made.
    """

    corpus: str
    codec: str
    transpose: tuple[int, int]
    shards: dict[str, int]
    folder: str
    encoding: dict[str, Any] = field(default_factory=dict)
    statistics: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of music.

        Raises:
            ValueError: if the corpus is not made of a user's files.
        """
        return kind_of(self.corpus)


class Item(NamedTuple):
    """A piece on its way between two stages.

    Args:
        digest: of its music; equal for copies.
        name: unique, as `to_bytes` returns it.
        file: that it is from, likewise.
        split: of the folder it is in; "" for none.
        labels: pieces that share one are in one split.
        lowest: as in `Content`.
        unit: as in `Content`.
        packed: its score.
    """

    digest: str
    name: bytes
    file: bytes
    split: str
    labels: tuple[str, ...]
    lowest: int
    unit: int
    packed: bytes

    @property
    def score(self) -> Score:
        """The piece itself."""
        return pickle.loads(zlib.decompress(self.packed))


class Encoded(NamedTuple):
    """A piece as tokens.

    Args:
        shard: the file it belongs to.
        name: of the piece, as `to_bytes` returns it.
        ids: as bytes of int32.
        facts: for the statistics.
    """

    shard: str
    name: bytes
    ids: bytes
    facts: dict[str, Any]


def to_bytes(name: str) -> bytes:
    r"""Return a name of a file or piece for Beam, whose coders refuse text that is not Unicode.

    Names of files need not be.

    Example:
        >>> to_bytes("f\udcfcr")
        b'f\xed\xb3\xbcr'
    """
    return name.encode("utf-8", "surrogatepass")


def to_text(name: bytes) -> str:
    """Return the name from which `to_bytes` has made these bytes."""
    return name.decode("utf-8", "surrogatepass")


def kind_of(corpus: str) -> Kind:
    """Return how a user's files become a corpus.

    Args:
        corpus: a name in `CORPORA`.

    Raises:
        ValueError: if it is not made of a user's files.
    """
    from bach_tf.corpora import CORPORA

    entry: Corpus = choose(CORPORA, corpus, "corpus")
    if entry.kind is None:
        others = ", ".join(sorted(name for name, each in CORPORA.items() if each.kind))
        raise ValueError(
            f"The corpus {corpus!r} is not made of a user's files. Choose one that is: {others}."
        )
    return entry.kind


def read_file(line: str, job: Job) -> Iterator[tuple[str, Any]]:
    """Yield the pieces of a file as `Item`, and what is told of it.

    A fault of a reader on one file does not stop the others: it is told like a bad file.

    Args:
        line: a line of the listing.
        job: what the corpus is prepared for.
    """
    entry = Entry(**json.loads(line)["entry"])
    harvest = Harvest()
    try:
        with local_copy(json.loads(line)["source"]) as path:
            read_entry(entry, path, job.kind, harvest)
    except Exception as error:  # of any kind: the file may be anything
        harvest.left_out[entry.file] = f"{type(error).__name__}: {error}"
    for piece in harvest.found:
        content = content_of(piece.score)
        packed = zlib.compress(pickle.dumps(piece.score, protocol=5), FASTEST)
        labels = tuple(map(repr, piece.labels))
        names = to_bytes(storable_name(piece.name)), to_bytes(entry.file)
        known = digest_of(content), *names, piece.split, labels
        yield PIECE, Item(*known, content.lowest, content.unit, packed)
    for file, reason in harvest.left_out.items():
        yield LEFT_OUT, {"kind": LEFT_OUT, "name": file, "text": shortened(reason, LONGEST_LINE)}
    for file, warnings in harvest.warnings.items():
        for text in warnings:
            yield WARNING, {"kind": WARNING, "name": file, "text": text}


def kind_of_reason(reason: str) -> str:
    """Return a reason without its numbers and names, so that alike ones can be counted.

    Example:
        >>> kind_of_reason("expected 4 voices, got 3")
        'expected N voices, got N'
    """
    kind = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", reason)
    return shortened(re.sub(r"\d[\d,.]*(?<=\d)", "N", kind), LONGEST_REASON)


def told_copies(
    found: tuple[str, Iterable[tuple[bytes, str, int, int]]],
) -> Iterator[Note]:
    """Yield a note for each piece with the music of another one.

    Args:
        found: the digest of some music, and name, split, lowest pitch and unit of its pieces,
            the names as `to_bytes` returns them.
    """
    first, *others = sorted(found[1])
    for name, split, lowest, unit in others:
        how = difference(Content(b"", lowest, unit), Content(b"", *first[2:]))
        kind = COPY if split == first[1] else LEAK
        text = f"the same music as {_place(first)}{how}"
        yield {"kind": kind, "name": _place((name, split)), "text": text}


def _place(piece: Sequence[Any]) -> str:
    """Return the name of a piece, after the user's split: names are unique within it."""
    name, split = to_text(piece[0]), piece[1]
    return f"{split}/{name}" if split else name


def linked(found: tuple[str, Iterable[str]]) -> dict[str, str]:
    """Return the music that a label links, as `components` takes it.

    Args:
        found: a label, and the digests of its pieces.
    """
    digests = sorted(set(found[1]))
    return dict.fromkeys(digests, digests[0]) if len(digests) > 1 else {}


def components(found: Iterable[dict[str, str]]) -> dict[str, str]:
    """Return the key of the group of each digest that is linked to another one.

    Results may be combined again, in any order and any number of steps.

    Args:
        found: links from a digest to another one.
    """
    pairs = [pair for each in found for pair in each.items()]
    names = {digest for pair in pairs for digest in pair}
    return {digest: min(group) for group in joined(names, pairs) for digest in group}


def splits_by(keys: Sequence[str], job: Job) -> HashedSplits | None:
    """Return the splits of groups; `None` if there are too few.

    Args:
        keys: as returned by `first_keys`.
        job: what the corpus is prepared for.
    """
    return HashedSplits(keys, job.kind.fractions) if len(keys) >= FEWEST else None


def split_of_item(item: Item, leaders: dict[str, str], splits: HashedSplits | None) -> str:
    """Return the split of a piece: the user's, or that of its group.

    Args:
        item: the piece.
        leaders: the key of the group of each digest that has another one.
        splits: of groups; `None` if there are too few.
    """
    if item.split or splits is None:
        return item.split
    return splits.of(leaders.get(item.digest, item.digest))


def count_item(
    item: Item, leaders: dict[str, str], splits: HashedSplits | None, job: Job
) -> list[tuple[Any, int]]:
    """Return what the codec needs to know of a training piece, as keys with counts.

    Args:
        item: the piece.
        leaders: as in `split_of_item`.
        splits: as in `split_of_item`.
        job: what the corpus is prepared for.
    """
    if split_of_item(item, leaders, splits) != "train":
        return []
    return list(CODECS[job.codec].count(item.score, **job.encoding).items())


def fit_codec(counts: Iterable[tuple[Any, int]], job: Job) -> str:
    """Return the configuration of the codec as JSON; "" without training pieces.

    Args:
        counts: the sums of those that `count_item` returns, in any order.
        job: what the corpus is prepared for.
    """
    ordered = sorted(counts, key=repr)
    if not ordered:
        return ""
    codec = CODECS[job.codec].fit_counts(
        Counter(dict(ordered)), transpose=job.transpose, **job.encoding
    )
    return json.dumps({"name": job.codec, **codec.to_config()})


@lru_cache(maxsize=1)
def codec_from(config: str) -> Codec:
    """Return a codec.

    Args:
        config: as returned by `fit_codec`.
    """
    settings = json.loads(config)
    return CODECS[settings.pop("name")].from_config(settings)


def encode_item(
    item: Item, leaders: dict[str, str], splits: HashedSplits | None, config: str, job: Job
) -> Iterator[tuple[str, Any]]:
    """Yield a piece as `Encoded`, or why the codec cannot encode it.

    Args:
        item: the piece.
        leaders: as in `split_of_item`.
        splits: as in `split_of_item`.
        config: of the codec.
        job: what the corpus is prepared for.
    """
    split = split_of_item(item, leaders, splits)
    if not (split and config):
        return
    score = item.score
    try:
        ids = codec_from(config).encode(score)
    except ValueError as error:
        reason = shortened(str(error), LONGEST_LINE)
        yield LEFT_OUT, {"kind": LEFT_OUT, "name": to_text(item.file), "text": reason}
        return
    shard = shard_of(to_text(item.name), split, job.shards[split])
    facts = facts_of(item, score, ids) | {"split": split}
    yield PIECE, Encoded(shard, item.name, ids.astype("<i4").tobytes(), facts)


def facts_of(item: Item, score: Score, ids: np.ndarray) -> dict[str, Any]:
    """Return what the statistics of a corpus are made of.

    Args:
        item: the piece.
        score: the same.
        ids: its tokens.
    """
    return {
        "ending": Path(to_text(item.file)).suffix.lower(),
        "notes": len(score),
        "quarters": score.length / score.steps_per_quarter,
        "voices": score.voices,
        "lowest_pitch": int(score.pitch.min(initial=127)),
        "highest_pitch": int(score.pitch.max(initial=0)),
        "tokens": int(ids.size),
    }


def write_notes(found: tuple[int, Iterable[str]], job: Job) -> None:
    """Write some of what is told of files, pieces and shards.

    Args:
        found: the number of the file, and its lines.
        job: what the corpus is prepared for.
    """
    number, lines = found
    text = "".join(f"{line}\n" for line in sorted(lines))
    write_bytes(f"{job.folder}/{NOTES}-{number:05}", text.encode())


def write_shard(found: tuple[str, Iterable[tuple[bytes, bytes]]], job: Job) -> Note:
    """Write a shard; return what the manifest has of it.

    Args:
        found: the name of its file, and names and ids of its pieces; an empty name for none.
        job: what the corpus is prepared for.
    """
    file, pieces = found
    arrays = [(to_text(name), np.frombuffer(ids, "<i4")) for name, ids in pieces if name]
    content = pack_shard(arrays)
    write_bytes(f"{job.folder}/{file}", content)
    tokens = sum(ids.size for _, ids in arrays)
    about = ShardFile(file, hashlib.sha256(content).hexdigest(), len(arrays), tokens)
    return {"kind": SHARD, **about._asdict()}


def to_config(job: Job) -> dict[str, Any]:
    """Return what the manifest has of a job.

    Args:
        job: what the corpus was prepared for.
    """
    about = asdict(job)
    return {name: about[name] for name in ("corpus", "codec", "encoding", "transpose")}
