import json
import logging
import math
import random
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
from commands import command

from bach_tf._basics.messages import LONGEST_LINE
from bach_tf.corpora.folder import prepare
from bach_tf.corpora.validation import (
    ensure_valid,
    format_report,
    measures,
    statistics,
    validate_corpus,
)
from bach_tf.corpora.validation.corpus import content_hash
from bach_tf.corpora.validation.statistics import SCHEMA, import_tfdv, run_tfdv, summarise, to_frame
from bach_tf.formats.grid_csv import HIGHEST_PITCH, LOWEST_PITCH, VOICES, write_grid_csv

main = command("validate")

HEADER = b"note0,note1,note2,note3\n"
ROW = b"72,67,60,48\n"
EXPECTED = "expected 4 pitches (0 or 21..108)"
TFDV = "tensorflow_data_validation"
needs_tfdv = pytest.mark.skipif(find_spec(TFDV) is None, reason="TFDV is not installed")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("BACH_TF_HOME", str(folder))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # main sets it: not for the tests after
    return folder


@pytest.fixture(params=[pytest.param("tfdv", marks=needs_tfdv), "without tfdv"])
def either_way(request, monkeypatch):
    """Run a test with TFDV, where it is installed, and without it."""
    if request.param != "tfdv":
        without_tfdv(monkeypatch)


def without_tfdv(monkeypatch):
    def fail():
        raise ModuleNotFoundError(f"No module named '{TFDV}'", name=TFDV)

    monkeypatch.setattr(statistics, "import_tfdv", fail)


@pytest.fixture
def corpus(tmp_path):
    """Three splits of two short pieces each."""
    folder = tmp_path / "tiny"
    orders = {"train": (0, 1, 2), "valid": (1, 0, 2), "test": (0, 2, 1)}
    for split, order in orders.items():
        (folder / split).mkdir(parents=True)
        for number in range(2):
            chords = np.array([[72, 67, 60, 48], [74, 67, 59, 43], [0, 0, 0, 0]])[list(order)]
            write_grid_csv(folder / split / f"chorale_00{number}.csv", chords)
    return folder


def flat(tmp_path, content):
    """A folder with one good piece and one of the given bytes."""
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "a.csv").write_bytes(HEADER + ROW)
    (folder / "b.csv").write_bytes(content)
    return folder


@pytest.mark.usefixtures("either_way")
def test_clean_corpus(corpus, cache):
    report = validate_corpus(corpus)
    assert report.ok
    assert report.problems == report.anomalies == ()
    assert report.pieces == {"train": 2, "valid": 2, "test": 2}
    assert [row.divergence for row in report.drift] == pytest.approx([0] * 8)
    soprano = report.columns[0]
    assert soprano == ("train", "note0", 6, "33.3%", 72, 74, 2)
    folder = cache / "validation" / f"tiny-{report.content_hash[:12]}"
    assert report.report_path == folder / "report.txt"
    assert report.report_path.read_text(encoding="utf-8") == format_report(report) + "\n"


@needs_tfdv
def test_statistics_open_again(corpus, tmp_path):
    report = validate_corpus(corpus, tmp_path / "report")
    tfdv = import_tfdv()
    assert set(report.statistics_paths) == {"train", "valid", "test"}
    for path in report.statistics_paths.values():
        assert path.parent == tmp_path / "report"
        (dataset,) = tfdv.load_stats_binary(str(path)).datasets
        assert dataset.num_examples == 6
        shares = dataset.features[0].string_stats.rank_histogram.buckets
        assert {bucket.label: bucket.sample_count for bucket in shares} == {
            "72": 2,
            "74": 2,
            "0": 2,
        }


@needs_tfdv
def test_schema_and_reader_agree():
    schema = import_tfdv().load_schema_text(str(SCHEMA))
    assert [feature.name for feature in schema.feature] == [f"note{v}" for v in range(len(VOICES))]
    assert {(f.int_domain.min, f.int_domain.max) for f in schema.feature} == {(0, HIGHEST_PITCH)}
    assert LOWEST_PITCH == 21  # the comment of the schema says so
    drift = {f.drift_comparator.jensen_shannon_divergence.threshold for f in schema.feature}
    assert drift == {measures.DRIFT_THRESHOLD}


