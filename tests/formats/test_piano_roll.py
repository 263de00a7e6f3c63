import numpy as np
import pytest
from matplotlib.image import imread

from bach_tf.formats.piano_roll import COLOURS, write_piano_roll
from bach_tf.formats.rendition import PLAIN, Rendition
from bach_tf.score import Part, Score


def boxes(path, colour):
    """Return left, right, top and bottom of what has a colour in a picture, in dots."""
    pixels = np.round(imread(path)[..., :3] * 255).astype(int)
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((pixels == rgb).all(axis=2))
    return columns.min(), columns.max(), rows.min(), rows.max()


def test_time_goes_to_the_right_and_pitch_up(tmp_path):
    # The second voice is lower, and begins later.
    score = Score.from_grid([[72, 0]] * 8 + [[0, 60]] * 8, parts=[Part(), Part()])
    write_piano_roll(score, tmp_path / "a.png")
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


def coloured(path, colour):
    """Return the columns in which a colour is found, in dots."""
    return np.flatnonzero(shows(path, colour).any(axis=0))


def shows(path, colour):
    pixels = np.round(imread(path)[..., :3] * 255).astype(int)
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return (pixels == rgb).all(axis=2)


def test_a_primer_is_set_off_from_what_was_made(tmp_path):
    score = Score.from_grid([[60]] * 64)  # one note through four bars
    write_piano_roll(score, tmp_path / "a.png")
    whole = coloured(tmp_path / "a.png", COLOURS[0])
    write_piano_roll(score, tmp_path / "b.png", Rendition(primer_steps=16))
    made = coloured(tmp_path / "b.png", COLOURS[0])
    assert made[-1] == whole[-1]
    assert made[0] - whole[0] == pytest.approx(len(whole) / 4, abs=3)
    # The rest is paler, and neither white nor the colour of a voice.
    paler = imread(tmp_path / "b.png")[shows(tmp_path / "a.png", COLOURS[0])][:, :3]
    assert len(np.unique((paler * 255).round(), axis=0)) > 1


def test_a_primer_longer_than_the_piece(tmp_path):
    write_piano_roll(Score.from_grid([[60]] * 16), tmp_path / "a.png", Rendition(primer_steps=99))
    assert len(coloured(tmp_path / "a.png", COLOURS[0])) == 0


def test_both_voices_of_a_unison_are_seen(tmp_path):
    write_piano_roll(Score.from_grid([[60, 60]] * 64), tmp_path / "a.png")
    plot = slice(0, 500)  # left of the legend
    first, second = (shows(tmp_path / "a.png", colour)[:, plot].sum() for colour in COLOURS[:2])
    assert first > 500
    assert second > 500


def drawn(score, rendition=PLAIN):
    """Return the axes of a picture."""
    axes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", lambda self, path: axes.extend(self.axes))
        write_piano_roll(score, None, rendition)
    return axes[0]


def labels(ticks):
    return [tick.get_text() for tick in ticks]


def test_bars_are_numbered_from_the_first_whole_one():
    axes = drawn(Score.from_grid([[60]] * 40, metres=((0, 3, 4),), upbeat=4))
    assert labels(axes.get_xticklabels()) == ["1", "2", "3"]
    assert axes.get_xticks().tolist() == [1, 4, 7]
    assert axes.get_xlabel() == "bar"


def test_numbers_of_bars_do_not_touch():
    axes = drawn(Score.from_grid([[60]] * 16 * 300))
    assert labels(axes.get_xticklabels())[:3] == ["1", "17", "33"]


def test_a_performance_is_measured_in_seconds():
    score = Score.from_grid([[60]] * 1250, steps_per_quarter=100, timing="seconds")  # ten of them
    axes = drawn(score, Rendition(tempo_qpm=75))
    assert axes.get_xlabel() == "seconds"
    assert labels(axes.get_xticklabels())[:3] == ["0", "1", "2"]
    assert axes.get_xticks()[1] == pytest.approx(1.25)  # quarters


def test_notes_are_named_as_there_is_room():
    near = labels(drawn(Score.from_grid([[60]] * 4 + [[71]] * 4)).get_yticklabels())
    assert near == ["B3", "C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5"]
    wide = labels(drawn(Score.from_grid([[21]] * 4 + [[108]] * 4)).get_yticklabels())
    assert {"C4", "E4", "G4"} <= set(wide)
    assert "D4" not in wide


@pytest.mark.parametrize("name", ["_x", "$x^", "\u97f3", "\x07", "n" * 100])
def test_any_name_can_be_drawn(name, tmp_path, capfd):
    score = Score.from_grid([[60, 48]] * 16, title=name, parts=[Part(name), Part("b")])
    write_piano_roll(score, tmp_path / "a.png")
    assert capfd.readouterr() == ("", "")
    axes = drawn(score)
    assert labels(axes.get_legend().get_texts()) == [name, "b"]


@pytest.mark.parametrize(
    "score",
    [
        Score.from_grid(np.zeros((0, 1), int)),
        Score.from_grid([[0]] * 5),
        Score.from_grid([[60]], upbeat=1, metres=((0, 3, 4),), title="One"),
        Score.from_grid([[60 + voice for voice in range(10)]] * 4000),
    ],
)
def test_any_score_has_a_picture(score, tmp_path):
    write_piano_roll(score, tmp_path / "a.png")
    height, width = imread(tmp_path / "a.png").shape[:2]
    assert 300 < height < 3000
    assert 300 < width < 3000
