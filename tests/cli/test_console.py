"""What the programs are asked, and what they say: without a model."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bach_tf import __version__
from bach_tf._basics.messages import shortened
from bach_tf.cli import generate, pieces, train, training
from bach_tf.cli.generate import melody_primer
from bach_tf.cli.main import COMMANDS, main, run_command
from bach_tf.cli.parser import Parser, real, respell, whole
from bach_tf.cli.talk import Talk, plain, run_program
from bach_tf.codecs import EventCodec, MelodyCodec, SatbCodec, parse_tokens
from bach_tf.formats.rendition import Rendition
from bach_tf.score import Score

ROOT = Path(__file__).parents[2]
CADENCE = [[72, 65, 57, 53]] * 4 + [[71, 67, 62, 43]] * 2 + [[72, 67, 64, 48]] * 2
NO_FLAGS = Namespace(quiet=False, json=False, verbose=False)


def parser_of(command):
    """Return what reads the command line of a command."""
    return import_module(f"bach_tf.cli.{command}").make_parser(f"bach-tf {command}")


def generate_arguments(typed):
    return generate.make_parser("python generate.py").parse_args(typed)


def train_arguments(typed):
    return train.make_parser("python train.py").parse_args(typed)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def on_a_terminal(monkeypatch):
    """Make both streams of the program a terminal of 80 columns in colour, and return it."""
    screen = Terminal()
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


def text_of(picture, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width).print(picture)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def piece_of(grid, *, codec=None, path="generated/a.mid", ended=True):
    codec = codec or SatbCodec(36, 81)
    return pieces.piece_record(
        Score.from_grid(grid), [Path(path)], codec, Rendition(tempo_qpm=60.0), ended
    )


# The options.


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns_and_has_examples(command):
    lines = parser_of(command).format_help().splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith(f"  bach-tf {command} ") for line in lines) >= 2


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_are_commands(command):
    parser, example = parser_of(command), f"  bach-tf {command} "
    for line in parser.format_help().splitlines():
        if line.startswith(example):
            parser.parse_args(line.removeprefix(example).split())


@pytest.mark.parametrize("command", ["train", "generate"])
def test_other_spellings_are_those_of_one_of_our_options(command):
    parser = parser_of(command)
    for theirs, ours in parser.spellings.items():
        option = ours if isinstance(ours, str) else ours("1")[0]
        assert option in parser._option_string_actions
        assert theirs not in parser._option_string_actions


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (["--num_outputs", "3"], "num_outputs", 3),
        (["--num_outputs=3"], "num_outputs", 3),
        (["--num-return-sequences", "3"], "num_outputs", 3),
        (["--num_steps", "64"], "length", 64),
        (["--max_length=64"], "length", 64),
        (["--primer_midi", "a_b.mid"], "primer", "a_b.mid"),
        (["--primer_melody", "[60, -2, 62, -1]"], "primer", "60 _ 62 r"),
        (["--primer_pitches=[72,67,64,48]"], "primer", "72 67 64 48"),
        (["--prompt", "C4 _ _"], "primer", "C4 _ _"),
        (["--top_p", "0.9"], "top_p", 0.9),
        (["--k", "40"], "top_k", 40),
        (["--qpm", "72"], "tempo", 72.0),
        (["--output_dir", "new_pieces"], "output", Path("new_pieces")),
        (["--run_dir", "tb_logs/a_b"], "run", "tb_logs/a_b"),
        (["--model_name_or_path", "pretrained"], "run", "pretrained"),
        (["--temper", "0"], "temperature", 0.0),
    ],
)
def test_generate_is_asked_in_the_words_of_magenta_and_hugging_face(typed, name, value):
    assert getattr(generate_arguments(typed), name) == value


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (["--num_train_epochs", "3"], "epochs", 3),
        (["--run_name", "a_b"], "run_name", "a_b"),
        (["--learning_rate", "1e-3"], "set", ["learning_rate=1e-3"]),
        (["--weight_decay=0.1", "--batch_size=8"], "set", ["weight_decay=0.1", "batch_size=8"]),
        (["--resume_from_checkpoint", "tb_logs/a"], "resume", "tb_logs/a"),
    ],
)  # fmt: skip
def test_train_is_asked_in_the_words_of_hugging_face(typed, name, value):
    assert getattr(train_arguments(typed), name) == value


def test_values_are_left_as_they_are():
    assert respell(["--set", "a_b=c_d", "e_f", "-x_y"], {}) == ["--set", "a_b=c_d", "e_f", "-x_y"]


def test_a_melody_in_magentas_events_is_the_same_melody_here():
    codec = MelodyCodec(lowest=55, highest=79)
    _, tokens = melody_primer("[60, -2, -2, 62, -1, -2]")
    score = codec.decode(parse_tokens(codec, tokens)[1:])
    assert (score.onset.tolist(), score.pitch.tolist()) == ([0, 3], [60, 62])
    assert (score.duration.tolist(), score.length) == ([3, 1], 6)


@pytest.mark.parametrize(
    ("ask", "typed", "message"),
    [
        (generate_arguments, ["--temprature", "1"], "Did you mean --temperature?"),
        (generate_arguments, ["--num_output_s=2"], "Did you mean --num-outputs?"),
        (generate_arguments, ["--primer_mid", "a"], "Did you mean --primer?"),
        (generate_arguments, ["-seed", "1"], "Unknown option -seed. Did you mean --seed?"),
        (generate_arguments, ["--xylophone"], "Unknown option --xylophone.\n"),
        (generate_arguments, ["folk"], "Expected options such as --seed 1, got: folk"),
        (
            generate_arguments,
            ["--seed", "x"],
            "--seed: expected a whole number in 0",
        ),
        (
            generate_arguments,
            ["--primer_melody"],
            "argument --primer-melody: expected a value",
        ),
        (train_arguments, ["--lr"], "Unknown option --lr."),
        (train_arguments, ["--batch_size"], "argument --batch-size: expected a value"),
        (
            train_arguments,
            ["--batch_size", "--seed", "1"],
            "--batch-size: expected a value",
        ),
        (train_arguments, ["--learning-rate="], "--learning-rate: expected a value"),
        (train_arguments, ["--epochs"], "argument --epochs: expected one argument"),
        (train_arguments, ["--epochs", "0"], "a whole number in 1..100000, got: 0"),
        (train_arguments, ["--epochs", "2147483648"], "a whole number in 1..100000, got"),
        (train_arguments, ["--seed", "-1"], "a whole number in 0..2147483647, got: -1"),
        (train_arguments, ["--seed=--"], "argument --seed: expected a value, got: --"),
        (generate_arguments, ["--run", "a", "--model", "folk"], "not allowed with"),
        (generate_arguments, ["--json", "--quiet"], "not allowed with"),
        (train_arguments, ["--epoch_s", "1"], "Did you mean --epochs?"),
        (train_arguments, ["--resume", "a", "--lr", "1"], "Unknown option --lr."),
        (train_arguments, ["--resume", "a", "--model", "gru"], "only with --epochs"),
    ],
)
def test_slips_are_answered_with_the_nearest_option(ask, typed, message, capsys):
    with pytest.raises(SystemExit) as stop:
        ask(typed)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.endswith(".py --help\n")
    assert (captured.out, len(captured.err.splitlines())) == ("", 2)


def answer_to(capsys, option, kind, typed):
    """Return what is said of an option's value."""
    parser = Parser(prog="p", spellings={})
    parser.add_argument(option, type=kind)
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(typed)
    assert stop.value.code == 2
    return capsys.readouterr().err.splitlines()[0]


