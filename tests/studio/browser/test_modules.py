"""The modules of the page alone, in a browser, beside what the library says of the same."""

import functools
import http.server
import re
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bach_tf
from bach_tf.studio.tasks.engraving import seconds_of
from bach_tf.studio.tasks.pieces import from_json
from bach_tf.theory.bars import place_of

STATIC = Path(bach_tf.__file__).parent / "studio" / "static"
QUIETLY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def run(chromium):
    """Return a function that runs JavaScript, in which `it` is a module."""
    handler = functools.partial(Quiet, directory=STATIC)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/icon.svg")

        def evaluate(module, code, argument=None):
            return page.evaluate(
                f"async argument => {{ const it = await import('/js/{module}.js'); {code} }}",
                argument,
            )

        yield evaluate
        page.close()
        server.shutdown()


def piece(**about):
    usual = {
        "title": "", "timing": "beats", "steps_per_quarter": 4, "length": 64, "tempi": [[0, 80]],
        "metres": [[0, 4, 4]], "upbeat": 0, "key_signature": 0, "key_changes": [],
        "fermatas": [], "parts": [], "pedals": [], "notes": [],
    }  # fmt: skip
    return usual | about


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"upbeat": 4, "metres": [[0, 3, 4]], "length": 52},
        {"upbeat": 2, "metres": [[0, 6, 8]]},
        {"metres": [[0, 3, 4], [12, 4, 4], [28, 6, 8]]},
        {"upbeat": 4, "metres": [[0, 4, 4], [20, 3, 4]]},
        {"steps_per_quarter": 12, "metres": [[0, 3, 4]], "length": 108},
        {"metres": []},
    ],
    ids=str,
)
def test_bars_and_beats_are_those_of_the_library(run, about):
    music = piece(**about)
    said = run(
        "piece",
        "return Array.from({length: argument.length}, (_, i) => it.placeName(argument, i))",
        music,
    )
    score = from_json(music)
    numbers = [re.sub(r"bar 0", "upbeat", place_of(score, step)) for step in range(score.length)]
    rounded = [re.sub(r"\d+\.\d+", lambda each: f"{float(each[0]):.3g}", each) for each in said]
    assert rounded == numbers


@pytest.mark.parametrize(
    "about",
    [{}, {"tempi": [[0, 60], [8, 120], [40, 30]]}, {"tempi": []}, {"timing": "seconds"}],
    ids=str,
)
def test_the_clock_is_that_of_the_sound(run, about):
    music = piece(**about)
    score = from_json(music)
    tempi = list(score.tempi) or [(0, 90.0)]
    steps, seconds = zip(*seconds_of(score, tempi))
    code = "return argument[1].map(step => it.secondsAt(argument[0], step))"
    assert run("clock", code, [music, steps]) == pytest.approx(seconds)
    back = "return argument[1].map(time => it.stepAt(argument[0], time))"
    assert run("clock", back, [music, seconds]) == pytest.approx(steps)


def test_every_pitch_has_a_place_on_the_staff_in_every_key(run):
    code = """const wrong = [];
      for (let sharps = -7; sharps <= 7; sharps += 1) for (let pitch = 0; pitch < 128; pitch += 1) {
        const { place, sign } = it.spelled(pitch, sharps);
        if (it.pitchOfPlace(place, 0) + sign !== pitch) wrong.push([pitch, sharps]); }
      return wrong;"""
    assert run("notes", code) == []


@pytest.mark.parametrize(
    ("pitch", "sharps", "name"),
    [(66, 1, "F♯4"), (66, -5, "G♭4"), (60, 0, "C4"), (70, 0, "B♭4"), (59, 7, "B3"), (61, 2, "C♯4"),
     (71, -3, "B4"), (68, 0, "G♯4"), (71, -7, "C♭5"), (60, 7, "B♯3"), (67, 7, "F♯♯4")],
)  # fmt: skip
def test_pitches_are_named_in_their_key(run, pitch, sharps, name):
    assert run("notes", "return it.nameOf(...argument)", [pitch, sharps]) == name


