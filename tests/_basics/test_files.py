"""Files and folders of users: sizes, names, links, permissions."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from bach_tf._basics import files
from bach_tf._basics.files import list_files, read_limited


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names_of(folder, **options):
    listing = list_files(folder, [".csv"], **options)
    return [path.relative_to(folder).as_posix() for path in listing.paths], listing.skipped


def test_a_file_of_20_gb_is_not_read(tmp_path):
    path = tmp_path / "sparse.mid"
    with path.open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(
        ValueError, match=r"^sparse\.mid: expected at most 1,000 bytes, got 21,474,836,480$"
    ):
        read_limited(path, 1000)


def test_a_file_as_large_as_allowed_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert read_limited(tmp_path / "a", 1000) == b"x" * 1000
    assert read_limited(tmp_path / "a", 2**60) == b"x" * 1000, "no memory is set aside for more"
    with pytest.raises(ValueError, match="expected at most 999 bytes, got 1,000"):
        read_limited(tmp_path / "a", 999)


def test_what_cannot_be_read_is_named_and_no_pipe_is_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(ValueError, match=r"^pipe\.csv: expected a file, got a device or a pipe$"):
        read_limited(tmp_path / "pipe.csv", 10)
    with pytest.raises(ValueError, match=r"expected a file, got a folder \(directory\)$"):
        read_limited(tmp_path, 10)
    with pytest.raises(ValueError, match=r"^absent\.csv: expected a file, got: No such file"):
        read_limited(tmp_path / "absent.csv", 10)


def test_capitals_do_not_hide_a_file_and_a_macs_second_files_are_skipped(tmp_path):
    make(tmp_path, "b.csv", "X.CSV", "._b.csv", ".c.Csv", "notes.txt", "sub/d.csv")
    make(tmp_path, "__MACOSX/._b.csv", "__MACOSX/b.csv", ".git/x.csv")
    paths, skipped = names_of(tmp_path)
    assert paths == ["X.CSV", "b.csv", "sub/d.csv"]
    assert skipped == {
        "._b.csv": "a resource fork written by macOS",
        ".c.Csv": "hidden",
        "__MACOSX/": "a resource fork written by macOS",
        ".git/": "hidden",
    }
    assert names_of(tmp_path, deep=False)[0] == ["X.CSV", "b.csv"]


def test_links_are_followed_once_and_those_to_nothing_are_said(tmp_path):
    make(tmp_path, "one/a.csv", "elsewhere/b.csv")
    (tmp_path / "one" / "up").symlink_to(tmp_path)
    (tmp_path / "one" / "self").symlink_to("self")
    (tmp_path / "one" / "gone.csv").symlink_to("absent.csv")
    (tmp_path / "one" / "round.csv").symlink_to("round.csv")
    (tmp_path / "one" / "linked.csv").symlink_to(tmp_path / "one" / "a.csv")
    (tmp_path / "one" / "pipe.csv").touch()
    (tmp_path / "one" / "pipe.csv").unlink()
    os.mkfifo(tmp_path / "one" / "pipe.csv")
    paths, skipped = names_of(tmp_path / "one")
    assert paths == ["a.csv", "linked.csv", "up/elsewhere/b.csv"]
    assert skipped == {
        "gone.csv": "a broken link",
        "round.csv": "a broken link",
        "pipe.csv": "not a regular file",
    }


def test_a_folder_without_permission_is_an_error(tmp_path, monkeypatch):
    make(tmp_path, "a.csv", "locked/b.csv")
    scandir = os.scandir

    def refusing(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(
        ValueError, match=r"readable folder, got .*locked: Permission denied\. Change"
    ):
        names_of(tmp_path)
    assert names_of(tmp_path, deep=False) == (["a.csv"], {})


def counted_reads(monkeypatch):
    """Return how often each file is opened to be read from now on, by name."""
    reads, opened = Counter(), Path.open

    def counting(path, mode="r", *more, **how):
        if mode in ("r", "rb"):
            reads[path.name] += 1
        return opened(path, mode, *more, **how)

    monkeypatch.setattr(Path, "open", counting)
    return reads


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "time_ns", lambda: time.time_ns() + 10**9)
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    reads = counted_reads(monkeypatch)
    assert [files.read_once(path, 9), files.read_once(path, 9)] == [b"one", b"one"]
    assert reads == {"a.csv": 1}
    with pytest.raises(ValueError, match=r"a.csv: expected at most 2 bytes, got 3"):
        files.read_once(path, 2)
    path.write_bytes(b"other")
    assert files.read_once(path, 9) == b"other"
    path.unlink()
    with pytest.raises(ValueError, match=r"a.csv: expected a file"):
        files.read_once(path, 9)


def test_a_file_that_has_just_changed_is_read_again(tmp_path, monkeypatch):
    """It may change again, within one tick of its file system's clock."""
    monkeypatch.setattr(files, "time_ns", lambda: 0)
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    reads = counted_reads(monkeypatch)
    assert [files.read_once(path, 9), files.read_once(path, 9)] == [b"one", b"one"]
    assert reads == {"a.csv": 2}


def test_no_more_is_kept_than_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "time_ns", lambda: time.time_ns() + 10**9)
    monkeypatch.setattr(files, "_kept", files._Kept())
    monkeypatch.setattr(files, "KEPT_BYTES", 5)
    for name in "ab":
        (tmp_path / name).write_bytes(b"four")
    reads = counted_reads(monkeypatch)
    for name in "abab":
        assert files.read_once(tmp_path / name, 9) == b"four"
    assert reads == {"a": 1, "b": 2}
