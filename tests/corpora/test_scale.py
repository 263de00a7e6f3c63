"""`bach-tf prepare`: what Beam makes of files is what one process makes of them."""

import csv
import json
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from test_own_files import BOOK, hymn, mine  # noqa: F401  (a fixture)

from bach_tf.cli.main import main
from bach_tf.codecs import CODECS
from bach_tf.corpora import CORPORA, piece_paths, read_split
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale import runners
from bach_tf.corpora.scale.files import is_remote, read_bytes
from bach_tf.corpora.scale.listing import find_files
from bach_tf.corpora.scale.preparing import Engine, prepare_shards
from bach_tf.corpora.scale.shards import MANIFEST, is_sharded, read_shards
from bach_tf.corpora.scale.stages import components, kind_of, kind_of_reason, linked, told_copies
from bach_tf.corpora.scale.statistics import STATISTICS

pytest.importorskip("apache_beam", reason="Apache Beam is the extra `scale`")
ALONE = Engine(workers=1, statistics=False)
FOLDER, PERFORMANCE = CORPORA["folder"], CORPORA["performance"]


def assert_same(folder, corpus, made):
    """Compare pieces, splits, ids and codec of the two ways of preparing a folder."""
    music, small, shards = corpus.music, corpus.prepare(folder), read_shards(made)
    train = read_split(small, "train")
    codec = CODECS[music.codec].fit(train, transpose=music.transpose, **music.encoding)
    assert shards.codec.to_config() == codec.to_config()
    for split in SPLITS:
        names, ids = shards.load(split)
        scores = dict(
            zip([path.stem for path in piece_paths(small, split)], read_split(small, split))
        )
        assert names == sorted(scores)
        for name, found in zip(names, ids):
            np.testing.assert_array_equal(found, codec.encode(scores[name]))


def test_sonatas_are_the_same_either_way(home, real_data, tmp_path):
    folder = tmp_path / "sonatas"
    with tarfile.open(real_data / "mozart_sonatas.tar.gz") as archive:
        some = [member for member in archive if member.name.endswith((".mid", ".midi"))][:7]
        archive.extractall(folder, members=some, filter="data")
    report = prepare_shards(
        str(folder), PERFORMANCE.music, str(tmp_path / "made"), shards=2, engine=ALONE
    )
    assert (report.files, report.left_out, report.copies) == (7, {}, 0)
    assert_same(folder, PERFORMANCE, tmp_path / "made")


def test_chorales_are_the_same_either_way_in_their_own_splits_or_not(home, real_data, tmp_path):
    with tarfile.open(real_data / "jsb_chorales.tgz") as archive:
        some = [member for member in archive if member.name.endswith("0.csv")]
        archive.extractall(tmp_path / "all", members=some, filter="data")
    whole = tmp_path / "flat"
    whole.mkdir()
    for path in (tmp_path / "all").rglob("*.csv"):
        shutil.copy(path, whole / path.name)
    for folder in (whole, tmp_path / "all"):
        made = tmp_path / f"{folder.name}-made"
        prepare_shards(str(folder), FOLDER.music, str(made), shards=3, engine=ALONE)
        assert_same(folder, FOLDER, made)


@pytest.fixture
def mixed(mine):  # noqa: F811
    """Return a folder with copies, bad files, a tune book and a hidden file."""
    pieces = {f"h{number}.mid": hymn(number) for number in range(6)}
    copies = {"deep/again.musicxml": hymn(2).transpose(3), "h3.musicxml": hymn(5)}
    bad = {"bad.mid": "no music", "book.abc": BOOK, "row.csv": "note0\n1,2\n", ".h.mid": "hidden"}
    return mine({**pieces, **copies, **bad})


def rows_of(path):
    with path.open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def test_bad_files_are_counted_and_copies_stay_together(home, mixed, tmp_path, capsys):
    made = tmp_path / "made"
    options = ["--processes", "1", "--no-statistics", "--shards", "2"]
    arguments = ["prepare", "--data-dir", str(mixed), "--model", "gru", "--output", str(made)]
    assert main([*arguments, *options]) == 0
    said = capsys.readouterr().out
    assert "11 files in" in said
    assert "6 files or tunes left out, see left_out.csv" in said
    assert "4  expected N voices, got N" in said
    assert f"Next: bach-tf train --model gru --data-dir {made}" in said
    left_out = dict(rows_of(made / "left_out.csv"))
    assert left_out["book.abc: tune 2 (Tune 2)"] == "expected 4 voices, got 1"
    assert left_out["bad.mid"].startswith("expected a MIDI file")
    assert set(left_out) >= {"row.csv", "bad.mid"}
    assert dict(rows_of(made / "copies.csv")) == {
        "h2": "the same music as again, in another key",
        "h5": "the same music as h3-2",
    }
    manifest = json.loads((made / MANIFEST).read_text())
    assert manifest["skipped"] == {".h.mid": "hidden"}
    assert sum(manifest["left_out"].values()) == 6
    shards = read_shards(made)
    split_of = {name: split for split in SPLITS for name in shards.load(split)[0]}
    assert split_of["h2"] == split_of["again"]
    # Of one name in two formats, and a copy: a group through a label and the music.
    assert split_of["h3"] == split_of["h3-2"] == split_of["h5"]
    assert_same(mixed, FOLDER, made)
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    assert main([*arguments, *options]) == 0  # replaces it by the same
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_failed_run_leaves_what_was_there(mixed, tmp_path, monkeypatch):
    made = tmp_path / "made"
    made.mkdir()
    (made / MANIFEST).write_text("{}")

    def die(pipeline):
        raise RuntimeError("a worker has died")

    monkeypatch.setattr("bach_tf.corpora.scale.preparing.run", die)
    with pytest.raises(RuntimeError, match="nothing was written: a worker has died"):
        prepare_shards(str(mixed), FOLDER.music, str(made), engine=ALONE)
    assert [path.name for path in made.iterdir()] == [MANIFEST]
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_worker_that_dies_ends_the_run():
    class Pipeline:
        def run(self):
            threading.Thread(target=self.wait_for_worker).start()
            threading.Event().wait()  # as Beam does, for a worker that never answers

        def wait_for_worker(self):
            raise RuntimeError("Worker subprocess exited with return code -9")

    with pytest.raises(RuntimeError, match=r"a worker has died: .* return code -9"):
        runners.run(Pipeline())