def odd_splits():
    """Return frames with all that can be wrong with cells, and some with nothing wrong."""
    names = [f"note{voice}" for voice in range(4)]
    generator = random.Random(0)
    drawn = {
        name: [[str(generator.choice(pitches)) for _ in range(4)] for _ in range(400)]
        for name, pitches in {"train": range(55, 75), "near": range(55, 76), "far": [0, 90]}.items()
    }
    pieces = {name: [(names, rows)] for name, rows in drawn.items()} | {
        "fewer columns": [(names[:3], [["60", "61", "62"]])],
        "gaps": [(names, [["60", "200", "C3", ""], ["", "-5", "D4", ""], ["60", "5", "E4", ""]])],
        "no rows": [],
        "other columns": [(["x", "x"], [["yes", "1"], ["5", "2"], ["0", "3"]])],
        "text": [(names, [["C3", "C3", "9" * 20, "20"], ["", "20", "1", "x"]])],
        "range": [(names, [["109", "a", "0", "60.0"], ["-1", "109", "21", "1"]])],
    }
    return {name: to_frame(rows) for name, rows in pieces.items()}


@needs_tfdv
def test_our_own_measures_find_what_tfdv_finds():
    frames = odd_splits()
    found, anomalies, drift = run_tfdv(import_tfdv(), frames)
    columns, our_anomalies, our_drift = measures.measure(frames)
    assert len({row.anomaly for row in anomalies}) == 7
    assert {(*row,) for row in our_anomalies} == {(*row,) for row in anomalies}
    assert {row.verdict for row in drift} == {"ok", "drift"}
    assert [row._replace(divergence=0.0) for row in our_drift] == [
        row._replace(divergence=0.0) for row in drift
    ]
    assert [row.divergence for row in our_drift] == pytest.approx([row.divergence for row in drift])
    voices = [row for row in summarise(found) if row.column != "column 2"]  # numbers of no voice
    assert [row for row in columns if row.column != "column 2"] == voices


def test_a_divergence_is_in_bits():
    same = Counter({"60": 1, "62": 3})
    assert measures.divergence(same, Counter({"60": 2, "62": 6})) == 0.0
    assert measures.divergence(same, Counter({"64": 1})) == 1.0
    # A quarter and three quarters against a half and a half.
    expected = (0.25 * math.log2(2 / 3) + 0.75 * math.log2(6 / 5)) / 2
    expected += (0.5 * math.log2(4 / 3) + 0.5 * math.log2(4 / 5)) / 2
    assert measures.divergence(same, Counter({"60": 1, "62": 1})) == pytest.approx(expected)


def test_a_report_says_that_tfdv_is_missing_and_why(corpus, monkeypatch):
    without_tfdv(monkeypatch)
    monkeypatch.setattr(measures, "has_wheels", lambda: False)
    monkeypatch.setattr(measures, "_system", lambda: "this system")
    report = validate_corpus(corpus)
    assert report.ok
    assert report.statistics_paths == {}
    line = (
        "TensorFlow Data Validation has no wheels for this system: no statistics files are "
        "written. Every row, the ranges and the drift were checked without it."
    )
    assert line in format_report(report).splitlines()
    assert line in report.report_path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("python", "system", "machine", "libc", "wheels"),
    [
        ((3, 11), "linux", "x86_64", ("glibc", "2.17"), True),
        ((3, 11), "linux", "aarch64", ("glibc", "2.39"), False),
        ((3, 11), "darwin", "arm64", ("", ""), False),
        ((3, 12), "linux", "x86_64", ("glibc", "2.36"), False),
        ((3, 13), "linux", "x86_64", ("glibc", "2.39"), True),
        ((3, 13), "linux", "x86_64", ("libc", "musl"), False),
        ((3, 13), "linux", "aarch64", ("glibc", "2.41"), False),
        ((3, 12), "darwin", "arm64", ("", ""), True),
        ((3, 12), "darwin", "x86_64", ("", ""), False),
    ],
)
def test_where_tfdv_has_wheels(monkeypatch, python, system, machine, libc, wheels):
    monkeypatch.setattr(measures.sys, "version_info", python)
    monkeypatch.setattr(measures.sys, "platform", system)
    monkeypatch.setattr(measures.platform, "machine", lambda: machine)
    monkeypatch.setattr(measures.platform, "libc_ver", lambda: libc)
    assert measures.has_wheels() is wheels
    absent = measures.why_missing(ModuleNotFoundError(name=TFDV))
    assert ("pip install '.[tfdv]' in the checkout of bach_tf" in absent) is wheels
    assert len(absent) < LONGEST_LINE
    broken = measures.why_missing(ImportError("libfoo.so is missing", name="tfx_bsl"))
    assert "cannot be imported (libfoo.so is missing)" in broken