@pytest.mark.parametrize(
    ("letter", "near", "sharps", "pitch"),
    [("g", 60, 0, 55), ("f", 67, 1, 66), ("b", 60, -1, 58), ("c", 71, 0, 72), ("e", 64, 0, 64)],
)
def test_letters_mean_the_nearest_pitch(run, letter, near, sharps, pitch):
    assert run("notes", "return it.nearestPitch(...argument)", [letter, near, sharps]) == pitch


EDITS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(1, 16), st.integers(0, 127)),
    min_size=1,
    max_size=12,
)


@QUIETLY
@given(edits=EDITS)
def test_whatever_is_entered_is_a_piece_of_single_lines(run, edits):
    code = """let piece = argument[0];
      for (const [voice, onset, duration, pitch] of argument[1])
        piece = it.withNote(piece, voice, onset, duration, pitch);
      return piece;"""
    found = run("piece", code, [piece(), edits])
    score = from_json(found)
    for voice in range(4):
        own = score.voice == voice
        assert (score.onset[own][1:] >= (score.onset + score.duration)[own][:-1]).all()
    voice, onset, duration, pitch = edits[-1]
    assert [onset, duration, pitch, voice, 80] in found["notes"]
    assert score.length % 16 == 0


@QUIETLY
@given(edits=EDITS, bars=st.integers(1, 9), upbeat=st.integers(0, 15))
def test_other_metres_and_lengths_make_pieces_too(run, edits, bars, upbeat):
    code = """let piece = argument[0];
      for (const [voice, onset, duration, pitch] of argument[1])
        piece = it.withNote(piece, voice, onset, duration, pitch);
      piece = it.withUpbeat(it.withMetre(piece, [3, 4]), argument[3]);
      return it.withBars(piece, argument[2]);"""
    found = run("piece", code, [piece(), edits, bars, min(upbeat, 11)])
    score = from_json(found)
    assert score.length == score.upbeat + 12 * bars


def test_locked_bars_are_told_as_the_library_takes_them(run):
    four = [{"name": name, "program": 19} for name in ("Soprano", "Alto", "Tenor", "Bass")]
    locks = {"voices": [3], "cells": [[1, 1], [1, 2], [1, 4]]}
    code = "return it.keptOf(argument[1], argument[0], [0])"
    assert run("locks", code, [piece(parts=four), locks]) == ["soprano", "alto:1-2+4", "bass"]
    two = [{"name": "Violin", "program": 40}, {"name": "Cello", "program": 42}]
    assert run("locks", code, [piece(parts=two), {"voices": [1], "cells": []}]) == [
        "soprano",
        "bass",
    ]


def test_a_change_of_a_locked_bar_is_found(run):
    before = piece(notes=[[0, 20, 60, 0, 80], [20, 4, 62, 0, 80]])
    after = piece(notes=[[0, 18, 60, 0, 80], [20, 4, 62, 0, 80]])
    code = "return it.lockedChange(argument[2], argument[0], argument[1]) ?? null"
    in_second = {"voices": [], "cells": [[0, 2]]}
    assert run("locks", code, [before, after, in_second]) == {"voice": 0, "bar": 2}
    in_first = {"voices": [], "cells": [[0, 1]]}
    assert run("locks", code, [before, after, in_first]) is None


def test_links_give_back_what_they_hold(run):
    held = {"piece": piece(title="Größe ♯", notes=[[0, 4, 60, 0, 80]] * 300), "locks": {}}
    fragment = run("link", "return it.fragmentOf(argument)", held)
    assert re.fullmatch(r"#piece=[\w-]+", fragment)
    assert len(fragment) < 600
    assert run("link", "return it.heldBy(argument)", fragment) == held
    assert run("link", "return it.heldBy('#score')") is None


def test_browsers_without_compression_make_longer_links(run):
    held = {"piece": piece(), "locks": {}}
    code = "delete window.CompressionStream; return it.heldBy(await it.fragmentOf(argument))"
    assert run("link", code, held) == held
