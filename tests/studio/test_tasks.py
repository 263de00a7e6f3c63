"""What the studio does, without the web and without a model."""

import io
import json
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bach_tf.formats import read as read_file
from bach_tf.score import Part, Score
from bach_tf.studio import tasks
from bach_tf.studio.tasks.files import MEDIA_TYPES
from bach_tf.studio.tasks.pieces import from_json, to_json

CHORD = [[67, 62, 59, 43]]
TUNE = b"X:1\nT:Tune\nM:3/4\nL:1/4\nQ:1/4=90\nK:G\nD|G2 B|d2 B|G3|]\n"


def piece(score: Score) -> dict:
    """Return a score as a client would send it."""
    return json.loads(json.dumps(to_json(score)))


@st.composite
def scores(draw):
    """Return scores with all that they can say."""
    length = draw(st.integers(4, 64))
    notes = draw(
        st.lists(
            st.tuples(
                st.integers(0, length - 2), st.integers(1, 2), st.integers(0, 127),
                st.integers(0, 3), st.integers(1, 127),
            ),
            max_size=12,
        )
    )  # fmt: skip
    columns = np.array(notes, np.int64).reshape(-1, 5).T
    steps = st.integers(0, length - 1)
    return Score(
        **dict(zip(("onset", "duration", "pitch", "voice", "velocity"), columns)),
        length=length,
        steps_per_quarter=draw(st.sampled_from([2, 4, 12])),
        timing=draw(st.sampled_from(["beats", "seconds"])),
        title=draw(st.text(max_size=8)),
        tempi=[(0, draw(st.floats(20, 300)))],
        metres=draw(st.sampled_from([[], [(0, 3, 4)], [(0, 4, 4), (2, 6, 8)]])),
        key_signature=draw(st.none() | st.integers(-7, 7)),
        upbeat=draw(st.integers(0, 4)),
        fermatas=sorted(draw(st.sets(steps, max_size=3))),
        parts=[Part(draw(st.text(max_size=5)), draw(st.none() | st.integers(0, 127)))],
        pedals=[(0, 2, 0)],
    )


@settings(max_examples=50)
@given(scores())
def test_a_piece_as_json_is_the_same_piece(score):
    assert from_json(piece(score)) == score


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (None, "`piece` must be an object"),
        ([], "`piece` must be an object"),
        ({"nots": []}, "unknown fields: nots"),
        ({"notes": "C"}, "`notes` must be a list"),
        ({"notes": [[0, 1]]}, "row 0 must have 4 or 5 whole numbers"),
        ({"notes": [[0, 1, 60.5, 0]]}, "row 0 must have 4 or 5 whole numbers"),
        ({"notes": [[0, 1, True, 0]]}, "row 0 must have 4 or 5 whole numbers"),
        ({"notes": [[0, 1, 10**12, 0]]}, "row 0 must have 4 or 5 whole numbers"),
        ({"notes": [[0, 1, 200, 0]]}, "`pitch` must be in 0..127"),
        ({"notes": [[0, 9, 60, 0]], "length": 4}, "must be in 1..4"),
        ({"length": 10**9}, "at most 1,000,000 steps"),
        ({"length": "long"}, "`length` must be a whole number"),
        ({"length": 4, "title": 3}, "`title` must be text"),
        ({"length": 4, "timing": "bars"}, "`timing` must be one of"),
        ({"length": 4, "timing": []}, "`timing` must be text"),
        ({"length": 4, "tempi": [[0, "fast"]]}, "tempi"),
        ({"length": 4, "tempi": {"0": 90}}, "`tempi` must be a list"),
        ({"length": 4, "metres": [[0, 4]]}, "metres"),
        ({"length": 4, "fermatas": ["now"]}, "`fermatas` must be whole numbers"),
        ({"length": 4, "parts": [{"name": 1}]}, "`name` must be text"),
        ({"length": 4, "parts": [{"colour": "red"}]}, "unknown fields: colour"),
        ({"length": 4, "parts": [{"program": 500}]}, "`program` must be in 0..127"),
        ({"length": 4, "parts": ["Flute"]}, "`parts` must be an object"),
        ({"notes": [[0, 1, 60, 0]] * 50_001}, "at most 50,000"),
    ],
    ids=range(24),
)
def test_a_piece_that_is_none_is_refused_in_a_sentence(sent, said):
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        from_json(sent)


def test_an_upload_is_read_with_what_its_file_says():
    found = tasks.read("tune.abc", TUNE)
    assert found["tunes"] == 1
    assert found["warnings"] == []
    assert found["piece"]["title"] == "Tune"
    assert found["piece"]["metres"] == [[0, 3, 4]]
    assert [note[2] for note in found["piece"]["notes"]] == [62, 67, 71, 74, 71, 67]


