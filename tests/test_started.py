"""A program that hangs is ended, and says where it was."""

import pytest
from started import end_of, ends_of, start

PROGRAM = """
import sys, time
from bach_tf._basics.process import begin, libraries_silenced

def wait_for_nothing():
    time.sleep(600)

begin()
with libraries_silenced():
    print("waiting", flush=True)
    wait_for_nothing()
"""


def test_stacks_are_shown_where_libraries_are_silenced(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    both = [start(program) for _ in range(2)]
    assert [each.stdout.readline() for each in both] == ["waiting\n"] * 2
    with pytest.raises(AssertionError, match=r"in wait_for_nothing(.|\n)* in wait_for_nothing"):
        ends_of(both, seconds=0.1)
    assert [each.poll() for each in both] == [-6, -6]


def test_a_program_has_its_arguments_and_ends_with_its_status(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys; print(sys.argv[1:], __name__); sys.exit(3)")
    assert end_of(start(program, "a", 1)) == (3, "['a', '1'] __main__\n", "")