def test_too_few_pieces_are_refused_with_the_reasons(home, mine, tmp_path):  # noqa: F811
    folder = mine({"a.mid": hymn(1), "b.mid": hymn(1).transpose(2), "c.mid": "bad"})
    with pytest.raises(ValueError, match=r"(?s)at least 3 different pieces.*1 left out:\n  c\.mid"):
        prepare_shards(str(folder), FOLDER.music, str(tmp_path / "made"), engine=ALONE)
    assert not is_sharded(tmp_path / "made")


def test_statistics_are_made_in_the_same_run(home, mine, tmp_path):  # noqa: F811
    tfdv = pytest.importorskip("tensorflow_data_validation")
    folder = mine({f"h{number}.mid": hymn(number) for number in range(5)})
    made = tmp_path / "made"
    prepare_shards(str(folder), FOLDER.music, str(made), engine=Engine(workers=1))
    found = {each.name: each for each in tfdv.load_stats_binary(str(made / STATISTICS)).datasets}
    assert found["All Examples"].num_examples == 5
    assert found["split_train"].num_examples == 3
    features = {each.path.step[0]: each for each in found["All Examples"].features}
    assert features["voices"].num_stats.min == features["voices"].num_stats.max == 4
    assert features["ending"].string_stats.unique == 1


def test_files_of_a_pattern(mine):  # noqa: F811
    folder = mine({"a/x.mid": hymn(1), "b/x.mid": hymn(2), "b/y.abc": BOOK, "b/z.txt": "no"})
    found = find_files(f"{folder}/*/x.mid", FOLDER.kind)
    assert [(entry.file, entry.name) for entry in found.entries] == [
        ("a/x.mid", "a-x"), ("b/x.mid", "b-x"),
    ]  # fmt: skip
    assert [entry.file for entry in find_files(str(folder), FOLDER.kind).entries] == [
        "a/x.mid", "b/x.mid", "b/y.abc",
    ]  # fmt: skip
    line = json.loads("".join(found.parts()).splitlines()[0])
    assert Path(line["source"]) == folder / "a/x.mid"
    assert read_bytes(line["source"])[:4] == b"MThd"
    assert is_remote("gs://bucket/a")
    assert not is_remote(str(folder))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nowhere", "nowhere does not exist"),
        (".", "Got none"),
        ("*/*.mid", r"Got none\. A pattern names files.*/\*\*"),
    ],
)
def test_no_files_are_said(tmp_path, monkeypatch, where, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        find_files(where, FOLDER.kind)


def test_another_folder_is_not_replaced(mixed, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match="is there already, and is not a prepared folder"):
        prepare_shards(str(mixed), FOLDER.music, str(tmp_path / "notes"), engine=ALONE)


def test_without_beam_the_extra_is_named(mixed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    arguments = ["prepare", "--data-dir", str(mixed), "--output", str(tmp_path / "made")]
    assert main(arguments) == 2
    assert "pip install 'bach_tf[scale]'" in capsys.readouterr().err


def test_options_after_two_dashes_are_for_the_runner():
    from bach_tf.cli.prepare import make_parser

    given = ["--data-dir", "x", "--runner", "flink", "--", "--flink_master=a:1", "--a_b"]
    args = make_parser("bach-tf prepare").parse_args(given)
    assert args.beam == ["--flink_master=a:1", "--a_b"]
    options = runners.make_pipeline("flink", args.beam).options.get_all_options()
    assert (options["runner"], options["flink_master"]) == ("FlinkRunner", "a:1")
    with pytest.raises(ValueError, match="spark"):
        runners.make_pipeline("spark")


def test_only_corpora_of_a_users_files_are_prepared():
    with pytest.raises(ValueError, match="'jsb' is not made of a user's files"):
        kind_of("jsb")
    assert kind_of("folder") is FOLDER.kind


def test_reasons_are_counted_by_kind():
    assert kind_of_reason("expected 1,000 bytes, got 23.") == "expected N bytes, got N."
    assert kind_of_reason("no part named 'Alto 2'") == "no part named '...'"


def test_links_join_groups_in_any_order():
    links = [linked(("x", ["b", "c"])), linked(("y", ["c", "a", "c"])), linked(("z", ["d"]))]
    assert components(links) == {"a": "a", "b": "a", "c": "a"}
    assert components([components(links[:1]), components(links[1:])]) == components(links)


def test_copies_name_the_first_piece():
    found = "digest", [(b"b", "test", 62, 2), (b"a", "test", 60, 1), (b"c", "train", 60, 1)]
    assert list(told_copies(found)) == [
        {
            "kind": "copy",
            "name": "test/b",
            "text": "the same music as test/a, in another key, at another tempo",
        },
        {"kind": "leak", "name": "train/c", "text": "the same music as test/a"},
    ]
    found = "digest", [(b"b", "", 60, 1), (b"a", "", 60, 1)]
    assert list(told_copies(found)) == [
        {"kind": "copy", "name": "b", "text": "the same music as a"}
    ]


def test_light_commands_do_not_load_beam():
    code = "import sys, bach_tf.cli.prepare; print('apache_beam' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
