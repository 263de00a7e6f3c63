"""Checksums of an export, without TensorFlow."""

import shutil
import subprocess

import pytest

from bach_tf.cli.main import main
from bach_tf.export.sums import check_sums, write_sums


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "it"
    (folder / "assets").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"model")
    (folder / "assets" / "codec.json").write_bytes(b"{}")
    write_sums(folder)
    return folder


def test_an_export_as_it_was_written_is_whole(export):
    assert check_sums(export) == 2
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=export, check=True)


def test_damaged_missing_and_other_files_are_named(export):
    (export / "assets" / "codec.json").write_bytes(b"[]")
    with pytest.raises(ValueError, match=r"assets/codec\.json: expected the file .*damaged or was"):
        check_sums(export)
    (export / "assets" / "codec.json").unlink()
    with pytest.raises(ValueError, match=r"assets/codec\.json is in SHA256SUMS, but missing"):
        check_sums(export)
    (export / "assets" / "codec.json").write_bytes(b"{}")
    (export / "more").write_bytes(b"")
    with pytest.raises(ValueError, match=r"more: expected only files in SHA256SUMS"):
        check_sums(export)


@pytest.mark.parametrize("content", [b"", b"\xff", b"abc  model.onnx\n", bytes(2_000_000)])
def test_checksums_of_something_else_are_refused(export, content):
    (export / "SHA256SUMS").write_bytes(content)
    with pytest.raises(ValueError, match=r"SHA256SUMS: expected"):
        check_sums(export)


def test_an_export_is_checked_by_the_command(export, capsys):
    assert main(["export", "--check", str(export)]) == 0
    assert "2 files" in capsys.readouterr().out
    (export / "model.onnx").write_bytes(b"mo")
    assert main(["export", "--check", str(export)]) == 2
    assert "model.onnx: expected the file that was exported" in capsys.readouterr().err
    assert main(["export", "--check", str(export / "absent")]) == 2
    assert "SHA256SUMS" in capsys.readouterr().err