@pytest.mark.parametrize(
    "content",
    [
        HEADER + ROW,  # far fewer rows than a window
        HEADER + b"0,21,108,0\n",
        b"\xef\xbb\xbf" + HEADER + ROW,
        (HEADER + ROW).replace(b"\n", b"\r\n"),
        HEADER + b" 72, 67, 60, 48\n\n",
    ],
    ids=["one row", "bounds", "BOM", "CRLF", "blanks"],
)
@pytest.mark.usefixtures("either_way")
def test_accepted(tmp_path, content):
    report = validate_corpus(flat(tmp_path, content))
    assert report.ok
    assert report.pieces == {"train": 2}
    assert report.drift == ()


@pytest.mark.parametrize(
    ("content", "problem", "anomaly"),
    [
        (b"", "b.csv: expected a header and rows of pitches, got an empty file", None),
        (HEADER, "b.csv: expected at least one row of pitches, got the header only", None),
        (HEADER + b"72,67,60\n", f"b.csv:2: {EXPECTED}, got 3", ("note3", "Column dropped")),
        (HEADER + b"72,67,60,48,9\n", f"b.csv:2: {EXPECTED}, got 5", ("column 5", "New column")),
        (HEADER + b"\n" + ROW, f"b.csv:2: {EXPECTED}, got 0", ("note0", "Column dropped")),
        (
            b"note0,note1,note2\n72,67,60\n",
            "b.csv:1: expected the header note0,note1,note2,note3, got note0,note1,note2",
            ("note3", "Column dropped"),
        ),
        (
            b"note0,note0,note2,bass\n72,67,60,48\n",
            "b.csv:1: expected the header note0,note1,note2,note3, got note0,note0,note2,bass",
            ("bass", "New column"),
        ),
        (
            ROW + ROW,
            "b.csv:1: expected the header note0,note1,note2,note3, got 72,67,60,48",
            ("72", "New column"),
        ),
        (
            HEADER + b"72,67,C3,48\n",
            f"b.csv:2: {EXPECTED}, got 'C3'",
            ("note2", "Unexpected data type"),
        ),
        (
            HEADER + b"72,NaN,60,48\n",
            f"b.csv:2: {EXPECTED}, got 'NaN'",
            ("note1", "Unexpected data type"),
        ),
        (
            HEADER + b"72,67,60.0,48\n",
            f"b.csv:2: {EXPECTED}, got '60.0'",
            ("note2", "Unexpected data type"),
        ),
        (
            HEADER + b"72,67,60,99999999999999999999\n",
            f"b.csv:2: {EXPECTED}, got '99999999999999999999'",
            ("note3", "Unexpected data type"),
        ),
        (
            HEADER + b"72,,60,48\n",
            f"b.csv:2: {EXPECTED}, got ''",
            ("note1", "Column dropped"),
        ),
        (
            HEADER + ROW + b"72,67,60,20\n",
            f"b.csv:3: {EXPECTED}, got '20'",
            ("note3", "Pitch out of range"),
        ),
        (
            HEADER + b"109,67,60,48\n",
            f"b.csv:2: {EXPECTED}, got '109'",
            ("note0", "Out-of-range values"),
        ),
        (
            HEADER + b"72,67,60,-1\n",
            f"b.csv:2: {EXPECTED}, got '-1'",
            ("note3", "Out-of-range values"),
        ),
        (HEADER + b"72,67,60,\xff\n", "b.csv:2: expected a CSV file in UTF-8, got", None),
    ],
)
@pytest.mark.usefixtures("either_way")
def test_bad_file(tmp_path, content, problem, anomaly):
    report = validate_corpus(flat(tmp_path, content))
    assert not report.ok
    assert len(report.problems) == 1
    assert report.problems[0].startswith(problem)
    found = {(row.column, row.anomaly) for row in report.anomalies}
    # Without a row there is nothing to have statistics of.
    assert anomaly in found if anomaly else not found


@pytest.mark.parametrize("content", [b"", HEADER, b"\xff"])
@pytest.mark.usefixtures("either_way")
def test_no_rows_at_all(tmp_path, content):
    folder = flat(tmp_path, content)
    (folder / "a.csv").unlink()
    report = validate_corpus(folder)
    assert len(report.problems) == 1
    assert [row[:3] for row in report.anomalies] == [("train", "(all)", "No data")]


@pytest.mark.parametrize(("present", "got"), [(True, "none"), (False, "no such folder")])
@pytest.mark.usefixtures("either_way")
def test_empty_split(corpus, present, got):
    for path in (corpus / "valid").iterdir():
        path.unlink()
    if not present:
        (corpus / "valid").rmdir()
    report = validate_corpus(corpus)
    assert report.problems == (f"valid: expected at least one CSV file, got {got}",)
    assert [row[:3] for row in report.anomalies] == [("valid", "(all)", "No data")]
    assert {row.splits for row in report.drift} == {"train, test"}


