"""Training and generating, as a user types them."""

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import keras
import mido
import pytest
from commands import command

from bach_tf import formats
from bach_tf._basics.process import INTERRUPTED
from bach_tf.cli import generate as generating
from bach_tf.cli import train as training
from bach_tf.formats import files
from bach_tf.formats.midi import read_midi
from bach_tf.learning import runs

ROOT = Path(__file__).parents[2]
train, generate = command("train"), command("generate")
SHRUNK = [
    "--set", "model.units=6", "--set", "model.layers=1",
    "--set", "window=8", "--set", "stride=8", "--set", "batch_size=4",
]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch, home):
    """The empty working folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def a_run(here, trained_run):
    """A working folder with one trained run."""
    (here / "tb_logs").mkdir()
    (here / "tb_logs" / "a").symlink_to(trained_run.folder)
    return here


@pytest.fixture
def shipped(trained_run, monkeypatch):
    """The weights that come with the package: those of the small run."""
    monkeypatch.setattr(runs, "PRETRAINED", trained_run.folder)
    return trained_run.folder


def status_of(program, arguments):
    try:
        return program(arguments)
    except SystemExit as stop:
        return stop.code


def test_from_a_users_folder_to_a_midi_file(here, tiny_csvs, capfd):
    """Train, resume, generate: as another process, with nothing on stderr."""

    def run(program, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
        command = [sys.executable, str(ROOT / program), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = run("train.py", "--data-dir", str(tiny_csvs), "--epochs", "2", *SHRUNK)
    assert (done.returncode, done.stderr) == (0, "")
    folder = re.search(r"Run folder: (\S+)\. Next: python generate.py --run \1\n$", done.stdout)[1]
    assert Path(folder).parent == Path("tb_logs")
    assert len((here / folder / "history.csv").read_text().splitlines()) == 3

    done = run("train.py", "--resume", folder, "--epochs", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Trained 3 epochs" in done.stdout

    done = run("generate.py", "--temperature", "1.2", "--seed", "1", "--num_steps", "24")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("piece        bars end key")
    path, bars = re.match(
        r"(\S+\.mid): (\d+\.\d) bars, \d+ notes, \d+ s, seed 1, from ",
        done.stdout.splitlines()[-1],
    ).groups()
    assert path == f"generated/{date.today():%Y-%m-%d}_1.mid"
    score = read_midi(Path(path))
    assert score.length == round(float(bars) * score.steps_per_bar)


def test_the_same_seed_writes_the_same_bytes(a_run, capsys):
    for folder, seed in (("one", "7"), ("two", "7"), ("three", "8")):
        assert generate(["--seed", seed, "--length", "40", "--output", folder]) == 0
    one, two, three = (next(Path(name).iterdir()).read_bytes() for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_a_seed_that_was_printed_repeats_a_piece(a_run, capsys):
    assert generate(["--length", "40", "--output", "one"]) == 0
    seed = re.search(r"seed (\d+)", capsys.readouterr().out)[1]
    assert generate(["--length", "40", "--output", "two", "--seed", seed]) == 0
    one, two = (next(Path(name).iterdir()).read_bytes() for name in ("one", "two"))
    assert one == two


def test_of_candidates_one_is_written(a_run, capsys):
    options = ["--num-outputs", "2", "--length", "16", "--seed", "1", "--candidates", "3", "--json"]
    assert generate(options) == 0
    assert len(json.loads(capsys.readouterr().out)["pieces"]) == 2


def test_several_outputs_are_numbered_and_none_is_overwritten(a_run):
    for _ in range(2):
        assert generate(["--num-outputs", "2", "--length", "8", "--seed", "1"]) == 0
    names = sorted(path.name for path in Path("generated").iterdir())
    assert names == [f"{date.today():%Y-%m-%d}_{n}.mid" for n in range(1, 5)]


def test_the_options_reach_the_file(a_run):
    options = ["--tempo", "60", "--program", "harpsichord", "--bars", "1", "--seed", "2"]
    assert generate([*options, "--run", "tb_logs/a"]) == 0
    (path,) = Path("generated").iterdir()
    file = mido.MidiFile(path)
    assert [m.tempo for m in file.tracks[0] if m.type == "set_tempo"] == [1_000_000]
    assert {m.program for t in file.tracks for m in t if m.type == "program_change"} == {6}
    assert read_midi(path).length <= 16
    assert [track.name for track in file.tracks[1:]] == ["soprano", "alto", "tenor", "bass"]


def test_a_primer_begins_the_file(a_run, tiny_csvs):
    primer = tiny_csvs / "train" / "half_bar.csv"
    assert generate(["--primer", str(primer), "--length", "20", "--seed", "1"]) == 0
    (path,) = Path("generated").iterdir()
    assert read_midi(path).to_grid(4)[0].tolist() == [67, 62, 59, 43]
    assert generate(["--primer", str(path), "--length", "30", "--output", "longer"]) == 0


def test_of_the_most_probable_token_alone_there_is_one_piece(a_run):
    for seed in ("1", "2"):
        options = ["--top-k", "1", "--length", "24", "--seed", seed, "--output", seed]
        assert generate(options) == 0
    one, other = (next(Path(seed).iterdir()).read_bytes() for seed in ("1", "2"))
    assert one == other


def test_tokens_begin_the_file(a_run):
    assert generate(["--primer", "C5 G4 E4 C3", "--length", "20", "--seed", "1"]) == 0
    (path,) = Path("generated").iterdir()
    assert read_midi(path).to_grid(4)[0].tolist() == [72, 67, 64, 48]


def test_a_piece_is_written_in_several_formats_under_one_name(a_run, capsys):
    arguments = ["--length", "20", "--format", "mid,png", "--num-outputs", "2"]
    assert generate([*arguments, "--model", "gru"]) == 0
    names = [f"{date.today()}_{n}{ending}" for n in (1, 2) for ending in (".mid", ".png")]
    assert sorted(path.name for path in Path("generated").iterdir()) == names
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == [f"{date.today()}_{n}" for n in (1, 2)]
    first, second = (
        ", ".join(f"generated/{name}" for name in pair) for pair in (names[:2], names[2:])
    )
    assert lines[-1].startswith(f"{first} to {second}: 2 pieces, seed ")


def test_programs_read_what_was_written_as_json(a_run, capsys):
    arguments = ["--length", "20", "--format", "mid,png", "--num_return_sequences", "2"]
    assert generate([*arguments, "--seed", "7", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == ["run", "recipe", "seed", "pieces", "warnings"]
    assert (record["run"], record["recipe"], record["seed"]) == ("tb_logs/a", "gru", 7)
    for piece in record["pieces"]:
        assert [Path(file).suffix for file in piece["files"]] == [".mid", ".png"]
        score = read_midi(Path(piece["files"][0]))
        assert piece["notes"] == len(score)
        assert piece["ended"] == (score.length < 20)
        names = [voice["name"] for voice in piece["voices"]]
        assert names == ["soprano", "alto", "tenor", "bass"]


def test_quiet_prints_the_files_alone(a_run, capfd):
    assert generate(["--length", "8", "--num-outputs", "2", "--quiet"]) == 0
    captured = capfd.readouterr()
    assert captured.out.splitlines() == [f"generated/{date.today()}_{n}.mid" for n in (1, 2)]
    assert captured.err == ""


@pytest.mark.parametrize("greedy", [["--temperature", "0"], ["--top-k", "1"]])
def test_several_pieces_that_would_be_the_same_are_refused(a_run, greedy, capsys):
    assert generate([*greedy, "--num-outputs", "3"]) == 2
    assert "always takes the most probable token: the 3 pieces would be identical" in (
        capsys.readouterr().err
    )
    assert not Path("generated").exists()


def test_pieces_that_came_out_the_same_are_said(a_run, capsys):
    almost = ["--temperature", "1e-9", "--num-outputs", "3", "--length", "8"]
    assert generate([*almost, "--json"]) == 0
    captured = capsys.readouterr()
    (warning,) = json.loads(captured.out)["warnings"]
    assert warning.startswith("2 of 3 pieces repeat an earlier one: piece 2 equals piece 1.")
    assert captured.err == f"bach-tf generate: {warning}\n"


def test_a_format_that_fails_costs_no_piece_and_the_status_says_so(a_run, monkeypatch, capsys):
    def fail(score, path, rendition):
        raise ValueError("no ink")

    monkeypatch.setitem(formats.WRITERS, ".png", formats.Writer(fail))
    arguments = ["--length", "8", "--num-outputs", "2", "--seed", "1", "--format", "png,mid"]
    assert generate([*arguments, "--json"]) == 2
    captured = capsys.readouterr()
    names = [f"generated/{date.today()}_{n}" for n in (1, 2)]
    record = json.loads(captured.out)
    assert [piece["files"] for piece in record["pieces"]] == [[f"{name}.mid"] for name in names]
    assert record["warnings"] == [f"{name}.png: no ink" for name in names]
    assert captured.err == (
        f"bach-tf generate: Not everything could be written: {names[0]}.png: no ink (and 1 more). "
        f"2 of 2 pieces were written: {names[0]}.mid to {names[1]}.mid.\n"
    )


def test_our_own_fault_in_a_format_costs_no_piece_and_keeps_its_traceback(a_run, monkeypatch):
    monkeypatch.setitem(formats.WRITERS, ".png", formats.Writer(lambda *_: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        generate(["--length", "8", "--num-outputs", "2", "--format", "png,mid"])
    assert len(list(Path("generated").iterdir())) == 2


def test_a_full_disk_ends_the_work_and_names_the_pieces_that_are_kept(a_run, monkeypatch, capsys):
    written = []

    def fill(score, path, rendition):
        if written:
            raise OSError(28, "No space left on device")
        written.append(path.write_text("a piece"))

    monkeypatch.setitem(formats.WRITERS, ".mid", formats.Writer(fill))
    assert generate(["--length", "8", "--num-outputs", "9"]) == 2
    kept = f"generated/{date.today()}_1.mid"
    said = capsys.readouterr().err
    assert "_2.mid: No space left on device" in said
    assert said.endswith(f"1 of 9 pieces were written: {kept}.\n")
    assert [str(path) for path in Path("generated").iterdir()] == [kept]


def test_ctrl_c_names_the_pieces_that_are_kept(a_run, monkeypatch, capsys):
    from bach_tf.composing import generation

    batches = generation.generate_batches

    def stop_after_one(run, **how):
        yield next(batches(run, **{**how, "num_outputs": 2}))
        raise KeyboardInterrupt

    monkeypatch.setattr(generation, "generate_batches", stop_after_one)
    assert generate(["--length", "8", "--num-outputs", "5"]) == INTERRUPTED
    first, last = (f"generated/{date.today()}_{n}.mid" for n in (1, 2))
    said = f"\nStopped. 2 of 5 pieces were written: {first} to {last}\n"
    assert capsys.readouterr().err == said


def test_the_shipped_weights_are_used_where_nothing_is_trained(here, shipped, capsys):
    assert generate(["--length", "8", "--seed", "1"]) == 0
    assert capsys.readouterr().out.endswith("seed 1, from pretrained\n")
    assert train(["--resume", "pretrained"]) == 2
    assert "cannot be trained further" in capsys.readouterr().err


def test_the_primer_is_told_to_what_draws_it(a_run, monkeypatch):
    given = []
    monkeypatch.setattr(files, "write", lambda *call: given.append(call[-1].primer_steps))
    assert generate(["--primer_pitches", "[72, 67, 64, 48]", "--num_steps", "8"]) == 0
    assert given == [1]


def test_ctrl_c_stops_generating(a_run, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(generating, "load_trained_run", stop)
    assert generate([]) == INTERRUPTED
    assert capsys.readouterr() == ("", "\nStopped.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--temperature", "-1"], "--temperature: expected a number in 0..100, got: -1"),
        (["--temperature", "nan"], "--temperature: expected a number in 0..100, got: nan"),
        (["--num-outputs", "0"], "--num-outputs: expected a whole number in 1..10000, got: 0"),
        (["--length", "0"], "--length: expected a whole number in 1..100000, got: 0"),
        (["--bars", "-2"], "--bars: expected a whole number in 1..5000, got: -2"),
        (["--tempo", "0"], "--tempo: expected a number in 4..1000, got: 0"),
        (["--tempo", "2000"], "--tempo: expected a number in 4..1000, got: 2000"),
        (["--top-k", "2147483648"], "--top-k: expected a whole number in 0..1000000"),
        (["--min-bars", "99999999"], "--min-bars: expected a whole number in 0..5000"),
        (["--length", "500000000"], "--length: expected a whole number in 1..100000"),
        (["--num-outputs", "2147483647"], "--num-outputs: expected a whole number in 1..10000"),
        (["--seed", "18446744073709551616"], "--seed: expected a whole number in 0..2147483647"),
        (["--primer-length", "0"], "--primer-length: expected a whole number in 1..100000"),
        (["--top-p", "inf"], "--top-p: expected a number above 0 and at most 1, got: inf"),
        (["--min-bars", "3", "--bars", "2"], "a piece of at least 3 bars"),
        (["--program", "guitar"], "Unknown General MIDI program 'guitar'"),
        (
            ["--primer", "a.wav"],
            "a.wav does not exist. Expected a primer: a file (.csv, ",
        ),
        (["--primer", "a.mid"], "a.mid does not exist. Expected a primer"),
        (["--primer", "tb_logs/"], "tb_logs is a folder. Expected a primer"),
        (["--primer", "H4"], ") or the word corpus"),
        (["--run", "tb_logs/b"], "Expected a run folder"),
        (["--top-p", "0"], "--top-p: expected a number above 0 and at most 1, got: 0"),
        (["--top-k", "-3"], "--top-k: expected a whole number in 0..1000000, got: -3"),
        (["--model", "folk"], "No trained run of folk"),
        (["--format", "mid,doc"], "Unknown format '.doc'. Choose from: .csv, .mid, "),
        (["--primer", "C5 H4"], "Unknown token 'H4'"),
        (["--bars", "2", "--length", "9"], "in steps or in bars, not both"),
        (["--metre", "3/4"], "have no metre token, so 3/4 cannot be chosen"),
    ],
)
def test_generating_says_what_is_wrong_and_writes_nothing(a_run, arguments, message, capsys):
    assert status_of(generate, arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not Path("generated").exists()


def test_a_folder_that_cannot_be_written_is_named(a_run, tiny_csvs, monkeypatch, capsys):
    Path("taken").write_text("a file")
    assert generate(["--length", "8", "--output", "taken/here"]) == 2
    assert "taken" in capsys.readouterr().err
    monkeypatch.setenv("BACH_TF_HOME", "taken")
    assert train(["--data-dir", str(tiny_csvs)]) == 2
    assert "taken" in capsys.readouterr().err


def test_generating_without_a_run_says_how_to_get_one(here, monkeypatch, capsys):
    assert generate(["--model", "gru"]) == 2  # the weights that come along are no such one
    assert "Train one with: bach-tf train --model gru" in capsys.readouterr().err
    monkeypatch.setattr(runs, "PRETRAINED", here / "nowhere")
    assert generate([]) == 2
    assert "Train one with: bach-tf train --model gru" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "gnu"], "Unknown model 'gnu'. Choose from: cello, chorale, folk, gru"),
        (
            ["--corpus", "jbs"],
            "Unknown corpus 'jbs'. Choose from: cello, chorales, folder, folk, jsb",
        ),
        (["--set", "model.unit=3"], "Unknown setting 'model.unit'"),
        (["--set", "window=0"], "`window` must be a whole number in 1..100000. Received: 0"),
        (["--set", "codec=braille"], "Unknown codec 'braille'. Choose from: chords"),
        (["--model", "cello", "--data-dir", "absent"], "absent does not exist. Expected "),
        (["--set", "optimizer=sgd"], "Unknown optimizer 'sgd'. Choose from: adam, nadam"),
        (["--set", "seed=-1"], "`seed` must be a whole number in 0..2147483647. Received: -1"),
        (["--run-name", "a/b"], "A run's name must be a folder name. Received: 'a/b'"),
        (["--run-name", ".."], "A run's name must be a folder name. Received: '..'"),
        (["--run-name", "a" * 300], "`run_name` must be text of 1..200 characters"),
        (["--set", "program=200"], "`program` must be a whole number in 0..127. Received: 200"),
        (["--set", "temperature=-1.0"], "`temperature` must be a number in 0..100"),
        (["--set", "tempo_qpm=0"], "`tempo_qpm` must be a number in 4..1000. Received: 0"),
        (["--data-dir", "absent"], "absent does not exist. Expected a folder of pieces of four"),
        (["--corpus", "folder"], "needs --data-dir"),
        (["--corpus", "chorales", "--data-dir", "."], "comes with music21"),
        (
            ["--corpus", "jsb", "--data-dir", "absent.tgz"],
            "absent.tgz does not exist. Expected jsb_chorales.tgz",
        ),
        (["--resume", "tb_logs/b"], "Expected a run folder"),
    ],
)
def test_training_says_what_is_wrong_and_writes_nothing(here, arguments, message, capsys):
    assert train(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert not Path("tb_logs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "a:1,b:2"], "`worker` must say which of `workers` this process is, 0 to 1"),
        (["--workers", "a:1,b:2", "--worker", "2"], "`worker` must be 0 to 1"),
        (["--workers", "a,b", "--worker", "0"], "Expected each worker as host:port"),
        (["--worker", "0"], "give all of them too"),
        (["--device", "gpu", "--workers", "a:1", "--worker", "0"], "`device` must be cpu, or gpu:"),
        ([], "The variable TF_CONFIG names the workers"),
    ],
)
def test_wrong_workers_are_named_before_anything_is_loaded(arguments, message, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", "{'cluster'")
    with pytest.raises(SystemExit) as stop:
        train(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_device_that_is_not_there_writes_nothing(here, tiny_csvs, capsys):
    assert train(["--data-dir", str(tiny_csvs), "--device", "gpu:93"]) == 2
    assert "There is no device gpu:93. This machine has: cpu" in capsys.readouterr().err
    assert not Path("tb_logs").exists()


def test_resuming_takes_no_other_settings(here, capsys):
    for arguments in (["--seed", "1"], ["--set", "window=3"], ["--run-name", "b"]):
        with pytest.raises(SystemExit) as stop:
            train(["--resume", "tb_logs/a", *arguments])
        assert stop.value.code == 2
    assert "--resume keeps the settings of its run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "corpus", "codec"),
    [
        ("gru", "folder", "satb"),
        ("chorale", "folder", "satb"),
        ("transformer", "folder", "satb"),
        ("folk", "folk", "melody"),
        ("cello", "cello", "pitches"),
        ("performance", "performance", "events"),
    ],
)
def test_the_kind_of_music_in_a_folder_follows_from_the_model(here, tmp_path, model, corpus, codec):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.MID").touch()
    (tmp_path / "mine" / "a.csv").touch()
    music = training.preset_of(
        training.make_parser("bach-tf train").parse_args(["--model", model, "--data-dir", "mine"])
    ).music
    assert (music.corpus, music.codec) == (corpus, codec)
    assert music.data_dir == str(Path("mine").absolute())  # a run is resumed from elsewhere, too


def test_ctrl_c_prints_the_command_that_resumes(here, tiny_csvs, capsys, monkeypatch):
    from bach_tf import learning

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(learning, "train", stop)
    arguments = ["--data-dir", str(tiny_csvs), "--run-name", "b", *SHRUNK]
    assert train(arguments) == INTERRUPTED
    assert "Continue with: bach-tf train --resume tb_logs/b" in capsys.readouterr().err


def test_an_interrupted_training_is_read_as_json_too(here, tiny_csvs, capfd, monkeypatch):
    from bach_tf.measuring import inspection

    class Interrupted(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(inspection, "callbacks", lambda run: [Interrupted()])
    arguments = ["--data-dir", str(tiny_csvs), "--run-name", "b", "--json", *SHRUNK]
    assert train(arguments) == INTERRUPTED
    record = json.loads(capfd.readouterr().out)
    assert (record["stopped"], record["epochs"]) == ("interrupted", 1)


def test_the_settings_of_the_command_line_reach_the_run(here, tiny_csvs, monkeypatch):
    from bach_tf import learning

    outcome = learning.Outcome(epochs=1, best_epoch=1, best_nll=1.0, seconds=1.0)
    monkeypatch.setattr(learning, "train", lambda *_, **__: outcome)
    arguments = ["--data-dir", str(tiny_csvs), "--run-name", "b", "--seed", "9", "--epochs", "4"]
    assert train([*arguments, *SHRUNK]) == 0
    preset = json.loads(Path("tb_logs/b/preset.json").read_text())
    music, training = preset["music"], preset["training"]
    assert (training["seed"], training["epochs"], music["corpus"]) == (9, 4, "folder")
    assert (preset["model"]["settings"]["units"], music["window"]) == (6, 8)
    assert music["data_dir"] == str(tiny_csvs)


def test_a_training_is_read_as_json(here, tiny_csvs, capfd):
    arguments = ["--data-dir", str(tiny_csvs), "--run-name", "b", "--num_train_epochs", "1"]
    assert train([*arguments, *SHRUNK, "--json"]) == 0
    captured = capfd.readouterr()
    record = json.loads(captured.out)
    assert captured.err == ""
    assert (record["run"], record["epochs"], record["best_epoch"]) == ("tb_logs/b", 1, 1)
    assert record["stopped"] == "finished"
    assert record["best_nll"] > 0
    assert 0 <= record["train_accuracy"] <= 1
    assert {"tb_logs/b/model.weights.h5", "tb_logs/b/history.csv"} <= set(record["files"])
    assert all(Path(file).is_file() for file in record["files"])


def test_the_summary_prints_the_layers_and_trains_nothing(here, tiny_csvs, a_run, capsys):
    assert train(["--data-dir", str(tiny_csvs), "--summary", *SHRUNK]) == 0
    layers = capsys.readouterr().out
    assert re.search(r"embedding +Embedding", layers)
    assert [path.name for path in Path("tb_logs").iterdir()] == ["a"]
    assert train(["--resume", "a", "--summary"]) == 0
    assert capsys.readouterr().out not in ("", layers)


def test_a_training_whose_reader_has_gone_finishes_its_epochs(here, tiny_csvs):
    """As `python train.py ... | head -1` does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = ["--data-dir", str(tiny_csvs), "--run-name", "b", "--epochs", "3", *SHRUNK]
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as training:
        assert training.stdout.readline().startswith(b"Training gru on ")
        training.stdout.close()
        errors = training.stderr.read()
    assert b"Traceback" not in errors
    assert len(Path("tb_logs/b/history.csv").read_text().splitlines()) == 4
    assert runs.load_trained_run(Path("tb_logs/b")).preset.training.epochs == 3
