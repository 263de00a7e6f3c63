"""`bach-tf prepare` with names, folders and options of any kind, and when it is stopped."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_own_files import hymn, mine  # noqa: F401  (a fixture)
from test_scale import ALONE, FOLDER, assert_same

from bach_tf.cli.main import main
from bach_tf.corpora import CORPORA, prepare_corpus
from bach_tf.corpora.preparation.prepared import SPLITS
from bach_tf.corpora.scale import places, runners
from bach_tf.corpora.scale.files import write_bytes
from bach_tf.corpora.scale.listing import find_files
from bach_tf.corpora.scale.places import check_output, put_in_place, scratch
from bach_tf.corpora.scale.preparing import cause_of, prepare_shards
from bach_tf.corpora.scale.shards import MANIFEST, is_sharded, read_shards, shard_name

NOT_UNICODE = os.fsdecode(b"f\xfcr")  # as an old archive unpacks on a new system


def test_names_may_be_of_any_kind(home, mine, tmp_path, capsys):  # noqa: F811
    odd = ["two\nlines", "[a]*?", 'it\'s "so", so', "x" * 200, "\u97f3\u697d" * 30, NOT_UNICODE]
    files = {f"old [1990]/{name}.mid": hymn(number) for number, name in enumerate(odd)}
    copy = {f"old [1990]/{NOT_UNICODE} 2.musicxml": hymn(5).transpose(2)}
    folder = mine({**files, **copy, f"old [1990]/{NOT_UNICODE}-bad.mid": "no music"})
    folder, real = folder / "old [1990]", tmp_path / "made [1]*"
    (tmp_path / "link").symlink_to(real)  # to what is not there yet
    report = prepare_shards(str(folder), FOLDER.music, str(tmp_path / "link"), engine=ALONE)
    assert (report.files, sum(report.left_out.values()), report.copies) == (8, 1, 1)
    counters = {name: count for name, count in report.counters.items() if "left out" in name}
    assert counters == {"left out": 1, **{f"left out: {kind}": 1 for kind in report.left_out}}
    assert_same(folder, FOLDER, real)
    names = {name for split in SPLITS for name in read_shards(real).load(split)[0]}
    assert names >= {"two\nlines", "[a]*?", NOT_UNICODE}
    with (real / "left_out.csv").open(newline="", encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file)][1:] == ["f\\udcfcr-bad.mid"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_the_next_command_can_be_pasted(mine, tmp_path, monkeypatch, capsys):  # noqa: F811
    from bach_tf.cli import prepare
    from bach_tf.corpora.scale.preparing import Report

    report = Report("my shards", 3, {split: [] for split in SPLITS}, {})
    monkeypatch.setattr(prepare, "prepare_shards", lambda *args, **named: report)
    given = ["--model", "folk", "--set", "encoding.header=False"]
    assert main(["prepare", "--data-dir", "x", "--output", "my shards", *given]) == 0
    said = capsys.readouterr().out
    assert f"Next: bach-tf train {' '.join(given)} --data-dir 'my shards'" in said


def test_patterns_within_folders_that_look_like_patterns(mine):  # noqa: F811
    folder = mine({"old [1990]/a.mid": hymn(1), "old [1990]/b/c.mid": hymn(2), "d.mid": hymn(3)})
    files = lambda where: [entry.file for entry in find_files(where, FOLDER.kind).entries]  # noqa: E731
    assert files(f"{folder}/old [1990]") == ["a.mid", "b/c.mid"]
    assert files(f"{folder}/old [1990]/*.mid") == ["a.mid"]
    assert files(f"{folder}/old*/**") == ["old [1990]/a.mid", "old [1990]/b/c.mid"]


def test_a_prepared_folder_among_the_files_is_skipped(mine):  # noqa: F811
    folder = mine({"a.mid": hymn(1), "made/left_out.csv": "name,text\n", f"made/{MANIFEST}": "{}"})
    for where in (str(folder), f"{folder}/**/*"):
        found = find_files(where, FOLDER.kind)
        assert [entry.file for entry in found.entries] == ["a.mid"]
        assert found.skipped == {"made/left_out.csv": "in a prepared folder of shards"}
    with pytest.raises(ValueError, match="made is a prepared folder of shards already"):
        find_files(f"{folder}/made", FOLDER.kind)


def test_half_a_prepared_folder_is_not_taken_for_music(tmp_path):
    (tmp_path / "copies.csv").write_text("name,text\n")
    assert not is_sharded(tmp_path)
    (tmp_path / shard_name("train", 0, 4)).write_text("copied before the manifest")
    with pytest.raises(ValueError, match=r"Expected a folder of shards with a shards\.json"):
        prepare_corpus(FOLDER.music, data_dir=tmp_path)
    with pytest.raises(ValueError, match="is there already, and is not a prepared folder"):
        check_output(str(tmp_path))


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "secret")

    monkeypatch.setattr(Path, "glob", refuse)
    with pytest.raises(ValueError, match=r"readable folders .* got secret: Permission denied"):
        find_files(f"{tmp_path}/*.mid", FOLDER.kind)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--foo"], "no such option: --foo"),
        (["stray"], "no such option: stray"),
        (["--direct_num_workers=many"], "argument --direct_num_workers: invalid int value: 'many'"),
    ],
)
def test_mistaken_options_of_beam_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        runners.make_pipeline("direct", given)


def test_a_program_of_beam_that_exits_ends_the_run():
    class Pipeline:
        def run(self):
            sys.exit("no Java")

    with pytest.raises(RuntimeError, match="Beam has ended: no Java"):
        runners.run(Pipeline())


def test_the_cause_is_found_in_what_beam_says():
    traceback = "Traceback (most recent call last):\n  File a.py\n    f()\nOSError: No space\n"
    assert cause_of(traceback) == cause_of("OSError: No space") == "OSError: No space"
    assert cause_of("") == ""


def use(output):
    check_output(output)
    with scratch(output):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("x" * 300, "cannot be written: File name too long. Choose another --output"),
        ("file/made", "cannot be written: File exists"),
        ("file", "is there already, and is not a prepared folder"),
        ("disk", "A disk is mounted at .*disk.* --output .*disk/prepared"),
    ],
)
def test_outputs_that_cannot_be_are_refused_at_once(tmp_path, monkeypatch, output, message):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(places.os.path, "ismount", lambda path: path == tmp_path / "disk")
    with pytest.raises(ValueError, match=message):
        use(str(tmp_path / output))
    assert {path.name for path in tmp_path.iterdir()} == {"file", "disk"}


def test_a_stopped_run_leaves_nothing_even_if_a_worker_goes_on(tmp_path):
    output = tmp_path / ("x" * 250)
    with pytest.raises(KeyboardInterrupt):
        use(str(output))
    with scratch(str(output)) as folder:
        Path(folder, "train").write_text("half")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        write_bytes(f"{folder}/valid", b"of a worker that goes on")
    for text in ("one", "two"):
        with scratch(str(output)) as folder:
            Path(folder, MANIFEST).write_text(text)
            put_in_place(folder, str(output))
    assert [path.name for path in tmp_path.iterdir()] == [output.name]
    assert (output / MANIFEST).read_text() == "two"


# Once it has printed, its parent is killed: it must have asked for the parent's number before.
CHILD = """
import os
from bach_tf.corpora.scale import worker

