"""Folders of shards: what is written is read, and what is damaged is named."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf.codecs import SatbCodec
from bach_tf.corpora import prepare_corpus, read_split
from bach_tf.corpora.music import CHORALES
from bach_tf.corpora.performance import CORPUS as PERFORMANCE
from bach_tf.corpora.scale.shards import (
    MANIFEST,
    ShardFile,
    Shards,
    pack_shard,
    read_shards,
    shard_of,
    shards_of_splits,
    unpack_shard,
)

IDS = st.lists(st.integers(0, 70_000)).map(lambda ids: np.array(ids, np.int32))
PIECES = st.dictionaries(st.text(), IDS)


@given(PIECES, st.randoms())
def test_a_shard_holds_its_pieces_in_any_order(pieces, random):
    content = pack_shard(pieces.items())
    shard = unpack_shard(content)
    assert shard.names == sorted(pieces)
    assert [ids.tolist() for ids in shard.arrays()] == [
        pieces[name].tolist() for name in shard.names
    ]
    assert pack_shard(random.sample([*pieces.items()], len(pieces))) == content


def test_each_split_has_shards_and_each_name_one():
    assert shards_of_splits(16, (0.6, 0.2, 0.2)) == {"train": 16, "valid": 6, "test": 6}
    assert shards_of_splits(1, (0.8, 0.1, 0.1)) == {"train": 1, "valid": 1, "test": 1}
    assert shards_of_splits(1000, (0.6, 0.2, 0.2)) == {"train": 1000, "valid": 334, "test": 334}
    for fractions in ((0.6, 0.2, 0.2), (0.7, 0.15, 0.15), (0.8, 0.1, 0.1)):
        assert all(shards_of_splits(each, fractions)["train"] == each for each in range(1, 500))
    assert shard_of("bwv269", "train", 16) == "train-00007-of-00016.npz"
    assert shard_of("\udce9", "test", 1) == "test-00000-of-00001.npz"  # not UTF-8, in a file name


def test_each_worker_reads_its_own_shards(sharded):
    shards = read_shards(sharded)
    every = {shard.file for shard in shards.of("train")}
    mine = [{shard.file for shard in shards.of_worker("train", k, 3)} for k in range(3)]
    assert set.union(*mine) == every
    assert sum(map(len, mine)) == len(every)
    with pytest.raises(ValueError, match=r"Expected a worker in 0\.\.2, got 3\."):
        shards.of_worker("train", 3, 3)
    with pytest.raises(ValueError, match=r"for each of 9 workers, got 4 in .* --shards 9"):
        shards.of_worker("train", 0, 9)


def test_lengths_are_known_without_the_tokens(sharded):
    shards = read_shards(sharded)
    for shard in shards.of("train"):
        lengths = [ids.size for ids in shards.read(shard).arrays()]
        assert shards.lengths(shard).tolist() == lengths
        assert (shard.pieces, shard.tokens) == (len(lengths), sum(lengths))


def test_a_damaged_shard_is_named(sharded):
    path = sharded / "train-00002-of-00004.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"train-00002-of-00004\.npz: the shard is damaged"):
        read_split(sharded, "train")
    with pytest.raises(ValueError, match=r"train-00002-of-00004\.npz: the shard is damaged"):
        read_shards(sharded).check_files()
    path.write_bytes(b"")
    (shard,) = (each for each in read_shards(sharded).of("train") if each.file == path.name)
    with pytest.raises(ValueError, match=r"train-00002-of-00004\.npz: expected a shard, got"):
        read_shards(sharded).lengths(shard)
    path.unlink()
    with pytest.raises(ValueError, match=r"train-00002-of-00004\.npz: expected a file"):
        read_split(sharded, "train")


@pytest.mark.parametrize("manifest", ["{", "[]", '{"format": 0}', '{"format": 1}'])
def test_another_manifest_is_refused(tmp_path, manifest):
    (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(ValueError, match=r"Expected a folder of shards with a shards\.json"):
        read_shards(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"file": {}},
        {"file": None},
        {"file": "../train-00000-of-00004.npz"},
        {"sha256": 7},
        {"pieces": "7"},
        {"tokens": None},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_with_other_values_is_refused(sharded, change):
    manifest = json.loads((sharded / MANIFEST).read_text())
    manifest["splits"]["valid"][0] |= change
    (sharded / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"Expected a folder of shards with a shards\.json"):
        read_shards(sharded)


@pytest.mark.parametrize("codec", [7, {}, {"name": "none"}, {"name": "satb", "lowest": []}])
def test_a_manifest_with_another_codec_is_refused(sharded, codec):
    manifest = json.loads((sharded / MANIFEST).read_text())
    (sharded / MANIFEST).write_text(json.dumps(manifest | {"codec": codec}))
    with pytest.raises(ValueError, match=r"Expected a folder of shards with a shards\.json"):
        read_shards(sharded)


def test_tokens_of_other_models_are_refused(sharded):
    assert prepare_corpus(CHORALES, data_dir=sharded) == sharded
    with pytest.raises(ValueError, match=r"prepared for other models: .* 'satb' .* 'events'"):
        prepare_corpus(PERFORMANCE.music, data_dir=sharded)
    shards = read_shards(sharded)
    shards.check_codec(SatbCodec.from_config(shards.codec.to_config()))
    with pytest.raises(ValueError, match="prepared with another vocabulary"):
        shards.check_codec(SatbCodec(40, 80))


def test_the_hash_is_of_what_training_reads(sharded):
    before = read_shards(sharded).sha256
    manifest = json.loads((sharded / MANIFEST).read_text())
    (sharded / MANIFEST).write_text(json.dumps({**manifest, "files": 99}))
    assert read_shards(sharded).sha256 == before
    manifest["splits"]["train"].pop()
    (sharded / MANIFEST).write_text(json.dumps(manifest))
    assert read_shards(sharded).sha256 != before


DEEP = '{"a":' * 50_000 + "1" + "}" * 50_000


def test_a_manifest_that_is_nested_deeply_is_refused_by_name(tmp_path):
    (tmp_path / "shards.json").write_text(DEEP, encoding="utf-8")
    with pytest.raises(ValueError, match=r"Expected a folder of shards with a shards\.json"):
        read_shards(tmp_path)


@pytest.mark.parametrize(
    "header",
    [{"shape": (10**12,)}, {"descr": "|O"}, {"descr": "<f8", "shape": (1,)}],
    ids=["a terabyte", "objects", "fractions"],
)
def test_the_lengths_of_a_damaged_shard_are_refused_by_name(tmp_path, header):
    content = io.BytesIO()
    about = {"descr": "<i8", "fortran_order": False, "shape": (1,)} | header
    np.lib.format.write_array_header_1_0(content, about)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("ends.npy", content.getvalue() + bytes(8))
    with pytest.raises(ValueError, match=r"a\.npz: expected a shard, got"):
        Shards(tmp_path, {}).lengths(ShardFile("a.npz", "", 1, 1))