def test_the_second_tune_of_a_book_is_read():
    book = TUNE + b"\nX:2\nT:Other\nM:4/4\nL:1/4\nK:C\nCDEF|]\n"
    assert tasks.read("book.abc", book)["tunes"] == 2
    assert tasks.read("book.abc", book, 2)["piece"]["title"] == "Other"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("tune.doc", b"", "Unknown kind of piece '.doc'"),
        ("../../etc/passwd", b"", "Unknown kind of piece"),
        ("broken.mid", b"MThd", "broken.mid"),
        ("../up.mid", b"no midi", "^up.mid"),
        ("broken.musicxml", b"<score-partwise>", "broken.musicxml"),
    ],
)
def test_a_broken_upload_is_named_without_a_folder(name, data, said):
    with pytest.raises(ValueError, match=said) as caught:
        tasks.read(name, data)
    assert "/tmp" not in str(caught.value)


def test_the_score_of_a_page_says_what_its_elements_are():
    found = tasks.engrave({"piece": piece(Score.from_grid(CHORD * 24, metres=[(0, 4, 4)]))})
    assert len(found["measures"]) == 2
    assert all(f'id="{each["id"]}"' in found["svg"] for each in found["measures"])
    assert sorted(found["notes"].values()) == sorted(
        2 * [[0, voice, pitch] for voice, pitch in enumerate(CHORD[0])]  # tied over the bar line
    )
    assert all(f'id="{name}"' in found["svg"] for name in found["notes"])
    assert found["seconds"] == [[0, 0.0], [24, 4.0]]


def test_empty_bars_are_engraved():
    found = tasks.engrave({"piece": {"length": 32, "metres": [[0, 4, 4]], "parts": [{}]}})
    assert len(found["measures"]) == 2
    assert found["notes"] == {}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"width": 0}, "a width that holds a staff"),
        ({"scale": 10**6}, "a width that holds a staff"),
        ({"width": "wide"}, "`width` must be a whole number"),
        ({"layout": "sideways"}, "`layout` must be one of"),
        ({"given": [[0, 1]]}, "`given`: row 0 must have 3 whole numbers"),
    ],
    ids=range(5),
)
def test_an_engraving_that_cannot_be_is_refused(asked, said):
    with pytest.raises(ValueError, match=said):
        tasks.engrave({"piece": piece(Score.from_grid(CHORD * 4)), **asked})


def test_each_voice_has_a_sound_of_the_same_length():
    sent = {"piece": piece(Score.from_grid([[67, 62]] * 8 + [[69, 0]] * 8)), "format": "wav"}
    frames = set()
    for voice in (None, 0, 1):
        data, media_type = tasks.sound({**sent, "voice": voice})
        assert media_type == "audio/wav"
        with wave.open(io.BytesIO(data)) as sound:
            frames.add(sound.getnframes())
    assert len(frames) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"voice": 2}, "`voice` must be in 0..1"),
        ({"voice": "bass"}, "`voice` must be a whole number"),
        ({"format": "mp3"}, "Unknown format 'mp3'"),
    ],
    ids=range(3),
)
def test_sound_that_cannot_be_is_refused(asked, said):
    with pytest.raises(ValueError, match=said):
        tasks.sound({"piece": piece(Score.from_grid([[67, 62]] * 8)), **asked})


def test_sound_of_an_hour_is_refused():
    with pytest.raises(ValueError, match="limited to 20 minutes"):
        tasks.sound({"piece": {"length": 40_000, "tempi": [[0, 60]], "notes": [[0, 4, 60, 0]]}})


@pytest.mark.parametrize("ending", [ending for ending in MEDIA_TYPES if ending != ".opus"])
def test_a_piece_can_be_taken_home(ending, tmp_path):
    score = Score.from_grid(CHORD * 16, metres=[(0, 4, 4)], title="../My: Tune")
    data, media_type, name = tasks.export({"piece": piece(score), "format": ending[1:]})
    assert data
    assert media_type == MEDIA_TYPES[ending]
    assert name == f"My Tune{ending}"
    if ending in (".mid", ".musicxml", ".csv"):
        (tmp_path / name).write_bytes(data)
        assert read_file(tmp_path / name).score.pitch.tolist() == score.pitch.tolist()


def test_parallels_are_found_where_they_are():
    grid = [[67, 62, 59, 43]] * 4 + [[69, 64, 60, 45]] * 4
    found = tasks.measure({"piece": piece(Score.from_grid(grid, steps_per_quarter=4))})
    assert found["parallels"] == [
        {"kind": "octave", "voices": [0, 3], "start": 0, "step": 4},
        {"kind": "fifth", "voices": [1, 3], "start": 0, "step": 4},
    ]
    counted = found["faults"]["parallel_fifths"] + found["faults"]["parallel_octaves"]
    assert counted == 2
    assert found["nats_per_token"] is None


def test_parallels_on_a_coarser_grid_are_in_its_steps():
    grid = [[67, 60], [67, 60], [69, 62]]
    found = tasks.measure({"piece": piece(Score.from_grid(grid, steps_per_quarter=2))})
    assert [(each["start"], each["step"]) for each in found["parallels"]] == [(0, 2)]


def test_a_performance_cannot_be_measured():
    with pytest.raises(ValueError, match="a performance"):
        tasks.measure({"piece": {"length": 4, "timing": "seconds", "notes": [[0, 4, 60, 0]]}})