parent = os.getppid()
print(1, flush=True)
worker.end_with(parent)
"""


def test_workers_end_with_the_process_that_started_them():
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout.read(2) == b"1\n"
        process.send_signal(signal.SIGKILL)
        # At the end of the last process that has the pipe.
        assert process.communicate(timeout=60)[0] == b""
    command = runners._direct(2)._default_environment.command_string
    assert command.endswith(f" -m bach_tf.corpora.scale.worker {os.getpid()}")


def test_addresses_are_read_and_written_and_replaced_as_folders_are(home, mine, tmp_path):  # noqa: F811
    from far import Far

    folder = mine({f"b/in/h{number}.mid": hymn(number) for number in range(4)})
    Far.root = folder
    near, far = folder / "b/in", folder / "b/in/made"
    prepare_shards(str(near), FOLDER.music, str(tmp_path / "made"), shards=2, engine=ALONE)
    for shards in (3, 2):  # the second run finds the first one's output among the files
        report = prepare_shards(
            "far://b/in", FOLDER.music, "far://b/in/made/", shards=shards, engine=ALONE
        )
        assert (report.files, sum(report.left_out.values())) == (4, 0)
    assert report.skipped == {f"made/{name}.csv": "in a prepared folder of shards" for name in (
        "copies", "left_out", "warnings",
    )}  # fmt: skip
    shards = {path.name: path.read_bytes() for path in (tmp_path / "made").glob("*.npz")}
    assert {path.name: path.read_bytes() for path in far.glob("*.npz")} == shards
    assert {path.suffix for path in far.iterdir()} == {".npz", ".csv", ".json"}
    pattern = find_files("far://b/*/*[12].mid", FOLDER.kind)
    assert [entry.file for entry in pattern.entries] == ["in/h1.mid", "in/h2.mid"]


def test_a_scheme_that_beam_does_not_know_is_said(mine, tmp_path, capsys):  # noqa: F811
    folder = mine({f"h{number}.mid": hymn(number) for number in range(4)})
    for given in (["nah://b", str(tmp_path / "made")], [str(folder), "nah://b"]):
        assert main(["prepare", "--data-dir", given[0], "--output", given[1]]) == 2
        assert "cannot open addresses such as nah://b" in capsys.readouterr().err


def test_a_runner_without_java_says_so():
    class Pipeline:
        def run(self):
            raise FileNotFoundError(2, "No such file or directory", "java")

    with pytest.raises(RuntimeError, match="needs Java for this runner"):
        runners.run(Pipeline())


def test_melodies_are_split_in_the_fractions_of_the_small_way(home, mine, tmp_path):  # noqa: F811
    tune = "X:{0}\nT:Air {0}\nM:4/4\nL:1/4\nK:C\nCD{1}{2}|{2}{3}{1}C|{1}2{0}2|]\n"
    letters = "EFGABcde"
    book = {
        f"{number}.abc": tune.format(
            number + 1, *(letters[number * step % 8] for step in (1, 3, 5))
        )
        for number in range(8)
    }
    report = prepare_shards(
        str(mine(book)), CORPORA["folk"].music, str(tmp_path / "made"), shards=1, engine=ALONE
    )
    pieces = {split: sum(each.pieces for each in found) for split, found in report.splits.items()}
    assert pieces == {"train": 6, "valid": 1, "test": 1}
