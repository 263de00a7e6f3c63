import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import command
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

from bach_tf.cli.plot import PACKAGE, folder_of_pictures
from bach_tf.learning import runs
from bach_tf.measuring.plots import (
    MEASURES,
    distribution,
    read_curves,
    total_variation,
    write_distributions,
    write_training_curve,
)
from bach_tf.measuring.plots.charts import CORPUS, GENERATED
from bach_tf.measuring.plots.curves import TRAINING, VALIDATION
from bach_tf.score import Score

main = command("plot")

HISTORY = pd.DataFrame(
    {
        "epoch": [0, 1, 2, 3],
        "nll": [2.0, 1.5, 1.2, 1.0],
        "val_nll": [2.1, 1.4, 1.3, 1.6],
        "accuracy": [0.3, 0.4, 0.5, 0.6],
        "val_accuracy": [0.25, 0.45, 0.5, 0.55],
    }
)
VALUES = st.lists(st.integers(0, 5), min_size=1)


@pytest.fixture
def figures(monkeypatch):
    """The figures that are written while a test runs."""
    written = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, path: (written.append(self), save(self, path))
    )
    return written


def line_of(axes, colour):
    """Return the curve of a colour: its x and y."""
    (line,) = (
        line
        for line in axes.lines
        if to_hex(line.get_color()) == colour and len(line.get_xdata()) > 1
    )
    return list(line.get_xdata()), list(line.get_ydata())


def heights(axes, colour):
    return [bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == colour]


def test_the_curves_are_those_of_the_history(tmp_path, figures):
    write_training_curve(HISTORY, tmp_path / "a.png", "a run")
    (figure,) = figures
    loss, accuracy = figure.axes
    assert line_of(loss, TRAINING) == ([1, 2, 3, 4], [2.0, 1.5, 1.2, 1.0])
    assert line_of(loss, VALIDATION) == ([1, 2, 3, 4], [2.1, 1.4, 1.3, 1.6])
    assert line_of(accuracy, TRAINING)[1] == [0.3, 0.4, 0.5, 0.6]
    assert line_of(accuracy, VALIDATION)[1] == [0.25, 0.45, 0.5, 0.55]
    assert figure.get_suptitle() == "a run"
    assert imread(tmp_path / "a.png").shape[0] > 400


def test_the_best_epoch_is_marked_in_both_panels(tmp_path, figures):
    # The lowest loss is that of the third epoch; the accuracy goes on getting better.
    write_training_curve(HISTORY, tmp_path / "a.png")
    for axes, value, text in zip(figures[0].axes, (1.3, 0.5), ("1.300", "50 %")):
        (marker,) = (line for line in axes.lines if line.get_marker() == "o")
        assert (list(marker.get_xdata()), list(marker.get_ydata())) == ([3], [value])
        assert axes.texts[0].get_text() == f"best epoch 3: {text}"


def test_one_epoch_is_seen(tmp_path, figures):
    write_training_curve(HISTORY.head(1), tmp_path / "a.png")
    assert [line.get_marker() for line in figures[0].axes[0].lines] == ["o", "o", "None", "o"]


def test_a_steep_loss_has_a_logarithmic_axis(tmp_path, figures):
    write_training_curve(HISTORY, tmp_path / "a.png")
    write_training_curve(HISTORY.assign(nll=[6.0, 1.0, 0.6, 0.5]), tmp_path / "b.png")
    assert [figure.axes[0].get_yscale() for figure in figures] == ["linear", "log"]


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (None, "got no epoch"),
        ("", "got no epoch"),
        ("epoch,nll,val_nll,accuracy\n0,1,1,1\n", "got no column val_accuracy"),
        ("epoch,nll,val_nll,accuracy,val_accuracy\n", "got no epoch"),
    ],
)
def test_a_run_without_history_says_what_to_do(text, got, tmp_path):
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"history.csv: expected a row .*{got}.*--resume"):
        read_curves(tmp_path)


