"""The front door: what a notebook does with `import bach_tf as bt`."""

import base64
import io
import json
import math
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import keras
import mido
import numpy as np
import pytest
import soundfile

import bach_tf as bt
from bach_tf._api import Run
from bach_tf.codecs import MelodyCodec
from bach_tf.composing import generation
from bach_tf.corpora import read_split
from bach_tf.export import FORMATS, saved_model
from bach_tf.formats import WRITERS
from bach_tf.formats.rendition import Rendition
from bach_tf.formats.sound import writing
from bach_tf.learning import runs
from bach_tf.measuring import evaluation
from bach_tf.measuring.versions import cost_of_faults
from bach_tf.recipes import PRESETS
from bach_tf.recipes.changes import shrunk
from bach_tf.score import SECONDS, Score

ROOT = Path(__file__).parent.parent
CHORD = [[72, 67, 64, 48]] * 4


@pytest.fixture(scope="module")
def run(trained_run):
    return bt.load(trained_run.folder)


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    """A run of tunes that say their metre, not trained."""
    codec = MelodyCodec(60, 72, metres=[(4, 4), (3, 4)], upbeats=[0, 4])
    folder = tmp_path_factory.mktemp("runs")
    return Run.of(runs.create_run(shrunk(PRESETS["folk"]), codec, "tunes", runs=folder))


@pytest.fixture(scope="module")
def piece(run):
    return run.generate(length=16, seed=3)


def at_a_terminal(code):
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_front_door_loads_nothing_heavy():
    code = (
        "import sys, time; began = time.process_time(); import bach_tf; "
        "spent = time.process_time() - began; "
        "print(spent, *{'numpy', 'keras', 'tensorflow', 'mido', 'music21'} & set(sys.modules))"
    )
    seconds, *heavy = at_a_terminal(code).split()
    assert heavy == []
    assert float(seconds) < 0.2


def test_finding_a_run_or_a_piece_takes_no_tensorflow():
    code = (
        "import sys, bach_tf as bt; names = [bt.train, bt.load, bt.read, bt.Run, bt.Piece]; "
        "print(*{'keras', 'tensorflow'} & set(sys.modules))"
    )
    assert at_a_terminal(code) == ""


def test_its_names_are_listed_and_others_are_none():
    assert {"load", "read", "train", "Piece", "Run"} <= set(dir(bt))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        bt.trian  # noqa: B018


def test_a_piece_is_what_the_rooms_write_for_the_same_seed(run, piece):
    (expected,) = generation.generate(
        run,
        length=16,
        temperature=1.0,
        seed=3,
        min_length=run.preset.music.min_length,
        rules=run.preset.music.rules,
    )
    assert piece.score == expected
    assert piece.tempo_qpm == 90
    assert tuple(part.name for part in piece.score.parts) == run.codec.part_names


def test_one_piece_or_a_list_of_them(run):
    pieces = run.generate(length=8, seed=1, num_outputs=3)
    assert [type(each) for each in pieces] == [bt.Piece] * 3
    (only,) = run.generate(length=8, seed=1, num_outputs=1)
    assert only.score == run.generate(length=8, seed=1).score == pieces[0].score


def test_the_best_of_several_candidates_is_kept(run):
    wanted = {"length": 24, "seed": 4, "min_bars": 1, "rules": "none"}
    (best, second) = run.generate(**wanted, num_outputs=2, candidates=3)
    every = run.generate(**wanted, num_outputs=6)

    def cost(piece):
        likely = run.log_likelihood(piece.score)
        return (cost_of_faults(piece.score.to_grid(4)) - likely.total) / len(likely)

    assert best.score == min(every[:3], key=cost).score
    assert second.score == min(every[3:], key=cost).score
    with pytest.raises(ValueError, match="the 2 pieces would be identical"):
        run.generate(length=8, temperature=0, candidates=2)


def test_a_piece_without_a_seed_is_another_one_each_time(run):
    pieces = [run.generate(length=16, temperature=3.0) for _ in range(3)]
    assert any(one.score != other.score for one, other in pairwise(pieces))


def test_a_run_is_compiled_once_for_ten_different_pieces(trained_run, monkeypatch):
    run = bt.load(trained_run.folder)
    kind, traces = type(run.model), []
    step = kind.step
    monkeypatch.setattr(kind, "step", lambda self, *how: traces.append(how) or step(self, *how))
    for seed in range(10):
        primer = [None, "C5 G4 64 48", "C5", Score.from_grid(CHORD)][seed % 4]
        run.generate(
            length=16 + seed, seed=seed, temperature=seed / 5, primer=primer, min_bars=seed % 2
        )
    assert len(traces) == 1


