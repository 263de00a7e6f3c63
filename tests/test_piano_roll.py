import numpy as np
import pytest
from matplotlib.image import imread

from bach_tf.piano_roll import COLOURS, write_piano_roll
from bach_tf.score import Score


def boxes(path, colour):
    """Return left, right, top and bottom of what has a colour in a picture, in dots."""
    pixels = np.round(imread(path)[..., :3] * 255).astype(int)
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((pixels == rgb).all(axis=2))
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_time_goes_to_the_right_and_pitch_up(tmp_path):
    # The second voice is lower, and begins later.
    score = Score.from_grid([[72, 0]] * 8 + [[0, 60]] * 8)
    write_piano_roll(score, tmp_path / "a.png", voice_names=("", ""))
    left, right, top, bottom = boxes(tmp_path / "a.png", COLOURS[0])
    # The legend, at the right, repeats the colours: only the first voice's left edge is its own.
    later_left, _, _, lower_bottom = boxes(tmp_path / "a.png", COLOURS[1])
    assert left < later_left
    assert bottom < lower_bottom
    assert right > left
    assert bottom > top


def test_a_note_is_as_long_as_it_lasts(tmp_path):
    widths = []
    for steps in (16, 32):
        score = Score.from_grid([[60]] * steps + [[0]] * (64 - steps))
        write_piano_roll(score, tmp_path / "a.png")  # one voice: no legend
        left, right, _, _ = boxes(tmp_path / "a.png", COLOURS[0])
        widths.append(right - left)
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.03)


@pytest.mark.parametrize(
    "score",
    [
        Score.from_grid(np.zeros((0, 1), int)),
        Score.from_grid([[0]] * 5),
        Score.from_grid([[60]], upbeat=1, time_signature=(3, 4), title="One"),
        Score.from_grid([[60 + voice for voice in range(10)]] * 4000),
    ],
)
def test_any_score_has_a_picture(score, tmp_path):
    write_piano_roll(score, tmp_path / "a.png")
    height, width = imread(tmp_path / "a.png").shape[:2]
    assert 300 < height < 3000
    assert 300 < width < 3000
