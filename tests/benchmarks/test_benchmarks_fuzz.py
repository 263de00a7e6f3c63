"""Reading damaged files: the command, and that it finds what is a bug."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.fuzz.bombs import BOMBS
from benchmarks.fuzz.damage import DAMAGE, damaged

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", DAMAGE)
def test_the_same_number_gives_the_same_damage(kind):
    data = json.dumps(list(range(40)), indent=1).encode()  # lines, which can be moved
    one, same = ([damaged(kind, Random(seed), data, ".json") for seed in range(9)] for _ in "ab")
    assert one == same
    assert len({data, *one}) > 2


@pytest.mark.parametrize("suffix", [".mid", ".mxl", ".npz", ".h5"])
def test_every_kind_of_file_has_every_kind_of_damage(suffix):
    content = next(make for make in BOMBS[".zip"])(Random(0), b"MThd" + bytes(99))
    for kind in DAMAGE:
        found = {damaged(kind, Random(seed), content, suffix) for seed in range(20)}
        assert len(found) > 3, kind


CODE = """
import sys, tempfile, time
from pathlib import Path
from benchmarks.fuzz import worker
from benchmarks.fuzz.readers import KINDS, Kind
worker.SECONDS = 0.2
here = Path(sys.argv[1])

def samples(folder):
    (folder / "a.csv").write_bytes(b"0123456789")
    return [folder / "a.csv"]

def wrong(path):
    if path.read_bytes() == b"0123456789":
        return None
    return {}["key"]

def unnamed(path):
    if path.read_bytes() != b"0123456789":
        int("no number")

def intact(path):
    if path.read_bytes() == worker.NOISE:
        raise ValueError("noise")

def elsewhere(path):
    intact(path)
    (here / "outside").write_text("x")

def endless(path):
    while path.read_bytes() != b"0123456789":
        pass

kinds = {"wrong": wrong, "unnamed": unnamed, "elsewhere": elsewhere, "endless": endless,
         "read": intact}
import signal
signal.signal(signal.SIGPROF, worker._stop)
watch = worker.Watch(Path(tempfile.mkdtemp(dir=here)))
for name, read in kinds.items():
    KINDS[name] = Kind(samples, read)
    outcome, bug = worker.Reader(name, watch, 0).outcome("truncated", 1)
    print(name, outcome, bug.what.replace(str(here), "HERE") if bug else "")
KINDS["blind"] = Kind(samples, lambda path: None)
try:
    worker.Reader("blind", watch, 0)
except RuntimeError as error:
    print(error)
"""


def test_bugs_are_found(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, tmp_path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "wrong bug KeyError: 'key'",
        "unnamed bug ValueError: invalid literal for int() with base 10: 'no number'",
        "elsewhere bug writes HERE/outside",
        "endless bug TooLongError: more than 0.2 s",
        "read read ",
        "blind: a.csv was read, although it is noise",
    ], done.stderr


def test_the_command_counts_what_is_read_and_refused(tmp_path):
    command = [sys.executable, "-m", "benchmarks.fuzz", "--kinds", "csv,settings", "--count", "3"]
    more = ["--damage", "truncated,nested", "--workers", "1", "--keep", tmp_path / "bugs"]
    done = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| settings | truncated | 0 | 3 | 0 |" in done.stdout
    assert "| settings | 6 | 0 | 6 | 0 |" in done.stdout
    assert "\n12 inputs: " in done.stdout
    assert not (tmp_path / "bugs").exists()
