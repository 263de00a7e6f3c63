"""The package as a user installs it: a wheel, away from the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from bach_tf.formats.midi import read_midi

ROOT = Path(__file__).parent.parent
SOURCES = ("bach_tf", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


def run(*command, cwd, **environment):
    """Run a command where nothing leads to the checkout; return what it printed."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the path of the wheel, built from a copy: the checkout stays as it is."""
    pytest.importorskip("pip", reason="the environment has no pip")
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return the interpreter of a fresh environment with the wheel, and what it needs of ours."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    # Further down the path than the wheel. Files .pth in there, such as that of an editable
    # installation of the checkout, are not read.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "needed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def test_a_wheel_has_all_files_of_the_package(wheel):
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "bach_tf").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert files - packed == set()
    extra = {name for name in packed - files if ".dist-info/" not in name}
    assert extra == set()


def test_an_installed_package_writes_a_chorale_from_any_folder(installed, tmp_path):
    where = run(installed, "-c", "import bach_tf; print(bach_tf.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent.parent)
    wishes = ("--run", "pretrained", "--bars", "2", "--min-bars", "2", "--seed", "1")
    output = run(
        installed.with_name("bach-tf"), "generate", *wishes, "--quiet",
        cwd=tmp_path, BACH_TF_HOME=str(tmp_path),
    )  # fmt: skip
    path = tmp_path / output.strip()
    assert path.parent == tmp_path / "generated"
    assert read_midi(path).voices == 4
    assert not (tmp_path / "tb_logs").exists()
