"""The command that a server runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parent.parent / ".ci"
MAKEFILE = """test:
\t@pwd -P; cat music.txt; ls -A; echo "data=$$BACH_TF_TEST_DATA"; exit 3
"""


@pytest.fixture
def checkout(tmp_path):
    """Return a checkout of a project whose only test fails, with real data beside it."""
    folder = tmp_path / "clone"
    shutil.copytree(CI, folder / ".ci")
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "music.txt").write_text("a first version\n")
    (folder / ".venv").mkdir()
    (tmp_path / "shared" / "data").mkdir(parents=True)
    return folder


def run(checkout, **environment):
    outside = {key: value for key, value in os.environ.items() if key != "BACH_TF_TEST_DATA"}
    outside = {key: value for key, value in outside.items() if not key.startswith("MAKE")}
    return subprocess.run(
        [checkout / ".ci" / "run"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**outside, **environment},
        timeout=60,
    )


def test_tests_run_below_a_folder_named_bach_and_their_status_is_kept(checkout, tmp_path):
    done = run(checkout)
    lines = done.stdout.splitlines()
    assert done.returncode == 2  # what make makes of any failure
    assert lines[:2] == [f"{checkout.resolve()}/build/Bach/bach_tf", "a first version"]
    assert lines[-1] == f"data={tmp_path / 'shared' / 'data'}"
    assert ".venv" not in lines


def test_a_second_run_tests_what_is_there_then(checkout):
    run(checkout)
    (checkout / "build" / "Bach" / "bach_tf" / ".venv").mkdir()
    (checkout / "build" / "Bach" / "bach_tf" / "old.py").touch()
    (checkout / "music.txt").write_text("a second version\n")
    lines = run(checkout, BACH_TF_TEST_DATA="/mine").stdout.splitlines()
    assert lines[1] == "a second version"
    assert ".venv" in lines  # kept: it takes minutes to install
    assert "old.py" not in lines
    assert lines[-1] == "data=/mine"


TOOLS = [
    "bash",
    "cat",
    "date",
    "dirname",
    "find",
    "env",
    "id",
    "ls",
    "make",
    "mkdir",
    "rm",
    "sh",
    "tar",
    "timeout",
]


@pytest.fixture
def machine(tmp_path):
    """Return a folder of programs, without a browser, for `PATH`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def add_program(machine, name, script):
    (machine / name).unlink(missing_ok=True)
    (machine / name).write_text(f"#!/bin/sh\n{script}\n")
    (machine / name).chmod(0o755)


def test_root_installs_a_browser_and_tests_run_where_that_fails(checkout, machine):
    add_program(machine, "id", "echo 0")
    add_program(machine, "apt-get", f'echo "$@" >> {machine}/asked; exit 1')
    done = run(checkout, PATH=str(machine), BACH_TF_BROWSER_TRIED="")
    assert done.returncode == 2
    assert "Chromium could not be installed: no tests in a browser." in done.stderr
    assert (machine / "asked").read_text() == "-qq update\n"
    assert "a first version" in done.stdout


def test_a_browser_that_is_there_is_not_installed(checkout, machine):
    add_program(machine, "chromium", "exit 0")
    add_program(machine, "apt-get", f"touch {machine}/asked")
    done = run(checkout, PATH=str(machine), BACH_TF_BROWSER_TRIED="")
    assert "browser" not in done.stderr
    assert not (machine / "asked").exists()


def test_users_who_cannot_install_a_browser_are_told(checkout, machine):
    add_program(machine, "id", "echo 1000")
    done = run(checkout, PATH=str(machine), BACH_TF_BROWSER_TRIED="")
    assert "only root can install it" in done.stderr
