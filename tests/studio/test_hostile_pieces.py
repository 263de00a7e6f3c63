"""What comes of pieces and files that no musician sends: a sentence, soon, and nothing else."""

import io
import json
import random
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bach_tf.formats.midi import write_midi
from bach_tf.score import COLUMNS, Part, Score
from bach_tf.studio import tasks
from bach_tf.studio.tasks import sizes
from bach_tf.studio.tasks.pieces import from_json, to_json

PIECE = {"notes": [[0, 4, 67, 0], [4, 4, 69, 0], [8, 8, 71, 0]], "length": 16}
FIELDS = tuple(to_json(from_json(PIECE)))
HUGE = 10**400
TUNE = b"X:1\nT:Tune\nM:3/4\nL:1/4\nK:G\nD|G2 B|d2 B|G3|]\n"

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([HUGE, -HUGE, 2**63, 0.5, 1e308, 1e-320])
    | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def outcome(work, *args):
    """Return what some work returns, and what it says if it refuses; all else is a failure."""
    try:
        return work(*args), ""
    except ValueError as error:
        assert_own(error)
        return None, str(error)


def assert_own(error):
    """Expect a sentence of ours, and none of a library's or of a codec's."""
    assert type(error) is ValueError
    assert 5 < len(str(error)) < 2000


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=3))
def test_any_json_is_a_piece_or_a_sentence(fields):
    score, refused = outcome(from_json, {**PIECE, **fields})
    if not refused:
        sent = json.loads(json.dumps(to_json(score), allow_nan=False).encode())
        assert from_json(sent) == score


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "title": st.text(max_size=8),
            "steps_per_quarter": st.sampled_from([1, 3, 4, 7, 480, 8_191]),
            "upbeat": st.integers(0, 10**6),
            "metres": st.sampled_from([[], [[0, 10**6, 1]], [[0, 4, 3]], [[0, 1, 64], [3, 5, 5]]]),
            "fermatas": st.lists(st.integers(0, 10**6), max_size=3),
            "tempi": st.sampled_from([[], [[0, 1e-300]], [[3, 90]], [[0, 500_000]]]),
            "parts": st.lists(st.fixed_dictionaries({"name": st.text(max_size=3)}), max_size=3),
            "length": st.integers(16, 64),
            "timing": st.sampled_from(["beats", "seconds"]),
        },
    )
)
def test_every_piece_can_be_engraved_and_saved_or_is_refused(fields):
    piece = {**PIECE, **fields}
    for work in (
        lambda: tasks.engrave({"piece": piece}),
        lambda: tasks.measure({"piece": piece}),
        *(
            lambda ending=ending: tasks.export({"piece": piece, "format": ending})
            for ending in ("mid", "musicxml", "csv")
        ),
    ):
        made, refused = outcome(work)
        assert made or refused


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"steps_per_quarter": HUGE}, "`steps_per_quarter` must have numbers of at most 8,191"),
        ({"steps_per_quarter": 8_192}, "`steps_per_quarter` must have numbers of at most 8,191"),
        ({"upbeat": HUGE}, "`upbeat` must have numbers of at most"),
        ({"metres": [[0, HUGE, 4]]}, "`metres` must have numbers of at most"),
        ({"tempi": [[0, HUGE]]}, "`tempi` must have numbers of at most"),
        ({"tempi": [[0, float("nan")]]}, "`tempi` must have numbers of at most"),
        ({"fermatas": [-5]}, "`fermatas` must be whole numbers"),
        ({"fermatas": [HUGE]}, "`fermatas` must have numbers of at most"),
        ({"length": HUGE}, "at most 1,000,000 steps"),
        ({"title": "\ud800"}, "`title` must be text of at most 1,000 characters"),
        ({"title": "a" * 1001}, "`title` must be text of at most 1,000 characters"),
        ({"parts": [{"name": "\udfff"}]}, "`name` must be text of at most 1,000 characters"),
    ],
    ids=range(12),
)
def test_numbers_and_texts_that_no_piece_has_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        from_json({**PIECE, **fields})


LARGE = {
    "many bars": {"length": 1_000_000},
    "short bars": {"length": 20_000, "metres": [[0, 1, 64]]},
    "a long note": {"notes": [[0, 1_000_000, 60, 0]]},
    "many voices": {"notes": [[16 * bar, 4, 60, 255] for bar in range(16)]},
    "many parts": {"length": 256, "parts": [{}] * 256},
    "many notes": {"notes": [[step, 1, 60, 0] for step in range(4_000)]},
    "changing chords": {"notes": [[step, 64, 40 + step % 60, 0] for step in range(400)]},
}


@pytest.mark.parametrize("piece", LARGE.values(), ids=LARGE)
def test_a_piece_that_is_too_large_to_engrave_is_refused_at_once(piece):
    with pytest.raises(ValueError, match="too large to be engraved here: expected at most 4,000"):
        tasks.engrave({"piece": piece})


@pytest.mark.parametrize("ending", ["pdf", "svg", "musicxml"])
def test_a_file_with_a_score_is_limited_too(ending):
    with pytest.raises(ValueError, match="expected at most 20,000"):
        tasks.export({"piece": LARGE["a long note"], "format": ending})


def test_bars_and_heads_are_those_that_are_engraved():
    score = Score.from_grid([[67, 60]] * 40, metres=[(0, 3, 4)])
    lines = sizes.bar_lines(score)
    assert len(tasks.engrave({"piece": to_json(score)})["measures"]) == lines.size
    assert sizes.heads(score, lines) == 2 * lines.size  # tied over each bar line


def test_part_writing_of_hours_is_not_measured():
    with pytest.raises(ValueError, match="at most 200,000 sixteenths"):
        tasks.measure({"piece": {"length": 1_000_000, "steps_per_quarter": 1}})