def test_problems_name_the_split(corpus):
    (corpus / "test" / "chorale_000.csv").write_bytes(HEADER + b"72,67,60\n")
    (corpus / "test" / "chorale_001.csv").write_bytes(b"\xff")
    (corpus / "stray.csv").write_bytes(HEADER + ROW)
    problems = validate_corpus(corpus).problems
    assert problems[0] == f"test/chorale_000.csv:2: {EXPECTED}, got 3"
    assert problems[1].startswith("test/chorale_001.csv:1: expected a CSV file in UTF-8, got")
    assert problems[2] == "stray.csv: expected in one of train, valid, test, got it beside them"


@pytest.mark.usefixtures("either_way")
def test_one_bad_cell_hides_no_other(tmp_path):
    folder = flat(tmp_path, HEADER + b"20,67,60,48\nC3,67,60,48\n109,67,60,48\n")
    report = validate_corpus(folder)
    assert len(report.problems) == 3
    found = {row.anomaly for row in report.anomalies}
    assert {"Unexpected data type", "Pitch out of range"} <= found


@pytest.mark.usefixtures("either_way")
def test_drift_is_a_warning(corpus, capsys):
    for path in (corpus / "valid").iterdir():
        write_grid_csv(path, [[86, 79, 71, 55], [84, 79, 72, 60], [0, 0, 0, 0]])
    assert main([str(corpus)]) == 0
    assert "(columns with drift: 4)" in capsys.readouterr().out.splitlines()[-1]
    report = validate_corpus(corpus)
    assert report.ok
    assert {row.verdict for row in report.drift if row.splits == "train, valid"} == {"drift"}
    assert {row.verdict for row in report.drift if row.splits == "train, test"} == {"ok"}


@pytest.mark.usefixtures("either_way")
def test_drift_of_text_is_measured_without_a_crash(corpus):
    (corpus / "valid" / "chorale_000.csv").write_bytes(HEADER + b"C3,67,60\n")
    (corpus / "train" / "chorale_000.csv").write_bytes(b"alto\n1\n")
    assert not validate_corpus(corpus).ok


@pytest.mark.usefixtures("either_way")
def test_screen_has_the_first_problems_and_the_file_all(tmp_path, capsys):
    folder = flat(tmp_path, HEADER + b"1,2,3,4\n" * 50)
    assert main([str(folder), "--report", str(tmp_path / "out")]) == 1
    output, errors = capsys.readouterr()
    assert errors == ""
    assert output.count("b.csv:") == 20
    assert "... and 30 more" in output
    last = output.splitlines()[-1]
    assert last.startswith("NOT VALID (problems: 50, anomalies: 4).")
    assert str(tmp_path / "out" / "report.txt") in last
    assert (tmp_path / "out" / "report.txt").read_text(encoding="utf-8").count("b.csv:") == 50


def test_report_cannot_command_the_terminal(tmp_path, capsys):
    folder = flat(tmp_path, b"\x1b[2J" + b"x" * 1000 + b"\n1\n")
    assert main([str(folder)]) == 1
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "\\x1b[2J" in output
    assert max(len(line) for line in output.splitlines()) < 300


def test_content_hash_is_of_names_and_bytes(corpus):
    first = content_hash(corpus)
    piece = corpus / "train" / "chorale_000.csv"
    (corpus / "manifest.json").write_text("{}")
    assert content_hash(corpus) == first
    piece = piece.rename(corpus / "train" / "renamed.csv")
    renamed = content_hash(corpus)
    piece.write_bytes(HEADER + ROW)
    assert len({first, renamed, content_hash(corpus)}) == 3


def test_ensure_valid_looks_once_for_each_content(corpus, monkeypatch):
    looks = []

    def counted(folder):
        looks.append(folder)
        return validate_corpus(folder)

    monkeypatch.setattr("bach_tf.corpora.validation.corpus.validate_corpus", counted)
    ensure_valid(corpus)
    ensure_valid(corpus)
    assert len(looks) == 1
    (corpus / "train" / "chorale_000.csv").write_bytes(HEADER + ROW)
    ensure_valid(corpus)
    assert len(looks) == 2


def copy_into(corpus, name, change):
    lines = (corpus / "train" / "chorale_000.csv").read_text().splitlines()[1:]
    grid = change(np.array([line.split(",") for line in lines], int))
    write_grid_csv(corpus / name, grid)