@pytest.mark.parametrize("value", ["x", "1.5", "1e3", "nan", "-1", "65", "9" * 5000, "C4 " * 9])
def test_a_whole_number_has_bounds_that_its_message_says(value, capsys):
    said = answer_to(capsys, "--n", whole(0, 64), [f"--n={value}"])
    assert said.startswith("p: argument --n: expected a whole number in 0..64, got: ")
    assert len(said) < 200
    assert [whole(0, 64)(text) for text in ("0", "64")] == [0, 64]


@pytest.mark.parametrize("value", ["x", "nan", "inf", "-inf", "-0.1", "1e999", "1.0000001"])
def test_a_number_has_bounds_and_is_never_nan(value, capsys):
    said = answer_to(capsys, "--n", real(0, 1), [f"--n={value}"])
    assert said == f"p: argument --n: expected a number in 0..1, got: {value}"
    assert [real(0, 1)(text) for text in ("0", "1")] == [0.0, 1.0]


def test_a_bound_may_be_left_out(capsys):
    said = answer_to(capsys, "--n", real(0, 1, above=True), ["--n=0"])
    assert said == "p: argument --n: expected a number above 0 and at most 1, got: 0"


@pytest.mark.parametrize("option", ["--seed", "--primer", "--format", "--temper"])
def test_two_dashes_are_no_value_of_an_option(option, capsys):
    with pytest.raises(SystemExit) as stop:
        generate_arguments([f"{option}=--"])
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()[0]
    assert said.startswith(f"generate.py: argument {option}")
    assert said.endswith(": expected a value, got: --")


