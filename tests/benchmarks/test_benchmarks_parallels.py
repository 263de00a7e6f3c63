"""Which notes count as parallels, and with what weight."""

import numpy as np
import pytest

from bach_tf.formats.grid_csv import write_grid_csv
from benchmarks import parallels, repeats
from benchmarks.parallels import count

C, D, E, G, A = 16, 18, 20, 23, 25  # ids


def piece(*voices):
    return np.array(voices).T


def test_a_parallel_fifth_counts_as_much_as_it_is_likely():
    chords = piece([G, A], [C, D], [3, 3], [3, 3])
    chances = np.zeros((2, 4, 40))
    chances[1, 1, D] = 0.25
    chances[1, 1, E] = 0.75
    expected, written, notes = count(chords, chances)
    assert (expected, written, notes) == (0.25, 1.0, 6.0)


def test_a_held_or_contrary_note_makes_no_parallel():
    held = piece([G, A], [C, C], [3, 3], [3, 3])
    contrary = piece([G, A], [C, D - 12], [3, 3], [3, 3])
    for chords in (held, contrary):
        assert count(chords, np.zeros((2, 4, 40)))[1] == 0


def test_octaves_between_outer_voices_count():
    chords = piece([G + 12, A + 12], [3, 3], [3, 3], [G, A])
    assert count(chords, np.zeros((2, 4, 40)))[1] == 1


@pytest.mark.parametrize(
    ("program", "said"), [(parallels, "per 1,000 notes: expected "), (repeats, "| all | 16 |")]
)
def test_a_run_is_measured_on_a_split(program, said, trained_run, tmp_path, home, capsys):
    for split, low in (("train", 60), ("valid", 61), ("test", 62)):
        (tmp_path / split).mkdir()
        grid = np.array(
            [[low + 7, low + 4, low, low - 12]] * 8 + [[low + 9, low + 5, low + 2, low - 10]] * 8
        )
        write_grid_csv(tmp_path / split / "a.csv", grid)
    where = ["--corpus", "folder", "--data-dir", str(tmp_path)]
    assert program.main(["--run", str(trained_run.folder), *where]) == 0
    assert said in capsys.readouterr().out
    assert program.main(["--run", "absent", *where]) == 2
    assert "Expected a run folder" in capsys.readouterr().err
