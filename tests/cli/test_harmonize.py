"""Harmonizing as a user types it, and from Python."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import command

import bach_tf as bt
from bach_tf import formats
from bach_tf.cli import talk
from bach_tf.composing import harmonizing
from bach_tf.composing.requests import Asked, outline_of
from bach_tf.formats.rendition import Rendition
from bach_tf.measuring import versions
from bach_tf.score import COLUMNS, Part, Score

harmonize, generate = command("harmonize"), command("generate")
PHRASE = (67, 67, 69, 71, 72, 71, 69, 67)
TINY = ["--run", "tb_logs/a", "--particles", "2", "--seed", "1"]


def tune(**about):
    """Eight quarters, of which the second is the first one struck again."""
    zeros = np.zeros(8, int)
    about = {"metres": ((0, 4, 4),), "key_signature": 1, "tempi": ((0, 72.0),), **about}
    return Score(
        onset=np.arange(8) * 4,
        duration=zeros + 4,
        pitch=np.array(PHRASE),
        voice=zeros,
        velocity=zeros + 80,
        length=32,
        **about,
    )


def chorale():
    rows = [(67, 62, 59, 55), (69, 62, 57, 54), (71, 62, 55, 55), (72, 64, 55, 48)] * 2
    score = Score.from_grid(np.repeat(rows, 4, axis=0), metres=[(0, 4, 4)], key_signature=1)
    return replace(score, parts=tuple(map(Part, ("Soprano", "Alto", "Tenor", "Bass"))))


def notes_of(score, voice):
    rows = zip(*(getattr(score, name).tolist() for name in COLUMNS))
    return [row[:3] for row in rows if row[3] == voice]


@pytest.fixture(scope="module")
def run(trained_run):
    return bt.load(trained_run.folder)


@pytest.fixture
def here(tmp_path, monkeypatch, home, trained_run):
    """A working folder with one trained run, a tune and a chorale."""
    (tmp_path / "here" / "tb_logs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    Path("tb_logs/a").symlink_to(trained_run.folder)
    formats.write(tune(), Path("tune.musicxml"))
    formats.write(chorale(), Path("chorale.mid"))
    return Path()


@pytest.fixture
def at_once(run, monkeypatch):
    """Versions of the tune come without a new compilation."""
    outline = outline_of(run.codec, run.preset.music, tune(), Asked())
    sampler = run._particle_sampler(())
    how = {"temperature": 1.0, "seed": 1, "particles": 2, "sampler": sampler}
    found = list(harmonizing.harmonize(run, outline, num_outputs=3, **how))
    monkeypatch.setattr(
        harmonizing, "harmonize", lambda *_, num_outputs, **how: iter(found[:num_outputs])
    )


def status_of(arguments, program=harmonize):
    try:
        return program(arguments)
    except SystemExit as stop:
        return stop.code


def test_a_melody_becomes_four_voices_in_every_format(here, capsys):
    options = [*TINY, "--num-outputs", "2", "--format", "musicxml,mid,csv,svg,pdf,png"]
    assert harmonize(["tune.musicxml", *options, "--output", "new"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("version ")
    assert re.search(
        r"_1\*? +\d+\.\d{3} +\d+\.\d +\d+\+\d+ +\d+ +\d+ +(tonic|away) +\(G4-C5\)", out
    )
    assert "Recommended: " in out
    files = sorted(Path("new").iterdir())
    assert len(files) == 12
    for path in files:
        if path.suffix in (".musicxml", ".mid"):
            score = bt.read(path).score
            assert notes_of(score, 0) == notes_of(tune(), 0)
            assert score.voices == 4
            assert (score.metres, score.key_signature) == (((0, 4, 4),), 1)
            assert score.tempi == ((0, 72.0),)
    xml = next(path for path in files if path.suffix == ".musicxml").read_text()
    assert xml.count('color="#0072B2"') == 8 + 1  # the notes, and what says so
    assert "blue: given" in xml


def test_json_says_what_the_table_says(here, at_once, capsys):
    options = [*TINY, "--num-outputs", "3", "--json", "--output", "hymn.mid"]
    assert harmonize(["tune.musicxml", *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["run"], record["seed"], record["shift"]) == ("tb_logs/a", 1, 0)
    assert [piece["files"] for piece in record["pieces"]] == [[f"hymn_{n}.mid"] for n in (1, 2, 3)]
    costs = [piece["cost"] for piece in record["pieces"]]
    assert record["recommended"] == 1 + int(np.argmin(costs))
    assert record["why"]
    first = record["pieces"][0]
    assert set(first["faults"]) == set(versions.COSTS)
    assert first["nats"] == pytest.approx(first["nats_per_token"] * 128)
    assert [voice["given"] for voice in first["voices"]] == [True, False, False, False]
    assert {"grade", "interventions", "given_nats"} <= set(first)


def test_people_find_it_where_they_look(here, at_once, capsys):
    options = [*TINY, "--quiet", "--output"]
    assert generate(["--harmonize", "tune.musicxml", *options, "one.mid"]) == 0
    assert harmonize(["tune.musicxml", *options, "two.mid"]) == 0
    assert capsys.readouterr().out == "one.mid\ntwo.mid\n"
    assert Path("one.mid").read_bytes() == Path("two.mid").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mid"], "No file none.mid"),
        (["tune.musicxml", "--range", "alto=120-127"], "C9..G9 .alto."),
        (["tune.musicxml", "--temperature", "0", "--num-outputs", "2"], "would be identical"),
        (["chorale.mid", "--keep", "soprano", "--voice", "bass"], "Leave out one of the two"),
        (["tune.musicxml", "--voice", "sopran"], "Unknown voice 'sopran'.* 'soprano'"),
        (["chorale.mid", "--keep", "soprano,base"], "Unknown voice 'base'"),
        (["chorale.mid", "--keep", "soprano,bass:1-9"], "chorale.mid: .*bars 1..2"),
        (["chorale.mid", "--rewrite", "2-9"], "chorale.mid: .*bars 1..2"),
        (["tune.musicxml", "--rewrite", "x"], "Expected bars such as"),
        (["tune.musicxml", "--key", "h"], "Expected a key such as"),
        (["tune.musicxml", "--range", "alto"], "Expected ranges such as soprano=60-79"),
        (["tune.musicxml", "--range", "alto=70-60"], "a range from low to high"),
        (["tune.musicxml", "--range", "viola=48-70"], "Unknown voice 'viola'"),
        (["tune.musicxml", "--rules", "paralels"], "Unknown rule 'paralels'"),
        (["tune.musicxml", "--particles", "0"], "a whole number in 1..1024"),
        (["tune.musicxml", "--candidates", "99"], "a whole number in 1..64"),
        (["tune.musicxml", "--output", "tune.musicxml"], "is the piece that is given"),
        (["tune.musicxml", "--primer", "none.mid"], "No file none.mid"),
        (["tune.musicxml", "--colour", "red"], "Unknown option --colour"),
        (["tune.txt"], "kind of piece"),
        ([], "FILE"),
    ],
)
def test_mistakes_are_answered_in_a_line(here, capsys, arguments, message):
    assert status_of([*arguments, "--run", "tb_logs/a"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bach-tf harmonize: ")
    assert re.search(message, error)
    assert "Traceback" not in error


def test_notes_shorter_than_a_sixteenth_are_refused_with_their_place(here, capsys):
    fast = replace(tune(), steps_per_quarter=12, metres=((0, 4, 4),))
    formats.write(fast, Path("fast.musicxml"))
    assert status_of(["fast.musicxml", "--run", "tb_logs/a"]) == 2
    error = capsys.readouterr().err
    assert re.search(r"fast.musicxml: bar 1, beat 1.33: .*\(--quantize\)", error)


@pytest.mark.parametrize("option", ["--bars", "--min_bars", "--length"])
def test_a_harmonised_piece_is_as_long_as_its_melody(here, capsys, option):
    assert status_of(["--harmonize", "tune.musicxml", option, "8"], generate) == 2
    assert "got: 8. A harmonised piece is as long as its melody" in capsys.readouterr().err


def test_ctrl_c_says_what_is_written(here, at_once, capsys, monkeypatch):
    begun = []

    def stopped(self, work):
        begun.append(work)
        if len(begun) > 1:
            raise KeyboardInterrupt
        return work()

    monkeypatch.setattr(talk.Talk, "interruptible", stopped)
    options = [*TINY, "--num-outputs", "2", "--output", "hymn.mid"]
    assert status_of(["tune.musicxml", *options]) == 130
    assert "1 of 2 pieces were written: hymn_1.mid" in capsys.readouterr().err


def test_the_api_returns_what_the_command_line_writes(run, here):
    assert harmonize(["tune.musicxml", *TINY, "--output", "hymn.musicxml"]) == 0
    version = run.harmonize("tune.musicxml", particles=2, seed=1)
    version.save("same.musicxml")
    assert Path("hymn.musicxml").read_bytes() == Path("same.musicxml").read_bytes()
    assert version.rendition.given == ((0, 32, 0),)


def test_the_progress_of_versions_ends_at_1_and_stops_them(run):
    heard = []
    wanted = {"particles": 2, "seed": 1, "num_outputs": 3}
    versions = run.harmonize(tune(), **wanted, progress=heard.append)
    assert heard[-1] == 1
    assert heard == sorted(heard)
    with pytest.raises(ZeroDivisionError):
        run.harmonize(tune(), **wanted, progress=lambda done: 1 // 0)
    again = run.harmonize(tune(), **wanted)
    assert [each.score for each in again] == [each.score for each in versions]


def test_one_version_or_a_list_of_them(run):
    listed = run.harmonize(tune(), particles=2, seed=1, num_outputs=3)
    assert [type(each) for each in listed] == [bt.Version] * 3
    assert [each.facts["recommended"] for each in listed].count(True) == 1
    (only,) = run.harmonize(tune(), particles=2, seed=1, num_outputs=1)
    assert only.score == listed[0].score == run.harmonize(tune(), particles=2, seed=1).score


def test_candidates_are_chosen_by_likelihood_and_faults(run):
    # With the rule of cadences endings count as well, which the facts do not contain.
    wanted = {"particles": 1, "seed": 3, "rules": "parallels"}
    several = run.harmonize(tune(), **wanted, num_outputs=4)
    best = run.harmonize(tune(), **wanted, candidates=4)
    costs = [each.facts["cost"] for each in several]
    assert best.facts["cost"] == pytest.approx(min(costs), rel=1e-4)
    assert best.score == several[int(np.argmin(costs))].score


def test_kept_voices_and_rewritten_bars_from_python(run):
    kept = run.harmonize(chorale(), keep="soprano,bass", particles=2, seed=1).score
    for voice in (0, 3):
        assert notes_of(kept, voice) == notes_of(chorale(), voice)
    rewritten = run.harmonize(bt.Piece(chorale()), rewrite="2", particles=2, seed=1)
    before = rewritten.score.to_grid(4)[:16]
    np.testing.assert_array_equal(before, chorale().to_grid(4)[:16])
    assert rewritten.rendition.given == tuple((0, 16, voice) for voice in range(4))


def test_a_bass_a_range_and_a_key(run):
    bass = replace(tune(), pitch=np.array(PHRASE) - 19)
    version = run.harmonize(
        bass, voice="bass", range={"soprano": (66, 74)}, key="a minor", particles=2, seed=1
    )
    score = version.score
    assert notes_of(score, 3) == [row[:3] for row in notes_of(bass, 0)]
    sung = score.pitch[score.voice == 0]
    assert sung.size == 0 or (66 <= sung.min() <= sung.max() <= 74)
    assert score.key_signature == 0


def test_the_tempo_and_the_instrument_of_the_tune_hold(run):
    played = replace(tune(), parts=(Part("Flute", program=73),))
    version = run.harmonize(played, particles=2, seed=1)
    assert version.tempo_qpm == 72
    assert [part.program for part in version.rendition.parts_of(version.score)] == [73] * 4
    other = run.harmonize(played, particles=2, seed=1, tempo=50, program="church organ")
    assert (other.tempo_qpm, other.rendition.program) == (50, 19)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"particles": 0}, "`particles` must be a whole number in 1..1024"),
        ({"candidates": 0}, "`candidates` must be a whole number in 1..64"),
        ({"keep": 3}, "`keep` must be text or a list of text"),
        ({"range": {"alto": (70, 60)}}, "a range from low to high"),
        ({"range": {"alto": 60}}, "Expected ranges such as"),
        ({"range": {"alto": (120, 127)}}, r"run, .* in this piece\. Received: C9\.\.G9 .alto."),
        (
            {"temperature": 0, "num_outputs": 2},
            r"pieces would be identical.* temperature above 0\.$",
        ),
        ({"temperature": 0, "candidates": 2}, "the 2 pieces would be identical"),
        ({"temperature": -1}, "`temperature` must be a number"),
    ],
)
def test_mistakes_from_python_are_named(run, how, message):
    with pytest.raises(ValueError, match=message):
        run.harmonize(tune(), **how)


def test_the_file_with_a_mistake_is_named(run, here):
    with pytest.raises(ValueError, match=r"chorale\.mid: The piece has bars 1\.\.2"):
        run.harmonize("chorale.mid", rewrite="9")


def test_what_is_no_piece_is_named(run):
    with pytest.raises(ValueError, match=r"`piece` must be a path.* or a piece or a score"):
        run.harmonize(3)


def test_given_notes_are_marked_in_pictures(tmp_path):
    score = chorale()
    for ending in (".png", ".svg", ".pdf"):
        formats.write(score, tmp_path / f"plain{ending}")
        marked = Rendition(given=((0, 32, 0),))
        formats.write(score, tmp_path / f"given{ending}", marked)
        plain, given = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("plain", "given"))
        assert plain != given
    assert (tmp_path / "given.svg").read_text().count('color="#0072B2"') == 8
    with pytest.raises(ValueError, match="`given` must have 0 <= start < end"):
        Rendition(given=((4, 4, 0),))
