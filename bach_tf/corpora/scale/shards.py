"""Prepared folders of encoded pieces, in shards that are read one at a time.

    FOLDER/
      shards.json             the codec, and the checksum of each shard
      train-00000-of-00016.npz
      valid-00000-of-00004.npz
      test-00000-of-00004.npz
      left_out.csv            which files or tunes were left out, and why
      copies.csv              which pieces have the same music
      warnings.csv            what was corrected in files
      statistics.pb           of TensorFlow Data Validation, where it is installed

A shard is a compressed archive of NumPy: `ids`, the tokens of its pieces one after the other;
`ends`, the index after the last token of each; and `names`, as JSON. Each piece is in a shard
chosen by a hash of its name, so that shards are samples of the whole corpus.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bach_tf._basics.arrays import read_array
from bach_tf._basics.choices import choose
from bach_tf._basics.columns import whole_numbers
from bach_tf._basics.files import read_limited
from bach_tf._basics.messages import shortened
from bach_tf.codecs import CODECS, Codec
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.score import Score

MANIFEST = "shards.json"
FIRST = "train-00000-of-*.npz"  # which each prepared folder has; see `shard_name`
FORMAT = 1  # increment when the files change
MOST_MANIFEST = 100_000_000  # bytes: 200 for each of half a million shards
MOST_BYTES = 2_000_000_000  # of a shard
AGAIN = "Copy the folder again, or prepare the corpus anew."
REBUILD = "Prepare the corpus anew with: bach-tf prepare"


class ShardFile(NamedTuple):
    """A shard, as the manifest describes it.

    Args:
        file: its name in the folder.
        sha256: of its bytes.
        pieces: how many it has.
        tokens: of all its pieces.
    """

    file: str
    sha256: str
    pieces: int
    tokens: int


class Shard(NamedTuple):
    """The pieces of a shard.

    Args:
        names: of the pieces, sorted.
        ids: int32 `(N,)`, all tokens of all pieces.
        ends: int64 `(P,)`, the index after the last token of each piece.
    """

    names: list[str]
    ids: np.ndarray
    ends: np.ndarray

    def arrays(self) -> list[np.ndarray]:
        """Return the ids of each piece: int32 `(T,)` each."""
        return np.split(self.ids, self.ends[:-1]) if self.ends.size else []


@dataclass(frozen=True)
class Shards:
    """A prepared folder of shards.

    Args:
        folder: its path.
        manifest: the content of `shards.json`.

    Example:
        >>> shards = read_shards(Path("prepared"))  # doctest: +SKIP
        >>> for shard in shards.of_worker("train", 0, workers=2):  # doctest: +SKIP
        ...     shards.read(shard).names
    """

    folder: Path
    manifest: dict[str, Any]

    def of(self, split: str) -> list[ShardFile]:
        """Return the shards of a split, sorted by name.

        Args:
            split: one of `SPLITS`.

        Raises:
            ValueError: if the manifest has other values.
        """
        return [_described(shard) for shard in self.manifest["splits"][split]]

    def of_worker(self, split: str, worker: int, workers: int) -> list[ShardFile]:
        """Return every shard of a split that one of several workers reads: each is read by one.

        Args:
            split: one of `SPLITS`.
            worker: number of the worker, from 0.
            workers: how many there are.

        Raises:
            ValueError: if there are fewer shards than workers, or no such worker.
        """
        found = self.of(split)
        if not 0 <= worker < workers:
            raise ValueError(f"Expected a worker in 0..{workers - 1}, got {worker}.")
        if len(found) < workers:
            raise ValueError(
                f"Expected a shard of {split} for each of {workers} workers, got {len(found)} in "
                f"{self.folder}. {REBUILD} --shards {workers}"
            )
        return found[worker::workers]

    def read(self, shard: ShardFile) -> Shard:
        """Read a shard and check it.

        Args:
            shard: one of this folder's.

        Raises:
            ValueError: if it is missing or damaged; the message names it.
        """
        content = read_limited(self.folder / shard.file, MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise ValueError(
                f"{self.folder / shard.file}: the shard is damaged: its checksum is not the one in "
                f"{MANIFEST}. {AGAIN}"
            )
        return unpack_shard(content)

    def check_files(self) -> None:
        """Check all shards, reading one after the other.

        Raises:
            ValueError: if one is missing or damaged; the message names it.
        """
        for split in SPLITS:
            for shard in self.of(split):
                self.read(shard)

    def lengths(self, shard: ShardFile) -> np.ndarray:
        """Return the number of tokens of each piece of a shard, without reading them: int64 `(P,)`.

        Args:
            shard: one of this folder's.

        Raises:
            ValueError: if it is missing or damaged; the message names it.
        """
        path = self.folder / shard.file
        try:
            with zipfile.ZipFile(path) as archive:
                ends = whole_numbers("ends", read_array(archive, "ends", MOST_BYTES))
        except Exception as error:  # zipfile and NumPy raise all kinds of errors for flipped bits
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ValueError(
                f"{path}: expected a shard, got: {shortened(why or repr(error))}. {AGAIN}"
            ) from None
        return np.diff(ends, prepend=0)

    def load(self, split: str) -> tuple[list[str], list[np.ndarray]]:
        """Return the names and ids of all pieces of a split, sorted by name, in memory.

        Args:
            split: one of `SPLITS`.

        Raises:
            ValueError: as for `read`.
        """
        found = [self.read(shard) for shard in self.of(split)]
        pieces = [piece for shard in found for piece in zip(shard.names, shard.arrays())]
        pieces.sort(key=lambda piece: piece[0])
        return [name for name, _ in pieces], [ids for _, ids in pieces]

    def scores(self, split: str) -> list[Score]:
        """Return the pieces of a split as their tokens sound, sorted by name, in memory.

        Args:
            split: one of `SPLITS`.

        Raises:
            ValueError: as for `read`.
        """
        return [self.codec.decode(ids) for ids in self.load(split)[1]]

    @cached_property
    def codec(self) -> Codec:
        """The codec of the tokens."""
        config = dict(self.manifest["codec"])
        return choose(CODECS, config.pop("name"), "codec").from_config(config)

    @property
    def sha256(self) -> str:
        """The hash of all that training reads."""
        read = [self.manifest["codec"], self.manifest["splits"]]
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()

    def check_codec(self, codec: Codec) -> None:
        """Check that the tokens are those of a run.

        Args:
            codec: of the run.

        Raises:
            ValueError: if the run has another vocabulary.
        """
        if type(codec) is not type(self.codec) or codec.to_config() != self.codec.to_config():
            raise ValueError(
                f"{self.folder} was prepared with another vocabulary than that of this run. Give "
                "the folder of the files themselves, or train a new run on the prepared one."
            )

    def check_music(self, music: Music) -> None:
        """Check that the tokens are those of a kind of music.

        Args:
            music: of the model to train.

        Raises:
            ValueError: if they are of another codec, or of other settings of the same.
        """
        wanted = {"codec": music.codec, "encoding": music.encoding}
        made = {name: self.manifest["music"][name] for name in wanted}
        if made != json.loads(json.dumps(wanted)):
            raise ValueError(
                f"{self.folder} was prepared for other models: its tokens are {_words(made)}; "
                f"expected {_words(wanted)}. {REBUILD} --model NAME"
            )


def _described(shard: dict[str, Any]) -> ShardFile:
    """Return what the manifest says of a shard.

    Raises:
        ValueError: if it has other values.
    """
    found = ShardFile(**shard)
    texts = isinstance(found.file, str) and isinstance(found.sha256, str)
    if not (texts and isinstance(found.pieces, int) and isinstance(found.tokens, int)):
        raise ValueError(f"a shard without {', '.join(ShardFile._fields)}")
    if Path(found.file).name != found.file:
        raise ValueError(f"a shard outside of the folder: {shortened(found.file)}")
    return found


def _words(settings: dict) -> str:
    return f"of the codec {settings['codec']!r} with {settings['encoding']}"


def is_sharded(folder: Path) -> bool:
    """Return whether a path is a prepared folder of shards, complete or not.

    Args:
        folder: need not exist.
    """
    try:
        return (folder / MANIFEST).is_file() or any(folder.glob(FIRST))
    except OSError:  # a folder that cannot be read
        return False


def read_shards(folder: Path) -> Shards:
    """Open a prepared folder of shards.

    Args:
        folder: written by `bach-tf prepare`.

    Raises:
        ValueError: if its manifest is missing or of another version.
    """
    try:
        manifest = json.loads(read_limited(folder / MANIFEST, MOST_MANIFEST))
        if manifest.get("format") != FORMAT:
            raise ValueError(f"one that is not of format {FORMAT}")
        shards = Shards(folder, manifest)
        for split in SPLITS:
            shards.of(split)
        _ = shards.codec, dict(manifest["music"])
        return shards
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"Expected a folder of shards with a {MANIFEST} in {folder}, got: {error}. {REBUILD}"
        ) from None


def pack_shard(pieces: Iterable[tuple[str, np.ndarray]]) -> bytes:
    """Return the bytes of a shard: the same for the same pieces in any order.

    Args:
        pieces: names and ids, int `(T,)`.

    Example:
        >>> unpack_shard(pack_shard([("a", np.array([1, 4, 2]))])).names
        ['a']
    """
    ordered = sorted(pieces, key=lambda piece: piece[0])
    ids = [array for _, array in ordered]
    most = max((int(array.max(initial=0)) for array in ids), default=0)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        ids=np.concatenate([np.zeros(0, int), *ids]).astype(np.min_scalar_type(most)),
        ends=np.cumsum([array.size for array in ids], dtype=np.int64),
        names=np.frombuffer(json.dumps([name for name, _ in ordered]).encode(), np.uint8),
    )
    return content.getvalue()


def unpack_shard(content: bytes) -> Shard:
    """Return the pieces of a shard.

    Args:
        content: as returned by `pack_shard`.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = json.loads(arrays["names"].tobytes())
        return Shard(names, arrays["ids"].astype(np.int32), arrays["ends"])


def shard_of(name: str, split: str, shards: int) -> str:
    """Return the file that a piece is written to.

    Args:
        name: of the piece.
        split: it is in.
        shards: of the split.
    """
    place = int.from_bytes(
        hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big"
    )
    return shard_name(split, place % shards, shards)


def shard_name(split: str, number: int, shards: int) -> str:
    """Return the name of a shard's file.

    Example:
        >>> shard_name("train", 3, 16)
        'train-00003-of-00016.npz'
    """
    return f"{split}-{number:05}-of-{shards:05}.npz"


def shards_of_splits(shards: int, fractions: Sequence[float]) -> dict[str, int]:
    """Return the number of shards of each split, in proportion to its pieces.

    Args:
        shards: of the training split.
        fractions: of train, valid and test.

    Example:
        >>> shards_of_splits(16, (0.6, 0.2, 0.2))
        {'train': 16, 'valid': 6, 'test': 6}
    """
    return {
        # Rounded before it is rounded up: 1,000 x 0.6 / 0.6 is a little more than 1,000.
        split: max(1, math.ceil(round(shards * fraction / fractions[0], 6)))
        for split, fraction in zip(SPLITS, fractions)
    }