def test_pitches_intervals_and_lengths_by_hand():
    grid = [[72, 48]] * 4 + [[74, 48]] * 2 + [[0, 50]] * 2 + [[67, 50]] * 4
    score = Score.from_grid(grid)
    assert sorted(MEASURES["pitch"](score)) == [48, 50, 67, 72, 74]
    # Up by two and, over a rest, down by seven; the second voice goes up by two.
    assert sorted(MEASURES["interval"](score)) == [-7, 2, 2]
    quarters = [Fraction(1, 2), 1, 1, Fraction(3, 2), Fraction(3, 2)]
    assert sorted(MEASURES["length"](score)) == quarters


def test_the_highest_of_notes_that_begin_together_makes_the_interval():
    columns = {
        "onset": [0, 0, 4, 4], "pitch": [60, 67, 65, 69],
        "duration": [4] * 4, "voice": [0] * 4, "velocity": [80] * 4,
    }  # fmt: skip
    assert MEASURES["interval"](Score(**columns, length=8)) == [2]


def test_lengths_of_a_performance_are_rounded_to_a_scale():
    grid = [[60]] * 100 + [[62]] * 110 + [[64]] * 140 + [[65]] * 48
    lengths = MEASURES["length"](Score.from_grid(grid, steps_per_quarter=100, timing="seconds"))
    assert [float(length) for length in lengths] == pytest.approx([1, 1, 2**0.5, 0.5])


def test_total_variation_by_hand():
    one, other = distribution([60, 60, 62, 64]), distribution([60, 62, 62, 65])
    assert one == {60: 0.5, 62: 0.25, 64: 0.25}
    assert total_variation(one, other) == 0.5


@given(VALUES, VALUES)
def test_total_variation_is_a_distance(one, other):
    a, b = distribution(one), distribution(other)
    assert sum(a.values()) == pytest.approx(1)
    assert total_variation(a, b) == total_variation(b, a)
    assert -1e-12 <= total_variation(a, b) <= 1 + 1e-12
    assert (total_variation(a, b) < 1e-12) == (a == b)
    if not set(one) & set(other):
        assert total_variation(a, b) == pytest.approx(1)


def test_the_bars_are_shares_and_the_titles_say_how_far_apart(tmp_path, figures):
    # Half of the corpus' notes are C4; of the new ones all are, and each lasts a quarter.
    train = [Score.from_grid([[60]] * 4 + [[62]] * 4)]
    valid = [Score.from_grid([[60]] * 4 + [[64]] * 2)]
    new = [Score.from_grid([[60]] * 4 + [[0]] + [[60]] * 4)]
    write_distributions(
        {"train": train, "valid": valid}, new, tmp_path / "a.png", tempo_qpm=60, title="a run"
    )
    (figure,) = figures
    pitch, interval, length = figure.axes
    assert heights(pitch, CORPUS) == [0.5, 0, 0.25, 0, 0.25]
    assert heights(pitch, GENERATED) == [1, 0, 0, 0, 0]
    assert [label.get_text() for label in pitch.get_xticklabels()] == ["C4", "D4", "E4"]
    assert pitch.get_title("left").startswith("Pitches: total variation 0.500 (")
    assert "validation from training 0.500" in pitch.get_title("left")
    assert interval.get_title("left").startswith("Intervals: total variation 1.000")
    assert np.flatnonzero(heights(interval, GENERATED)).tolist() == [13]  # of -13..13
    assert heights(length, CORPUS) == [0.25, 0.75]
    assert heights(length, GENERATED) == [0, 1]
    assert [label.get_text() for label in length.get_xticklabels()] == ["1/2", "1"]
    assert figure.get_suptitle() == "a run"


def test_wide_intervals_and_rare_lengths_are_drawn_together(tmp_path, figures):
    rows = [[pitch] for number, pitch in enumerate([48, 72] * 10) for _ in range(number + 1)]
    scores = [Score.from_grid(rows)]
    write_distributions(
        {"train": scores, "valid": scores}, scores, tmp_path / "a.png", tempo_qpm=60
    )
    _, interval, length = figures[0].axes
    assert heights(interval, CORPUS)[0] == pytest.approx(9 / 19)
    assert heights(interval, CORPUS)[-1] == pytest.approx(10 / 19)
    assert heights(length, GENERATED)[-1] == pytest.approx(6 / 20)  # 14 of 20 lengths are named
    assert length.get_xticklabels()[-1].get_text() == "other"