def test_the_progress_of_pieces_and_candidates_ends_at_1(run):
    heard = []
    pieces = run.generate(num_outputs=3, candidates=2, length=16, seed=1, progress=heard.append)
    assert heard[-1] == 1
    assert heard == sorted(heard)
    plain = run.generate(num_outputs=3, candidates=2, length=16, seed=1)
    assert [piece.score for piece in pieces] == [piece.score for piece in plain]


def test_what_progress_raises_stops_a_piece(run):
    with pytest.raises(ZeroDivisionError):
        run.generate(length=16, seed=1, progress=lambda done: 1 // 0)
    with pytest.raises(ValueError, match=r"^`progress` must be a function.*Received: 3$"):
        run.generate(length=16, progress=3)


def test_a_metre_is_chosen_where_pieces_say_theirs(run, tunes):
    with pytest.raises(ValueError, match="have no metre token, so 3/4 cannot be chosen"):
        run.generate(metre="3/4")
    with pytest.raises(ValueError, match=r"Unknown metre '5/4'\. Choose from: 3/4, 4/4"):
        tunes.generate(metre="5/4")
    waltzes = tunes.generate(num_outputs=5, metre="3/4", length=24, seed=1)
    assert {piece.score.time_signature for piece in waltzes} == {(3, 4)}
    waltz = Score.from_grid([[60]] * 4 + [[64]] * 8, metres=[(0, 3, 4)], upbeat=4)
    for metre, signature in ((None, (3, 4)), ("4/4", (4, 4))):
        score = tunes.generate(primer=waltz, metre=metre, length=24, seed=1).score
        assert (score.time_signature, score.upbeat) == (signature, 4)
        assert score.opening(12).pitch.tolist() == [60, 64]


def test_lengths_are_in_bars_or_steps(run):
    long = run.generate(bars=2, min_bars=2, seed=1, temperature=2.0)
    assert 28 <= long.score.length <= 32  # less the silence at the beginning
    with pytest.raises(ValueError, match=r"at least .* \(1 bars\)"):
        run.generate(bars=1, min_bars=2)
    with pytest.raises(ValueError, match="in steps or in bars, not both"):
        run.generate(bars=1, length=2)


def test_pieces_that_would_be_the_same_are_refused(run):
    with pytest.raises(ValueError, match="the 2 pieces would be identical"):
        run.generate(num_outputs=2, temperature=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("bars", value) for value in (1.5, "a", 0, -1, True)),
        *(("length", value) for value in (0, "a", 10**9)),
        *(("seed", value) for value in ("abc", -1, 2**31)),
        *(("num_outputs", value) for value in (0, "x")),
        *(("temperature", value) for value in ("hot", math.nan, -1)),
        *(("tempo", value) for value in ("fast", 0)),
        ("min_bars", -1),
        ("top_k", "all"),
        ("top_p", 0),
        ("primer_length", 0),
        ("primer", 60),
        ("metre", 3),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_its_own_name(run, name, value):
    with pytest.raises(ValueError, match=f"^`{name}` must be .*Received: '?{value}"):
        run.generate(**{name: value})


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("path", lambda run: bt.read(3)),
        ("run", lambda run: bt.load(3)),
        ("data_dir", lambda run: run.evaluate(data_dir=3)),
        ("data_dir", lambda run: bt.train(data_dir=3)),
        ("resume", lambda run: bt.train(resume=3)),
        ("set", lambda run: bt.train(set=3)),
        ("verbose", lambda run: bt.train(verbose=3)),
        ("formats", lambda run: run.export(3)),
        ("folder", lambda run: run.export(folder=3)),
        ("piece", lambda run: run.log_likelihood(3)),
        ("path", lambda run: bt.Piece(Score.from_grid(CHORD)).save(3)),
        ("score", lambda run: bt.Piece(3)),
        ("rendition", lambda run: bt.Piece(Score.from_grid(CHORD), 3)),
    ],
)
def test_an_argument_of_another_type_is_refused_by_its_own_name(run, name, call):
    with pytest.raises(ValueError, match=rf"^`{name}` must be .*Received: 3$"):
        call(run)