@pytest.mark.parametrize(
    "typed", [["C4 " * 200_000], ["--" + "x" * 600_000], ["--seed", "1" * 600_000]]
)
def test_what_was_typed_never_fills_the_screen(typed, capsys):
    with pytest.raises(SystemExit):
        generate_arguments(typed)
    assert len(capsys.readouterr().err) < 3_000


def test_what_a_message_repeats_is_one_short_line():
    assert shortened("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert shortened("Töne") == "Töne"
    assert shortened("x" * 600_000) == "x" * 80 + " ... (600,000 characters)"


def test_a_message_repeats_the_end_of_a_long_path_which_names_the_file():
    path = Path("pieces", "of", "composer", "x" * 100, "hymn\x1b[31m.mid")
    said = shortened(path)
    assert said.startswith("...xxx")
    assert said.endswith("x/hymn\\x1b[31m.mid")
    assert len(said) < 90
    assert shortened(Path("pieces/hymn.mid")) == str(Path("pieces/hymn.mid"))


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize(
    ("ask", "option"),
    [
        *((train_arguments, option) for option in ("--resume", "--data-dir", "--run-name")),
        *((train_arguments, option) for option in ("--model", "--corpus", "--set")),
        *((train_arguments, option) for option in ("--epochs", "--num_train_epochs")),
        *((generate_arguments, option) for option in ("--run", "--model", "--primer")),
        *((generate_arguments, option) for option in ("--output", "--format", "--program")),
        *((generate_arguments, option) for option in ("--primer_melody", "--output_dir")),
    ],
)
def test_an_empty_value_is_no_value(ask, option, value, capsys):
    for typed in ([option, value], [f"{option}={value}"]):
        with pytest.raises(SystemExit) as stop:
            ask(typed)
        assert stop.value.code == 2
        assert "expected a value, got: nothing" in capsys.readouterr().err


def test_mistakes_are_said_before_tensorflow_is_loaded(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from bach_tf.cli.main import main
for program, arguments in [
    ("generate", ["--help"]), ("generate", ["--temprature", "1"]),
    ("generate", ["--run", "absent"]),
    ("generate", ["--format", "doc"]), ("generate", ["--program", "kazoo"]),
    ("generate", ["--model", "cello"]), ("generate", ["--model", "flute"]),
    ("generate", ["--run", "pretrained", "--primer", "absent.mid"]),
    ("generate", ["--run", "pretrained", "--primer", "H4"]),
    ("generate", ["--run", "pretrained", "--output", {str(ROOT / "setup.cfg")!r}]),
    ("generate", ["--run", "pretrained", "--primer", "C5 G4 E4 C3", "--length", "1"]),
    ("generate", ["--run", "pretrained", "--format", "wav", "--bars", "5000"]),
    ("generate", ["--run", "pretrained", "--temperature", "0", "--num-outputs", "2"]),
    ("train", ["--help"]), ("train", ["--model", "flute"]), ("train", ["--set", "a=1"]),
    ("train", ["--corpus", "jbs"]), ("train", ["--set", "codec=braille"]),
    ("train", ["--resume", "absent"]),
]:
    try:
        status = main([program, *arguments])
    except SystemExit as stop:
        status = stop.code
    assert status == 2 * (arguments != ["--help"]), (arguments, status)
print(sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
    assert len(done.stderr.splitlines()) == 18  # one line each, and where the options are


# The commands.


def answer_of(arguments, capsys):
    """Return the status of `bach-tf`, and what it has printed."""
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def test_the_help_names_every_command(capsys):
    status, out, _ = answer_of(["--help"], capsys)
    assert status == 0
    for name, about in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(about)}$", out, re.MULTILINE)


def test_the_version_is_that_of_the_package(capsys):
    assert answer_of(["--version"], capsys) == (0, f"bach_tf {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a command"),
        (["--seed", "1"], "Unknown option --seed."),
        (["generat"], "Unknown command 'generat'. Choose from: evaluate, "),
        (["rendr", "a.mid"], "Did you mean 'render'?"),
        (["x" * 600_000], "(600,000 characters)"),
    ],
)
def test_a_slip_in_the_command_is_answered_with_the_nearest(arguments, message, capsys):
    status, out, error = answer_of(arguments, capsys)
    assert (status, out) == (2, "")
    assert error.startswith("bach-tf: ")
    assert message in error
    assert error.endswith("\nAll options: bach-tf --help\n")
    assert len(error) < 500


