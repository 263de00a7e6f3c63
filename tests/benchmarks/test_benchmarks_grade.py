import numpy as np

from bach_tf.score import Score
from benchmarks import grade


def test_repeated_notes_are_counted_where_they_are_told(tiny_pieces):
    grid = np.tile([67, 62, 59, 43], (8, 1))
    held = Score.from_grid(grid)
    notes = [(onset, voice) for onset in (0, 4) for voice in range(4)]
    onset, voice = np.array(notes).T
    again = Score(
        onset=onset, duration=np.full(8, 4), pitch=grid[0][voice], voice=voice,
        velocity=np.full(8, 64), length=8,
    )  # fmt: skip
    sizes = [
        grade.found_in(score, repeated=repeated).size
        for score in (held, again)
        for repeated in (True, False)
    ]
    assert sizes == [4, 4, 8, 4]


def test_the_table_has_a_line_for_each_term_and_the_grade(tiny_pieces):
    heading, rule, *rows = grade.format_table(tiny_pieces).splitlines()
    assert heading == "|  | published | with repeated notes | grids |"
    assert rule == "| --- | --- | --- | --- |"
    assert [row.split(" | ")[0] for row in rows] == [
        f"| {term}" for term in (*grade.TERMS, "grade")
    ]
    assert rows[-1].split(" | ")[1] == "4.91 (1.63)"