def test_a_primer_is_a_tune_of_a_book_with_its_repeats(tunes, tmp_path):
    book = tmp_path / "book.abc"
    book.write_text("X:1\nL:1/4\nM:4/4\nK:C\nC D E F|\n\nX:2\nL:1/4\nM:4/4\nK:C\n|:C D E C:|\n")
    made = tunes.generate(primer=str(book), tune=2, unfold=True, length=40, seed=1)
    assert made.rendition.primer_steps == 32
    assert made.score.opening(32).pitch.tolist()[:8] == [60, 62, 64, 60] * 2
    with pytest.raises(ValueError, match="`tune` must be a whole number in 0"):
        tunes.generate(primer=str(book), tune=-1)
    with pytest.raises(ValueError, match=r"book\.abc has no tune 3"):
        tunes.generate(primer=str(book), tune=3)


@pytest.mark.parametrize("how", ["tempo_qpm", "program", "primer_steps", "reference_hz"])
def test_how_a_piece_is_saved_is_of_numbers(piece, tmp_path, how):
    with pytest.raises(ValueError, match=rf"`{how}` must be .*Received: '?x"):
        piece.save(tmp_path / "z.mid", **{how: "x"})


def test_a_mistyped_field_of_a_rendition_is_answered_with_the_nearest(piece, tmp_path):
    with pytest.raises(ValueError, match=r"Unknown setting 'tunning'.*Did you mean 'tuning'"):
        piece.save(tmp_path / "z.mid", tunning="x")


@pytest.mark.parametrize("kind", ["piece", "score", "path", "text"])
def test_a_primer_is_a_piece_a_score_or_a_file(run, tmp_path, kind):
    given = bt.Piece(Score.from_grid(CHORD))
    path = given.save(tmp_path / "chord.mid")
    primer = {"piece": given, "score": given.score, "path": path, "text": str(path)}[kind]
    made = run.generate(length=16, seed=1, primer=primer)
    np.testing.assert_array_equal(made.score.to_grid(4)[:4], CHORD)
    assert made.rendition.primer_steps == 4
    short = run.generate(length=16, seed=1, primer=primer, primer_length=2)
    assert short.rendition.primer_steps == 2


def test_a_piece_goes_on_as_it_is_to_be_played(run):
    primer = bt.Piece(Score.from_grid(CHORD), Rendition(tempo_qpm=50, program=42))
    made = run.generate(length=16, seed=1, primer=primer, metre="3/4")
    assert (made.tempo_qpm, made.score.metres) == (50, ((0, 3, 4),))
    assert {part.program for part in made.rendition.parts_of(made.score)} == {42}


def test_the_tempo_and_the_instrument_are_those_that_are_asked_for(run, tmp_path):
    made = run.generate(length=8, seed=1, tempo=60, program="cello")
    path = made.save(tmp_path / "cello.mid")
    read = bt.read(str(path))
    assert read.tempo_qpm == 60
    assert {part.program for part in read.score.parts} == {42}
    with pytest.raises(ValueError, match="tempo"):
        run.generate(length=8, tempo=0)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_piece_is_saved_by_the_ending_of_a_text_or_a_path(piece, tmp_path, ending):
    path = tmp_path / f"new/piece{ending}"
    assert piece.save(str(path)) == path
    assert path.stat().st_size > 100


@pytest.mark.parametrize("ending", [ending.upper() for ending in WRITERS])
def test_an_ending_in_capital_letters_is_that_in_small_ones(piece, tmp_path, ending):
    path = piece.save(tmp_path / f"Q{ending}")
    assert [file.name for file in tmp_path.iterdir()] == [f"Q{ending}"]
    small = piece.save(tmp_path / f"Q{ending.lower()}")
    # What is compressed may differ, as may a picture with a name in it.
    assert path.stat().st_size == pytest.approx(small.stat().st_size, rel=0.05)


def test_what_can_be_read_as_midi_can_be_saved(piece, tmp_path):
    saved = piece.save(tmp_path / "piece.midi")
    assert bt.read(saved).score.to_grid(4).tolist() == piece.score.to_grid(4).tolist()


def test_a_piece_that_is_read_is_the_one_that_was_saved(piece, tmp_path):
    read = bt.read(piece.save(tmp_path / "piece.mid"))
    assert read.score.to_grid(4).tolist() == piece.score.to_grid(4).tolist()
    assert read.tempo_qpm == piece.tempo_qpm
    with pytest.raises(ValueError, match=r"Unknown format '\.mp3'"):
        piece.save(tmp_path / "piece.mp3")
    with pytest.raises(ValueError, match="Unknown grid 'coarse'"):
        bt.read(tmp_path / "piece.mid", grid="coarse")


