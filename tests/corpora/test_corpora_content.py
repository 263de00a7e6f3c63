"""The hash of what a training reads, and text for messages."""

import json
import shutil

import numpy as np
import pytest

from bach_tf._basics.messages import shortened
from bach_tf.corpora.preparation import prepared
from bach_tf.score import Score


def piece(pitch, **about):
    return Score.from_grid(np.full((8, 4), pitch), **about)


def written(folder, train=60, **about):
    pieces = {"train": {"a": piece(train, **about)}, "valid": {"b": piece(62)}, "test": {}}
    prepared.write_prepared(folder, pieces)
    return folder


def test_the_same_content_has_the_same_hash_wherever_and_whenever(tmp_path):
    one = prepared.corpus_hash(written(tmp_path / "one"))
    copy = shutil.copytree(tmp_path / "one", tmp_path / "elsewhere" / "copy")
    assert one == prepared.corpus_hash(copy)
    assert one == prepared.corpus_hash(written(tmp_path / "again", title="another"))
    manifest = json.loads((copy / prepared.MANIFEST).read_text())
    assert one == prepared.corpus_hash(copy)
    (copy / prepared.MANIFEST).write_text(json.dumps(manifest | {"left_out": {"c": "bad"}}))
    assert one == prepared.corpus_hash(copy)


def test_a_changed_piece_metre_or_split_is_another_content(tmp_path):
    one = prepared.corpus_hash(written(tmp_path / "one"))
    others = [
        prepared.corpus_hash(written(tmp_path / "note", train=61)),
        prepared.corpus_hash(written(tmp_path / "metre", metres=((0, 3, 4),))),
    ]
    edited = shutil.copytree(tmp_path / "one", tmp_path / "edited")
    path = edited / "train" / "a.csv"
    path.write_text(path.read_text().replace("60,60,60,60", "60,60,60,59", 1))
    others.append(prepared.corpus_hash(edited))
    prepared.write_prepared(
        tmp_path / "moved", {"train": {"a": piece(60), "b": piece(62)}, "valid": {}, "test": {}}
    )
    others.append(prepared.corpus_hash(tmp_path / "moved"))
    assert len({one, *others}) == 5


def test_a_corpus_without_one_of_its_files_has_no_content(tmp_path):
    folder = written(tmp_path / "one")
    (folder / "train" / "a.csv").unlink()
    with pytest.raises(
        ValueError, match=r"Expected a whole prepared .*one, got: .*a.csv: expected a"
    ):
        prepared.corpus_hash(folder)


def test_a_line_of_600_kb_is_shortened_in_a_message():
    assert shortened("9" * 600_000, 40) == "9" * 40 + " ... (600,000 characters)"
    assert shortened("a\x1b[2J\n") == "a\\x1b[2J\\n"