def test_lengths_of_a_performance_are_in_milliseconds(tmp_path, figures):
    about = {"steps_per_quarter": 100, "timing": "seconds"}
    scores = [Score.from_grid([[60]] * 100 + [[62]] * 50, **about)]
    write_distributions(
        {"train": scores, "valid": scores}, scores, tmp_path / "a.png", tempo_qpm=75
    )
    length = figures[0].axes[2]
    assert [label.get_text() for label in length.get_xticklabels()] == ["400", "800"]
    assert length.get_xlabel() == "milliseconds"


@pytest.mark.parametrize("empty", ["train", "valid", "new pieces"])
def test_nothing_to_draw(empty, tmp_path):
    parts = {name: [Score.from_grid([[60]])] for name in ("train", "valid", "new pieces")}
    parts[empty] = [Score.from_grid([[0]])]
    new = parts.pop("new pieces")
    with pytest.raises(ValueError, match=rf"at least one note in {empty}\. Received: none"):
        write_distributions(parts, new, tmp_path / "a.png", tempo_qpm=60)


@pytest.fixture
def on_tiny(monkeypatch, tiny_folder):
    """Let the run be of the tiny corpus."""
    monkeypatch.setattr("bach_tf.learning.prepare_corpus", lambda preset: tiny_folder)


def test_the_command_draws_a_run(trained_run, on_tiny, tmp_path, capsys, figures):
    run = shutil.copytree(trained_run.folder, tmp_path / "mine")
    short = ["--pieces", "2", "--temperature", "1.5", "--seed", "3"]
    assert main(["--run", str(run), *short]) == 0
    names = [run / "plots" / "training.png", run / "plots" / "distributions.png"]
    assert [Path(line) for line in capsys.readouterr().out.split()] == names
    assert all(imread(path).shape[1] > 800 for path in names)
    assert figures[1].get_suptitle() == "chorales corpus, and 2 new pieces by mine"
    assert sum(heights(figures[1].axes[0], CORPUS)) == pytest.approx(1)
    assert sum(heights(figures[1].axes[0], GENERATED)) == pytest.approx(1)


def test_the_command_writes_where_it_is_told(trained_run, on_tiny, tmp_path, capsys):
    arguments = ["--run", trained_run.folder, "--pieces", "1", "--output", tmp_path, "--json"]
    assert main(arguments) == 0
    files = [str(tmp_path / name) for name in ("training.png", "distributions.png")]
    record = {"run": str(trained_run.folder), "pieces": 1, "files": files}
    assert json.loads(capsys.readouterr().out) == record
    assert {path.name for path in tmp_path.iterdir()} == {"training.png", "distributions.png"}


def contents(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_pictures_of_the_shipped_weights_go_to_the_users_folder(
    trained_run, on_tiny, tmp_path, monkeypatch, capsys, figures
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "PRETRAINED", trained_run.folder)
    before = contents(trained_run.folder)
    assert main(["--run", "pretrained", "--pieces", "1"]) == 0
    pictures = ["plots/pretrained/training.png", "plots/pretrained/distributions.png"]
    assert capsys.readouterr().out.split() == pictures
    assert all(Path(picture).is_file() for picture in pictures)
    assert contents(trained_run.folder) == before
    assert figures[0].get_suptitle() == "pretrained"


def test_pictures_go_where_they_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    assert folder_of_pictures(tmp_path / "a") == tmp_path / "a" / "plots"
    assert folder_of_pictures(PACKAGE / "pretrained" / "chorale") == Path("plots/pretrained")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert folder_of_pictures(tmp_path / "a") == Path("plots/a")


def test_the_command_says_what_is_wrong(trained_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--run", "nowhere"]) == 2
    assert "bach-tf plot: Expected a run folder" in capsys.readouterr().err
    for option, value in [("--pieces", "0"), ("--pieces", "1e9"), ("--temperature", "nan")]:
        with pytest.raises(SystemExit) as stop:
            main(["--run", str(trained_run.folder), option, value])
        assert stop.value.code == 2
        assert f"argument {option}: expected a" in capsys.readouterr().err
    bare = shutil.copytree(trained_run.folder, tmp_path / "bare")
    (bare / "history.csv").unlink()
    assert main(["--run", str(bare)]) == 2
    assert "bare/history.csv: expected a row for each epoch" in capsys.readouterr().err
    assert not (bare / "plots").exists()