def test_a_line_has_no_part_writing_and_two_have_no_grade():
    assert tasks.measure({"piece": PIECE}) == {"nats_per_token": None}
    two = tasks.measure({"piece": to_json(Score.from_grid([[67, 60]] * 4 + [[69, 62]] * 4))})
    assert two["grade"] is None
    assert two["faults"]["parallel_fifths"] == 1


@pytest.mark.parametrize("task", [tasks.engrave, tasks.sound, tasks.export, tasks.measure])
def test_a_mistyped_field_of_a_request_is_named(task):
    with pytest.raises(ValueError, match="`request` has unknown fields: piec"):
        task({"piec": PIECE})


@pytest.mark.parametrize("given", [0, "", {}, [[0, 4]], [[4, 4, 0]], [[-1, 4, 0]], [[0, 4, 256]]])
def test_spans_that_are_none_are_refused(given):
    with pytest.raises(ValueError, match="`given`"):
        tasks.engrave({"piece": PIECE, "given": given})


def test_a_grid_finer_than_midi_can_say_is_refused(tmp_path):
    columns = dict(zip(COLUMNS, [[0], [1], [60], [0], [80]]))
    score = Score(**columns, length=1, steps_per_quarter=32_768)
    with pytest.raises(ValueError, match="at most 32,767 steps per quarter"):
        write_midi(score, tmp_path / "fine.mid")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Wär Gott nicht mit uns", "War Gott nicht mit uns.mid"),
        ("../../etc/passwd", "etcpasswd.mid"),
        ("a\r\nSet-Cookie: b", "aSet-Cookie b.mid"),
        ('x"; filename="y', "x filenamey.mid"),
        ("钢琴", "piece.mid"),
        ("a" * 500, "a" * 80 + ".mid"),
    ],
)
def test_a_file_has_a_name_that_every_system_can_hold(title, name):
    assert tasks.export({"piece": {**PIECE, "title": title}, "format": "mid"})[2] == name


def test_a_title_of_a_file_that_is_too_long_is_cut():
    long = TUNE.replace(b"Tune", b"Tune" * 500)
    assert tasks.read("long.abc", long)["piece"]["title"] == "Tune" * 250
    assert to_json(Score.from_grid([[60]], parts=[Part("\ud800")]))["parts"][0]["name"] == "?"


def test_a_file_with_more_notes_than_the_studio_takes_is_refused(monkeypatch):
    monkeypatch.setattr("bach_tf.studio.tasks.pieces.MOST_NOTES", 5)
    with pytest.raises(ValueError, match=r"^long.abc: `notes` must be a list of at most 5\."):
        tasks.read("../long.abc", TUNE)


NAMES = [
    "../../up.abc", "/etc/up.abc", "..\\up.abc", "a\x00b.abc", ".abc", "a.b/.abc", "a\n.ABC",
    "\ud800.abc", "CON.abc", "a" * 10_000 + ".abc", "~.abc", "%2e%2e%2f.abc",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_of_any_name_is_read_and_leaves_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found, refused = outcome(tasks.read, name, TUNE)
    assert found["piece"]["title"] == "Tune" if found else "kind of piece" in refused
    assert list(tmp_path.iterdir()) == []


def bomb(name: str) -> bytes:
    """Return an archive of some kilobytes that unpacks to 64 megabytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(64 * 2**20))
    return packed.getvalue()


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><score-partwise>&j;</score-partwise>"
)
OUTSIDE = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<score-partwise><work><work-title>&x;</work-title></work></score-partwise>"
)
FILES = {
    "bomb.mxl": bomb("score.xml"),
    "slip.mxl": bomb("../../../../tmp/slip.xml"),
    "laughs.musicxml": LAUGHS,
    "outside.musicxml": OUTSIDE,
    "deep.musicxml": b"<a>" * 100_000,
    "header.mid": b"MThd\x00\x00\x00\x06\x00\x01\xff\xff\x01\xe0",
    "size.mid": b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\xff\xff\xff\xff\x00\x90\x40\x40",
    "late.mid": b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x01MTrk\x00\x00\x00\x0f"
    b"\x00\x90\x40\x40\xff\xff\xff\x7f\x80\x40\x40\x00\xff\x2f\x00",
    "repeat.abc": b"X:1\nK:C\n" + b"|:" * 50_000 + b"C" + b":|" * 50_000,
    "long.abc": b"X:1\nL:1/1\nK:C\nC99999999999999999999\n",
    "deep.krn": b"**kern\n" + b"*^\t*^\n" * 1000,
    "wide.csv": b",".join([b"60"] * 100_000),
    "numbers.csv": b"9" * 100_000,
    "empty.mid": b"",
    "nul.abc": b"\x00" * 100_000,
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_in_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found, refused = outcome(tasks.read, name, FILES[name])
    assert str(tmp_path) not in refused
    assert "root:" not in json.dumps(found)
    assert len(json.dumps(found)) < 10**6
    assert list(tmp_path.iterdir()) == []


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return a file with some bytes changed, or cut."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found[: chance.randint(1, len(found))] if chance.random() < 0.3 else found)


@pytest.mark.parametrize("seed", range(12))
def test_damaged_files_are_read_or_refused_in_a_sentence(seed, tmp_path):
    chance = random.Random(seed)
    score = Score.from_grid([[67, 62, 59, 43]] * 8 + [[69, 62, 57, 50]] * 8, metres=[(0, 4, 4)])
    for ending in ("mid", "musicxml", "csv"):
        data, _, _ = tasks.export({"piece": to_json(score), "format": ending})
        for _ in range(3):
            found, refused = outcome(tasks.read, f"piece.{ending}", damaged(data, chance))
            assert found or "piece" in refused
            json.dumps(found, allow_nan=False)