def test_a_script_goes_by_its_own_name(capsys):
    with pytest.raises(SystemExit):
        run_command("generate", ["--seed", "x"], "python generate.py")
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith("generate.py: argument --seed: ")
    assert hint == "All options: python generate.py --help"
    assert Talk("python train.py").sibling("generate") == "python generate.py"


@pytest.mark.parametrize(
    "program", [["-m", "bach_tf", "--help"], ["-m", "bach_tf", "train", "--help"],
                [str(ROOT / "generate.py"), "--help"]],
)  # fmt: skip
def test_help_loads_nothing_heavy(program, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *program],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    heavy = {"tensorflow", "keras", "pooch", "requests", "pandas", "matplotlib", "music21"}
    assert not loaded & heavy
    assert ("numpy" in loaded) == (program[-2:] != ["bach_tf", "--help"])


def test_json_is_made_of_what_programs_can_read():
    value = {3: (float("nan"), Path("a.mid")), "n": np.array([1.5, np.inf]), "i": np.int64(2)}
    assert plain(value) == {"3": [None, "a.mid"], "n": [1.5, None], "i": 2}


# The pieces.


def test_a_piece_is_described_by_its_key_and_its_voices():
    record = piece_of(CADENCE)
    assert record == {
        "files": ["generated/a.mid"],
        "bars": 0.5,
        "seconds": 2.0,
        "notes": 11,
        "key": "C major",
        "ended": True,
        "voices": [
            {"name": "soprano", "lowest": "B4", "highest": "C5", "notes": 3, "moves": 1.5},
            {"name": "alto", "lowest": "F4", "highest": "G4", "notes": 2, "moves": 1.0},
            {"name": "tenor", "lowest": "A3", "highest": "E4", "notes": 3, "moves": 1.5},
            {"name": "bass", "lowest": "G2", "highest": "F3", "notes": 3, "moves": 1.5},
        ],
    }
    assert json.loads(json.dumps(record)) == record