def test_the_likelihood_of_a_piece_is_that_of_evaluation_and_of_the_export(run, tiny_folder):
    measured = run.evaluate("test", corpus="folder", data_dir=tiny_folder)
    likely = [run.log_likelihood(score) for score in read_split(tiny_folder, "test")]
    tokens = sum(map(len, likely))
    assert tokens == measured["tokens"]
    assert -sum(each.total for each in likely) / tokens == pytest.approx(measured["nll"], abs=1e-4)

    score = read_split(tiny_folder, "test")[0]
    logits_of = saved_model.logits_function(run.model, saved_model.IDS)
    exported = saved_model.score_function(logits_of, run.codec.counted)
    nats = exported(run.codec.encode(score)[None])["log_likelihood"].numpy()
    assert likely[0].total == pytest.approx(nats.sum(), abs=1e-4)
    np.testing.assert_allclose(likely[0].nats, nats[0, : len(likely[0])], atol=1e-5)


def test_the_likelihood_names_its_tokens(run):
    likely = run.log_likelihood(bt.Piece(Score.from_grid(CHORD)))
    assert likely.tokens == ("C5", "G4", "E4", "C3") * 4
    assert likely.nats.shape == (16,)
    assert (likely.nats < 0).all()
    assert repr(likely).startswith("LogLikelihood(16 tokens, -")


def test_the_likelihood_of_a_file_is_that_of_its_piece(run, tmp_path):
    piece = bt.Piece(Score.from_grid(CHORD))
    path = piece.save(tmp_path / "y.mid")
    expected = run.log_likelihood(piece).total
    for given in (path, str(path), piece.score):
        assert run.log_likelihood(given).total == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="No file"):
        run.log_likelihood(tmp_path / "absent.mid")


def test_evaluation_takes_a_run_where_its_corpus_was(run, tiny_folder):
    measured = run.evaluate("valid", corpus="folder", data_dir=str(tiny_folder))
    expected = evaluation.evaluate_run(run, tiny_folder, "valid")
    assert (measured["nll"], measured["tokens"]) == (expected["nll"], expected["tokens"])
    with pytest.raises(ValueError, match="Unknown split 'tset'"):
        run.evaluate("tset")
    with pytest.raises(ValueError, match="Unknown corpus 'bahc'"):
        run.evaluate(corpus="bahc")


def test_a_run_is_exported_into_the_folder_that_is_named(run, tmp_path):
    folder = run.export(["keras"], str(tmp_path / "mine"))
    assert folder == tmp_path / "mine"
    assert (folder / "README.txt").is_file()
    with pytest.raises(ValueError, match="Unknown format 'tflite'"):
        run.export("tflite", tmp_path / "other")


def test_training_returns_a_run_and_leaves_the_callers_generators_alone(
    tiny_csvs, tmp_path, monkeypatch, home, capsys
):
    monkeypatch.chdir(tmp_path)
    small = {"model.units": 4, "model.layers": 1, "window": 8, "stride": 8}
    how = {"data_dir": tiny_csvs, "epochs": 1, "set": small}
    run = bt.train("gru", **how, run_name="mine")
    assert "nll" in capsys.readouterr().out  # Keras' bar
    assert run.folder == Path("tb_logs/mine")
    piece = run.generate(length=8, seed=1)
    assert bt.load("mine").generate(length=8, seed=1).score == piece.score
    exported = run.export(list(FORMATS), "exported/mine")  # while it still has its optimizer
    keras.models.load_model(exported / "model.keras")
    longer = bt.train(resume=run, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""
    assert len((longer.folder / runs.HISTORY).read_text().splitlines()) == 3

    # Not before: some libraries draw numbers while they are imported.
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the caller's
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    again = bt.train("gru", **how, verbose=0)
    assert again.generate(length=8, seed=1).score == piece.score
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"model": "gur"}, "Unknown model 'gur'.*Did you mean 'gru'"),
        ({"corpus": "jbs"}, "Unknown corpus 'jbs'"),
        ({"set": {"model.unit": 4}}, "model.unit"),
        ({"epochs": 0}, "`epochs`"),
        ({"run_name": "a/b"}, "must be a folder name"),
        ({"resume": "x", "seed": 1}, "only with `epochs`"),
        ({"resume": "pretrained"}, "cannot be trained further"),
        ({"workers": ["a:1", "b:2"]}, "`worker` must say which of `workers` this process is"),
        ({"workers": "a:1,b:2", "worker": 2}, "`worker` must be 0 to 1"),
        ({"device": "tpu:0"}, "`device` must be cpu, or gpu: and its number"),
        ({"device": "gpu:93"}, "There is no device gpu:93. This machine has: cpu"),
    ],
)
def test_training_refuses(how, message):
    with pytest.raises(ValueError, match=message):
        bt.train(**how)