def test_a_piece_in_two_splits_is_not_valid(corpus, capsys):
    copy_into(corpus, "valid/same.csv", lambda grid: grid)
    copy_into(corpus, "test/higher.csv", lambda grid: np.where(grid > 0, grid + 5, 0))
    copy_into(corpus, "test/slower.csv", lambda grid: np.repeat(grid, 3, axis=0))
    copy_into(corpus, "train/again.csv", lambda grid: grid)  # twice in one split: no leak
    assert main([str(corpus)]) == 1
    output = capsys.readouterr().out
    for line in (
        "valid/same.csv: the same music as train/again.csv",
        "test/higher.csv: the same music as train/again.csv, in another key",
        "test/slower.csv: the same music as train/again.csv, at another tempo",
    ):
        assert f"  {line}\n" in output
    assert "NOT VALID (problems: 0, anomalies: 0, pieces in two splits: 3)" in output


def test_training_warns_of_a_piece_in_two_splits_each_time(corpus, capsys):
    copy_into(corpus, "test/higher.csv", lambda grid: np.where(grid > 0, grid + 5, 0))
    for _ in range(2):
        ensure_valid(corpus)
        prepare(corpus)
        warning = capsys.readouterr().err
        assert warning.startswith("Warning: pieces in two splits: 1, so")
        assert "test/higher: the same music as train/chorale_000, in another" in warning


def test_what_is_hidden_is_not_read_and_said(corpus, capsys):
    (corpus / "train" / "._chorale_000.csv").write_bytes(b"\x00\x05")
    write_grid_csv(corpus / "test" / "X.CSV", [[72, 67, 60, 48]])
    assert main([str(corpus)]) == 0
    output = capsys.readouterr().out
    assert "  train/._chorale_000.csv: a resource fork written by macOS\n" in output
    assert "test 3" in output


def test_programs_read_the_report_as_json(corpus, capsys):
    assert main([corpus, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["ok"], record["folder"], record["problems"]) == (True, str(corpus), [])
    assert record["columns"][0]["split"] == "train"
    (corpus / "train" / "chorale_000.csv").write_bytes(HEADER + b"1,2,3\n")
    assert main([corpus, "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert (record["ok"], record["problems"][0][:26]) == (False, "train/chorale_000.csv:2: e")
    assert main([corpus, "--quiet"]) == 1
    assert capsys.readouterr().out == record["report_path"] + "\n"


def test_ensure_valid_says_what_is_wrong(corpus, cache):
    (corpus / "train" / "chorale_000.csv").write_bytes(HEADER + b"1,2,3\n" * 7)
    for _ in range(2):  # only what is valid is remembered
        with pytest.raises(ValueError, match=r"(?s)chorale_000\.csv:2: .*and 2 more.*report\.txt"):
            ensure_valid(corpus)
    with pytest.raises(ValueError, match="got a missing path"):
        ensure_valid(corpus / "absent")


def test_mistakes_in_the_path(tmp_path, capsys):
    (tmp_path / "file.csv").write_bytes(HEADER + ROW)
    (tmp_path / "empty").mkdir()
    (tmp_path / "splits" / "train").mkdir(parents=True)
    mistakes = {
        "absent": "got a missing path",
        "file.csv": "got a file",
        "empty": "Expected CSV files in .*, got none",
        "splits": "Expected CSV files in .*, got none",
    }
    for name, message in mistakes.items():
        with pytest.raises(ValueError, match=message):
            validate_corpus(tmp_path / name)
        assert main([str(tmp_path / name)]) == 2
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.startswith("bach-tf validate: Expected ")


def test_report_folder_that_cannot_be_written(corpus, tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert main([str(corpus), "--report", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "examples:\n  bach-tf validate my_chorales\n" in capsys.readouterr().out


@needs_tfdv
def test_import_leaves_logging_alone():
    disabled = logging.root.manager.disable
    import_tfdv()
    assert logging.root.manager.disable == disabled


@pytest.mark.usefixtures("either_way")
def test_endless_columns_are_few_to_tfdv(tmp_path):
    wide = ",".join(f"x{number}" for number in range(1000)).encode()
    report = validate_corpus(flat(tmp_path, wide + b"\n" + wide + b"\n"))
    assert report.problems[0].startswith("b.csv:1: expected the header")
    assert len({row.column for row in report.columns}) == 32


def test_command_says_nothing_else(tmp_path):
    folder = flat(tmp_path, b"note0\n72\n")
    command = [sys.executable, "-m", "bach_tf", "validate", str(folder)]
    result = subprocess.run(command, capture_output=True, check=False, text=True)
    assert result.returncode == 1
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1].startswith("NOT VALID")


def test_import_is_light():
    code = (
        "import sys, bach_tf.corpora.validation; print({'pandas', 'tensorflow'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert result.stdout == "set()\n"
