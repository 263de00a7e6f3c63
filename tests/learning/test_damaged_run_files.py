"""Files of a run folder with any content: read, or refused by name."""

import io
import zipfile

import numpy as np
import pytest

from bach_tf.learning import corpus_record
from bach_tf.learning.checkpoints import read_state
from bach_tf.learning.history import drop_later_rows, read_history
from bach_tf.learning.memory_files import read_memory
from bach_tf.learning.weight_files import check_whole

DEEP = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
STATE = (
    b'{"epoch": 2, "best": 2.5, "stopped": false, "weights": "epoch_0002.weights.h5",'
    b' "counters": {}}'
)


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        DEEP,
        b"\xff",
        b"[]",
        STATE.replace(b'"epoch": 2', b'"epoch": -1'),
        STATE.replace(b'"epoch": 2', b'"epoch": 1' + b"0" * 30),
        STATE.replace(b'"epoch": 2', b'"epoch": {}'),
        STATE.replace(b'"epoch": 2', b'"epoch": "2"'),
        STATE.replace(b"{}", b'{"plateau": 5}'),
        STATE.replace(b"{}", b'{"plateau": {"best": "x"}}'),
        STATE.replace(b"{}", b'{"model": {"best": 1}}'),
        STATE.replace(b"{}", b'{}, "events": {"a": "b"}'),
        STATE.replace(b"{}", b'{}, "events": 7'),
        STATE.replace(b'"epoch_', b'"../epoch_'),
    ],
    ids=range(13),
)
def test_a_state_of_something_else_is_refused_by_name(tmp_path, content):
    assert read_state(written(tmp_path / "good.json", STATE))["epoch"] == 2
    with pytest.raises(ValueError, match=r"state\.json: expected the state of a training run"):
        read_state(written(tmp_path / "state.json", content))


@pytest.mark.parametrize("content", [DEEP, b"\xff", b'{"sha256": "a", "pieces": {"b": 1}}', b"[]"])
def test_a_corpus_record_of_something_else_is_refused_by_name(tmp_path, content):
    with pytest.raises(ValueError, match=r"corpus\.json: expected the hashes"):
        corpus_record.check_corpus(written(tmp_path / "corpus.json", content).parent, tmp_path)


@pytest.mark.parametrize("content", [DEEP, b"\xff", b'{"a": 1}', b"[]"])
def test_checksums_of_something_else_are_refused_by_name(tmp_path, content):
    written(tmp_path / "checksums.json", content)
    with pytest.raises(ValueError, match=r"checksums\.json: expected a list of checksums"):
        check_whole(written(tmp_path / "a.weights.h5", b"weights"), None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"epoch,val_nll\n\xff,2\n", "expected text in UTF-8"),
        (b"epoch,val_nll\n1e999,2\n", "expected a row for each epoch"),
        (b"epoch,val_nll\nnan,2\n", "expected a row for each epoch"),
        (b"epoch,val_nll\n0.5,2\n", "expected a row for each epoch"),
        (b"epoch,val_nll\n0,2\nx,2\n", "expected a row for each epoch"),
        (b"epoch,val_nll\n0," + b"9" * 200_000, "got: field larger than field limit"),
    ],
)
def test_a_history_of_something_else_is_refused_by_name(tmp_path, content, reason):
    path = written(tmp_path / "history.csv", content)
    with pytest.raises(ValueError, match=rf"history\.csv: .*{reason}"):
        read_history(path)


def test_a_damaged_history_is_named_when_training_goes_on(tmp_path):
    with pytest.raises(ValueError, match=r"history\.csv: expected text in UTF-8"):
        drop_later_rows(written(tmp_path / "history.csv", b"epoch,val_nll\n\xff\n"), 1)


def test_a_row_of_no_epoch_is_dropped_when_training_goes_on(tmp_path):
    rows = b"epoch,val_nll\n0,2\n" + b"9" * 40_000 + b",2\n1,2\n"
    path = written(tmp_path / "history.csv", rows)
    drop_later_rows(path, 2)
    assert path.read_bytes() == b"epoch,val_nll\n0,2\n1,2\n"


def memory_with(path, array, **header):
    """Write a memory whose array declares another shape than it has."""
    content = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": array.shape} | header
    np.lib.format.write_array_header_1_0(content, about)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.npy", content.getvalue() + array.tobytes())
    return path


@pytest.mark.parametrize(
    ("value", "header", "reason"),
    [
        (30, {"shape": (10**12, 4)}, "expected an array of"),  # a terabyte
        (30, {"shape": (2**40, 2**40)}, "expected an array of"),
        (30, {"descr": "|O"}, "expected an array of|pickle"),
        (200, {}, "expected ids up to 9"),  # no codec has that many
    ],
)
def test_a_memory_that_declares_too_much_is_refused_by_name(tmp_path, value, header, reason):
    path = memory_with(tmp_path / "memory.npz", np.full((3, 4), value, np.uint8), **header)
    with pytest.raises(ValueError, match=rf"memory\.npz: .*({reason})"):
        read_memory(path)


def test_a_member_that_is_no_array_is_refused_by_name(tmp_path):
    path = tmp_path / "memory.npz"
    for name, content in (("notes", b"x"), ("notes.npy", b"\x93NUMPY\x01\0\x76\0{'descr': (")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, content)
        with pytest.raises(ValueError, match=r"memory\.npz: expected the memory of this run"):
            read_memory(path)


def test_a_memory_as_it_is_written_is_read(tmp_path):
    whole = np.array([[30, 20, 10, 5], [0, 0, 0, 0]], np.uint8)
    assert read_memory(memory_with(tmp_path / "memory.npz", whole))