def test_ranges_are_spelled_in_the_key():
    assert pieces.voice_record(Score.from_grid([[58], [63]]), 0, -3)["lowest"] == "Bb3"
    assert pieces.voice_record(Score.from_grid([[58], [63]]), 0, 5)["lowest"] == "A#3"
    assert pieces.spelled(67, 6) == "G4"  # not the double sharp that F sharp major has there
    assert pieces.key_name(Score.from_grid([[p] for p in (70, 74, 77, 75, 72, 69, 70)])) == (
        "Bb major"
    )


def test_a_chord_in_one_voice_is_one_move():
    score = Score(
        onset=[0, 0, 4], duration=[4, 4, 4], pitch=[60, 64, 62], voice=[0] * 3,
        velocity=[80] * 3, length=8,
    )  # fmt: skip
    assert pieces.voice_record(score, 0)["moves"] == 1.0
    assert pieces.voice_record(score, 0)["notes"] == 3


def test_a_piece_without_notes_has_no_key_and_no_range():
    record = piece_of([[0, 0, 0, 0]] * 4)
    assert (record["key"], record["voices"][3]["lowest"]) == (None, None)
    assert "-" in text_of(pieces.pieces_table({"pieces": [record]}))
    nothing = np.zeros((0, 4), int)
    assert piece_of(nothing)["voices"][0]["moves"] == 0.0


def test_events_are_not_counted_in_bars():
    record = piece_of([[60]] * 8, codec=EventCodec(steps_per_quarter=4))
    assert record["bars"] is None
    assert [voice["name"] for voice in record["voices"]] == ["notes"]
    about = {"seed": 1, "run": "a", "pieces": [record]}
    assert pieces.closing_line(about) == "generated/a.mid: 1 notes, 2 s, seed 1, from a"
    assert text_of(pieces.pieces_table(about)).splitlines()[1].split()[:3] == ["a", "2", "own"]


def test_the_table_of_chorales_fits_80_columns():
    names = [f"generated/2026-11-21_{n}.mid" for n in (9, 10)]
    low, high = [49, 49, 49, 37], [80, 73, 66, 61]  # black keys: the longest names
    made = [piece_of([low, high] * 256, path=name, ended=False) for name in names]
    lines = text_of(pieces.pieces_table({"pieces": made})).splitlines()
    assert len(lines) == 4
    assert lines[1] == (
        "2026-11-21_9  32.0 cut Db major Db3-Ab5 4.0 Db3-Db5 4.0 Db3-Gb4 4.0 Db2-Db4 4.0"
    )


def test_64_pieces_are_64_rows():
    record = {"pieces": [piece_of(CADENCE, path=f"{n}.mid") for n in range(64)]}
    assert len(text_of(pieces.pieces_table(record)).splitlines()) == 66


def test_the_last_line_names_the_first_and_the_last_file():
    record = {"seed": 7, "run": "tb_logs/a", "pieces": [piece_of(CADENCE, path="out/1.mid")]}
    assert pieces.closing_line(record) == (
        "out/1.mid: 0.5 bars, 11 notes, 2 s, seed 7, from tb_logs/a"
    )
    record["pieces"].append(piece_of(CADENCE, path="out/2.mid"))
    assert pieces.closing_line(record) == (
        "out/1.mid to out/2.mid: 2 pieces, seed 7, from tb_logs/a"
    )


def test_pieces_of_another_program_are_not_counted_as_ours():
    made = [piece_of(CADENCE, path=f"out/2026-11-21_{number}.mid") for number in (3, 4, 9)]
    assert pieces.closing_line({"seed": 7, "run": "a", "pieces": made}) == (
        "out/2026-11-21_3.mid to out/2026-11-21_9.mid: 3 pieces (with 4 others in between), "
        "seed 7, from a"
    )


# The training.