def test_a_piece_shows_its_score_and_a_player(piece):
    shown = ElementTree.fromstring(piece._repr_html_().replace("controls ", 'controls="" '))
    assert any(each.tag.endswith("svg") for each in shown.iter())
    player = shown.find("audio")
    kind, sound = player.get("src").split(",", 1)
    assert kind == "data:audio/ogg;base64"
    seconds = soundfile.info(io.BytesIO(base64.b64decode(sound))).duration
    assert seconds == pytest.approx(piece.score.length / 4 * 60 / 90 + 1, abs=0.5)


def test_what_a_long_piece_shows_is_bounded(run):
    long = bt.Piece(Score.from_grid(np.tile([[67], [65], [64], [62]], (400, 1))))
    shown = long._repr_html_()
    assert "The first 32 bars of the piece." in shown
    assert "The first 60 seconds of the piece." in shown
    assert len(shown) < 3_000_000


def test_a_piece_in_seconds_is_told_and_cut_in_seconds():
    # A note every half second for 90 of them, in hundredths of a quarter, which are 8 ms.
    onset = np.arange(0, 11200, 62)
    about = {"pitch": 60 + onset % 12, "voice": 0 * onset, "velocity": 0 * onset + 80}
    columns = {"onset": onset, "duration": 0 * onset + 50, **about}
    score = Score(**columns, length=11250, steps_per_quarter=100, timing=SECONDS)
    long = bt.Piece(score)
    assert repr(long) == f"Piece(90 seconds, {len(onset)} notes, 1 voice)"
    shown = long._repr_html_()
    assert "bars of the piece" not in shown
    assert "The first 60 seconds of the piece." in shown
    player = re.search(r"data:audio/ogg;base64,([^\"]*)", shown)[1]
    seconds = soundfile.info(io.BytesIO(base64.b64decode(player))).duration
    assert seconds == pytest.approx(61, abs=0.5)


def test_without_the_extra_there_is_a_sentence_instead_of_a_player(piece, monkeypatch):
    monkeypatch.setattr(writing, "find_spec", lambda name: None)
    shown = piece._repr_html_()
    assert "<svg" in shown
    assert "<audio" not in shown
    assert "pip install" in shown


def test_what_runs_and_pieces_are_in_one_line(run, piece):
    assert re.fullmatch(r"Run\('.*': gru on chorales, [\d,]+ weights\)", repr(run))
    assert re.fullmatch(r"Piece\([\d.]+ bars?, \d+ notes, 4 voices, 90 bpm\)", repr(piece))


def test_the_weights_that_are_shipped_compose(tmp_path):
    run = bt.load("pretrained")
    piece = run.generate(bars=2, min_bars=2, seed=7)
    assert piece.score.voices == 4
    path = piece.save(tmp_path / "chorale.mid")
    assert mido.MidiFile(path).length == pytest.approx(8 * 60 / 90, abs=1)
    likely = run.log_likelihood(piece)
    # What it has written itself it finds likely: about as likely as the chorales.
    assert -likely.total / len(likely) < 1


def test_the_notebook_runs_as_it_stands(tmp_path, monkeypatch, home, tiny_csvs):
    """Its code cells run in one namespace; the corpus is a tiny one here."""
    cells = json.loads((ROOT / "examples/quickstart.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell.get("outputs") for cell in cells)
    monkeypatch.chdir(tmp_path)
    train = bt.train

    def quick(model, **how):
        return train(model, **how, data_dir=tiny_csvs, set={"model.units": 4, "model.layers": 1})

    monkeypatch.setattr(bt, "train", quick, raising=False)
    namespace = {}
    for cell in code:
        exec(compile(cell, "quickstart.ipynb", "exec"), namespace)
    assert list(tmp_path.glob("*.mid"))
