import os
import subprocess
import sys

import pytest

from bach_tf._basics.cores import usable_cores
from bach_tf.corpora import chorales


def test_the_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == 3
    assert chorales.processes() == 3


@pytest.mark.parametrize(("counted", "cores"), [(10, 10), (None, 1)])
def test_a_system_without_affinity_says_how_many_cores_it_has(monkeypatch, counted, cores):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cores() == cores
    assert chorales.processes() == min(cores, chorales.MOST_PROCESSES)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_that_is_held_to_one_core_counts_one():
    code = (
        "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])\n"
        "from bach_tf._basics.cores import usable_cores; print(usable_cores())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "1\n"