def test_a_training_is_described_by_its_best_epoch(tmp_path):
    (tmp_path / "history.csv").write_text(
        "epoch,accuracy,nll,val_accuracy,val_nll\n0,0.5,2.0,0.4,2.5\n1,0.75,1.0,0.7,1.25\n"
        "2,0.8,0.9,0.69,1.5\n"
    )
    outcome = Namespace(epochs=3, best_epoch=2, best_nll=1.25, seconds=61.0, stopped="finished")
    record = training.training_record(tmp_path, "gru", Path("corpus"), outcome)
    assert record == {
        "run": str(tmp_path), "recipe": "gru", "corpus": "corpus",
        "epochs": 3, "best_epoch": 2, "train_nll": 1.0, "train_accuracy": 0.75,
        "best_nll": 1.25, "best_accuracy": 0.7, "seconds": 61.0, "stopped": "finished",
        "files": [str(tmp_path / "history.csv")],
    }  # fmt: skip
    assert text_of(training.training_table(record)) == (
        "\n"
        "best epoch: 2 of 3  training  validation\n"
        "nats per token        1.0000      1.2500\n"
        "accuracy              75.0 %      70.0 %"
    )
    assert training.closing_lines({**record, "run": "tb_logs/a"}) == (
        "Trained 3 epochs in 61 s. Best validation: 1.2500 nats per token after epoch 2.\n"
        "Run folder: tb_logs/a. Next: bach-tf generate --run tb_logs/a"
    )


@pytest.mark.parametrize(
    ("stopped", "words"),
    [
        ("patience", "Trained 9 epochs in 61 s, until validation no longer improved. Best"),
        ("NaN in epoch 9", "until the loss became NaN in epoch 9 (retrain with a lower learning"),
        ("interrupted", "Trained 9 epochs in 61 s, until it was interrupted. Best"),
    ],
)
def test_the_closing_lines_say_why_a_training_has_stopped(stopped, words):
    record = {"epochs": 9, "best_epoch": 2, "best_nll": 1.0, "seconds": 61.0, "run": "a"}
    assert words in training.closing_lines({**record, "stopped": stopped})


def test_what_a_history_does_not_hold_is_left_open(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,nll,val_nll\n0,,1.5\n")
    outcome = Namespace(epochs=1, best_epoch=1, best_nll=1.5, seconds=1.0, stopped="patience")
    record = training.training_record(tmp_path, "gru", Path("corpus"), outcome)
    assert (record["train_nll"], record["best_accuracy"], record["best_nll"]) == (None, None, 1.5)
    assert text_of(training.training_table(record)).splitlines()[-1].split() == [
        "accuracy",
        "-",
        "-",
    ]
    (tmp_path / "history.csv").unlink()
    assert training.training_record(tmp_path, "gru", Path("corpus"), outcome)["train_nll"] is None


# Where it is said.


def report(args, talk):
    """Work as a program does: a status, a library's stray print, and the end."""
    with talk.status("Thinking") as status:
        status("Still thinking")
    print("stray")
    talk.say("aside")
    talk.show(training.training_table(
        {"epochs": 1, "best_epoch": 1, "train_nll": 1.0, "best_nll": 1.0,
         "train_accuracy": 1.0, "best_accuracy": 1.0}
    ))  # fmt: skip
    talk.finish({"files": ["a", "b"]}, ["a", "b"], "The end")


def test_a_pipe_gets_plain_text(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    assert run_program("p", report, NO_FLAGS) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    lines = captured.out.splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("stray", "aside", "The end")
    assert [line for line in lines if line != line.rstrip()] == []


def test_json_is_one_object_alone(capsys):
    assert run_program("p", report, Namespace(**{**vars(NO_FLAGS), "json": True})) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"files": ["a", "b"]}
    assert captured.err == "stray\n"


def test_quiet_is_the_files_alone(capsys):
    assert run_program("p", report, Namespace(**{**vars(NO_FLAGS), "quiet": True})) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("a\nb\n", "stray\n")


def test_a_terminal_gets_colours_and_a_line_that_moves(monkeypatch):
    terminal = on_a_terminal(monkeypatch)
    assert run_program("p", report, NO_FLAGS) == 0
    text = terminal.getvalue()
    assert "\x1b[32m" in text  # green, of the line that moves
    assert "\x1b[1mtraining" in text
    assert "Still thinking ..." in text
    assert text.endswith("The end\n")


def test_no_color_takes_the_colours_away(monkeypatch):
    terminal = on_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    assert run_program("p", report, NO_FLAGS) == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.getvalue())
    assert "Still thinking ..." in terminal.getvalue()


@pytest.mark.parametrize("how", [{"verbose": True}, {}])
def test_no_line_moves_between_those_that_others_print(how, monkeypatch):
    terminal = on_a_terminal(monkeypatch)
    talk = Talk(**how)
    with talk.status("Preparing", moves="verbose" in how) as status:
        status("Going on")
    assert terminal.getvalue() == "Preparing\nGoing on\n"


def test_quiet_is_quiet_on_a_terminal_too(monkeypatch):
    terminal = on_a_terminal(monkeypatch)
    with Talk(quiet=True).status("Thinking"):
        pass
    assert terminal.getvalue() == ""


def test_keras_shows_a_bar_on_a_terminal_only(monkeypatch):
    on_a_terminal(monkeypatch)
    assert Talk().keras_verbose == 1
    assert Talk(as_json=True).keras_verbose == 1  # on standard error
    assert Talk(quiet=True).keras_verbose == 0
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Talk().keras_verbose == 2
    assert Talk(as_json=True).keras_verbose == 0


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("no such thing"), 2, "p: no such thing\n"),
        (FileNotFoundError(2, "No such file", "x.mid"), 2, "p: [Errno 2] No such file: 'x.mid'\n"),
        (KeyboardInterrupt(), 130, "\nStopped.\n"),
        (KeyboardInterrupt("Go on with: this"), 130, "\nStopped. Go on with: this\n"),
    ],
)
def test_the_exit_status_says_what_has_stopped_a_program(error, status, message, capsys):
    def fail(args, talk):
        raise error

    assert run_program("p", fail, NO_FLAGS) == status
    assert capsys.readouterr() == ("", message)


def test_ctrl_c_does_not_wait_for_a_call_that_python_cannot_leave(monkeypatch, capsys):
    ended, exits = threading.Event(), []
    monkeypatch.setattr(os, "_exit", exits.append)

    def deep():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        ended.wait(60)

    began = time.monotonic()
    assert run_program("p", lambda _, talk: talk.interruptible(deep), NO_FLAGS) == 130
    assert time.monotonic() - began < 30
    ended.set()
    assert exits == [130]
    assert capsys.readouterr() == ("", "\nStopped.\n")


def test_what_can_be_interrupted_returns_and_raises_as_it_does():
    talk = Talk()
    assert talk.interruptible(lambda: 7) == 7
    with pytest.raises(ValueError, match="no number"):
        talk.interruptible(lambda: int("no number"))
    assert not talk.left_behind


def test_a_full_disk_is_one_line_where_tensorflow_finds_it(capsys):
    kind = type("ResourceExhaustedError", (Exception,), {"__module__": "tensorflow.python.errors"})

    def fail(args, talk):
        raise kind(args.words)

    full = Namespace(words="tb_logs/a/events.v2; No space left on device")
    assert run_program("p", fail, full) == 2
    assert capsys.readouterr().err == "p: tb_logs/a/events.v2; No space left on device\n"
    with pytest.raises(kind):
        run_program("p", fail, Namespace(words="OOM when allocating"))


def test_a_long_message_stays_on_the_screen(capsys):
    def fail(args, talk):
        raise ValueError("a line of \x1b[2J" + "x" * 600_000)

    assert run_program("p", fail, NO_FLAGS) == 2
    error = capsys.readouterr().err
    assert error.startswith("p: a line of \\x1b[2Jxxx")
    assert len(error) < 2100


def test_a_mistake_of_ours_keeps_its_traceback():
    def fail(args, talk):
        raise TypeError("ours")

    with pytest.raises(TypeError, match="ours"):
        run_program("p", fail, NO_FLAGS)
