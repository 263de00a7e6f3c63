from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from musicxml_reader import notes_of, read_back

from bach_tf.corpora import CORPORA, read_prepared
from bach_tf.formats.midi import read_midi_seconds, write_midi
from bach_tf.formats.musicxml import to_musicxml, write_musicxml
from bach_tf.formats.musicxml.parts import on_grid
from bach_tf.formats.musicxml.rhythm import QUARTER, Event, Meter, split, symbols_of
from bach_tf.formats.rendition import LAYOUTS, Rendition, WritingWarning
from bach_tf.score import SECONDS, Part, Score

SIXTEENTH = QUARTER // 4
# Steps a quarter; the last ones of tuplets within tuplets.
GRIDS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 20, 24, 28, 36, 48, 60, 64, 84, 256, 420)
CHORD_OF_FOUR = [72, 67, 64, 48]


def written(score, tmp_path, **style):
    path = tmp_path / "a.musicxml"
    write_musicxml(score, path, Rendition(**style))
    return path


def elements(score, tag, **style):
    return list(ElementTree.fromstring(to_musicxml(score, Rendition(**style)).encode()).iter(tag))


def texts(score, tag, **style):
    return [element.text for element in elements(score, tag, **style)]


# Note values. Lengths are in sixteenths.


@pytest.mark.parametrize(
    ("meter", "start", "length", "values"),
    [
        ((4, 4), 0, 16, [16]),
        ((4, 4), 0, 5, [4, 1]),
        ((4, 4), 0, 7, [4, 3]),
        ((4, 4), 2, 4, [4]),  # eighth, quarter, eighth
        ((4, 4), 6, 4, [2, 2]),  # over the middle of the bar
        ((4, 4), 4, 8, [8]),
        ((4, 4), 2, 6, [6]),
        ((4, 4), 6, 6, [2, 4]),
        ((4, 4), 3, 2, [1, 1]),
        ((4, 4), 1, 2, [2]),
        ((4, 4), 0, 9, [8, 1]),
        ((4, 4), 3, 10, [1, 4, 4, 1]),
        ((3, 4), 0, 12, [12]),
        ((3, 4), 4, 8, [8]),
        ((3, 4), 4, 6, [6]),
        ((3, 4), 6, 6, [6]),
        ((3, 4), 2, 10, [2, 8]),
        ((6, 8), 0, 6, [6]),
        ((6, 8), 0, 12, [12]),
        ((6, 8), 4, 4, [2, 2]),
        ((6, 8), 2, 4, [4]),
        ((6, 8), 2, 8, [4, 4]),
        ((9, 8), 0, 18, [12, 6]),
        ((2, 2), 0, 16, [16]),
        ((5, 4), 0, 20, [16, 4]),
        ((3, 2), 0, 24, [24]),
    ],
)
def test_notes_are_cut_where_a_player_counts(meter, start, length, values):
    ticks = split(start * SIXTEENTH, length * SIXTEENTH, Meter(*meter))
    assert [value // SIXTEENTH for value in ticks] == values


@pytest.mark.parametrize(
    ("meter", "start", "length", "values"),
    [
        ((4, 4), 4, 12, [4, 8]),
        ((4, 4), 4, 8, [4, 4]),
        ((4, 4), 2, 4, [2, 2]),
        ((3, 4), 4, 8, [4, 4]),
        ((6, 8), 0, 6, [6]),
        ((6, 8), 2, 4, [2, 2]),
    ],
)
def test_rests_are_cut_at_each_beat(meter, start, length, values):
    ticks = split(start * SIXTEENTH, length * SIXTEENTH, Meter(*meter), rest=True)
    assert [value // SIXTEENTH for value in ticks] == values


@st.composite
def bars(draw):
    """Draw a meter, and the events that fill a bar of it on some grid."""
    meter = Meter(draw(st.integers(1, 12)), 2 ** draw(st.integers(0, 4)))
    tick = QUARTER // draw(st.sampled_from(GRIDS))
    tick = tick if meter.bar % tick == 0 else meter.bar
    inside = draw(st.sets(st.integers(1, max(meter.bar // tick - 1, 1)), max_size=12))
    times = [0, *(time * tick for time in sorted(inside) if time * tick < meter.bar), meter.bar]
    pitches = draw(st.lists(st.sampled_from([(), (60,)]), min_size=13, max_size=13))
    return meter, [Event(*one) for one in zip(times, times[1:], pitches)]


@given(bars())
@settings(max_examples=200)
def test_every_bar_can_be_written(bar):
    meter, events = bar
    symbols = symbols_of(events, meter)
    now = 0
    for symbol in symbols:
        assert symbol.start == now
        now += symbol.ticks
    assert now == meter.bar
    struck = [symbol.start for symbol in symbols if not symbol.from_tie]
    assert struck == [event.start for event in events]
    assert sum(symbol.to_tie for symbol in symbols) == len(symbols) - len(events)


# What music21 reads back.


def test_four_parts_with_names_clefs_and_bars(tmp_path):
    score = Score.from_grid(
        [CHORD_OF_FOUR] * 8 + [[71, 67, 62, 55]] * 12,
        title="Two chords",
        key_signature=-1,
        metres=((0, 3, 4),),
        upbeat=4,
        parts=[Part("Soprano"), Part("Alto")],
    )
    path = written(score, tmp_path, tempo_qpm=72, program=52)
    notes, stream = read_back(path)
    assert notes == notes_of(score)
    assert [part.partName for part in stream.parts] == ["Soprano", "Alto", "voice 3", "voice 4"]
    clefs = [part.recurse().getElementsByClass("Clef").first().sign for part in stream.parts]
    assert clefs == ["G", "G", "G", "F"]
    measures = stream.parts[0].getElementsByClass("Measure")
    assert [measure.number for measure in measures] == [0, 1, 2]
    assert [measure.duration.quarterLength for measure in measures] == [1, 3, 1]
    assert stream.recurse().getElementsByClass("TimeSignature").first().ratioString == "3/4"
    assert stream.recurse().getElementsByClass("KeySignature").first().sharps == -1
    assert stream.recurse().getElementsByClass("MetronomeMark").first().number == 72
    assert stream.metadata.title == "Two chords"
    assert texts(score, "midi-program", program=52) == ["53"] * 4


def test_every_tiny_piece_is_read_back(tmp_path, tiny_pieces):
    for score in tiny_pieces:
        notes, stream = read_back(written(score, tmp_path))
        assert notes == notes_of(score)
        assert stream.duration.quarterLength == score.length / 4


def test_real_chorales_are_read_back(tmp_path, real_data, monkeypatch):
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path))
    pieces = read_prepared(CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz"))["valid"]
    for number, score in enumerate(pieces[:12]):
        # As the corpus has them, and as if they had other bars.
        about = {"metres": ((0, 3, 4),), "upbeat": number} if number % 2 else {}
        score = replace(score, **about)
        notes, stream = read_back(written(score, tmp_path))
        assert notes == notes_of(score)
        assert len(stream.parts) == 4


def test_a_voice_that_is_silent_in_the_upbeat_begins_in_time(tmp_path):
    score = Score.from_grid([[72, 0]] * 4 + [[74, 60]] * 16 + [[76, 0]] * 4, upbeat=4)
    notes, stream = read_back(written(score, tmp_path))
    assert notes == notes_of(score)
    lengths = [measure.duration.quarterLength for measure in stream.parts[1][1:]]
    assert lengths == [1, 4, 1]


def test_a_note_goes_on_over_bar_lines(tmp_path):
    score = Score.from_grid([[60]] * 4 + [[62]] * 40)
    notes, stream = read_back(written(score, tmp_path))
    assert notes == [(0, 4, 60, 0), (4, 40, 62, 0)]
    kinds = [(n.quarterLength, n.tie and n.tie.type) for n in stream.recurse().notes]
    assert kinds == [(1, None), (3, "start"), (4, "continue"), (3, "stop")]


def test_triplets(tmp_path):
    # Twelve steps per quarter: three eighths of a triplet; a quarter and an eighth; two eighths.
    durations, pitches = [4, 4, 4, 8, 4, 6, 6, 12], [60, 62, 64, 65, 67, 69, 71, 72]
    score = Score.from_grid(np.repeat(pitches, durations)[:, None], steps_per_quarter=12)
    notes, stream = read_back(written(score, tmp_path), steps_per_quarter=12)
    assert notes == notes_of(score)
    kinds = [(n.duration.type, bool(n.duration.tuplets)) for n in stream.recurse().notes]
    triplet, straight = [("eighth", True)], [("eighth", False)]
    assert kinds == [*triplet * 3, ("quarter", True), *triplet, *straight * 2, ("quarter", False)]
    tuplets = [element.get("type") for element in elements(score, "tuplet")]
    assert tuplets == ["start", "stop"] * 2
    assert texts(score, "actual-notes") == ["3"] * 5


@pytest.mark.parametrize(
    ("durations", "steps", "metre", "tuplet", "kinds"),
    [
        ([1] * 5, 5, (4, 4), (5, 4), ["16th"] * 5),
        ([2] * 5, 5, (4, 4), (5, 4), ["eighth"] * 5),  # in the time of a half
        ([4] * 5, 5, (4, 4), (5, 4), ["quarter"] * 5),  # in that of a whole
        ([3, 2], 5, (4, 4), (5, 4), ["eighth", "eighth"]),  # dotted
        ([1] * 7, 7, (4, 4), (7, 4), ["16th"] * 7),
        ([2] * 7, 7, (2, 4), (7, 4), ["eighth"] * 7),
        ([1] * 11, 11, (3, 4), (11, 8), ["32nd"] * 11),
        ([4] * 3, 6, (4, 4), (3, 2), ["quarter"] * 3),  # quarters of a triplet
        ([3] * 5, 10, (6, 8), (5, 3), ["eighth"] * 5),  # in the time of a dotted quarter
        ([1] * 9, 9, (4, 4), (9, 8), ["32nd"] * 9),
    ],
)
def test_tuplets(tmp_path, durations, steps, metre, tuplet, kinds):
    pitches = [60 + number for number in range(len(durations))]
    grid = np.repeat([*pitches, 59], [*durations, 6 * steps])[:, None]
    score = Score.from_grid(grid, steps_per_quarter=steps, metres=[(0, *metre)])
    notes, _ = read_back(written(score, tmp_path), steps_per_quarter=steps)
    assert notes == notes_of(score)
    inside = len(durations)
    assert texts(score, "type")[:inside] == kinds
    assert texts(score, "actual-notes") == [str(tuplet[0])] * inside
    assert texts(score, "normal-notes") == [str(tuplet[1])] * inside
    assert [element.get("type") for element in elements(score, "tuplet")] == ["start", "stop"]


def test_what_no_tuplet_can_say_is_moved_with_a_warning(tmp_path):
    score = Score.from_grid(np.repeat([60, 62, 64], [5, 7, 5])[:, None], steps_per_quarter=17)
    expected = r"^bar 1, beat 1: 3 of 3 notes were moved to the nearest of 48 steps of a quarter"
    with pytest.warns(WritingWarning, match=expected):
        path = written(score, tmp_path)
    notes, _ = read_back(path, steps_per_quarter=48)
    assert notes == [(0, 14, 60, 0), (14, 20, 62, 0), (34, 14, 64, 0)]
    fine = replace(score, steps_per_quarter=1920)  # 2048ths and triplets of them
    with pytest.warns(WritingWarning, match=r"notes were moved"):
        to_musicxml(fine)


def test_times_that_a_finer_grid_has_and_note_values_too_stay(tmp_path):
    # Of 17 steps a quarter, and yet all in eighths.
    score = Score.from_grid(np.repeat([60, 62], [17, 17])[:, None], steps_per_quarter=34)
    notes, _ = read_back(written(score, tmp_path), steps_per_quarter=2)
    assert notes == [(0, 1, 60, 0), (1, 1, 62, 0)]


def test_a_metre_that_cannot_be_written_is_warned_of():
    with pytest.warns(WritingWarning, match=r"^bars of 4/4 are written, and none of 3/7$"):
        to_musicxml(Score.from_grid([[60]] * 9, metres=[(0, 3, 7)]))
    with pytest.warns(WritingWarning, match=r"none of 1/1024: there would be 50000 of them"):
        to_musicxml(Score.from_grid([[60]] * 900, metres=[(0, 1, 1024)]))


def test_a_key_signature_within_a_bar_stands_where_it_begins(tmp_path):
    rows = [[65]] * 6 + [[66]] * 2 + [[65]] * 8
    score = Score.from_grid(rows, key_signature=0, key_changes=[(10, 1)], metres=[(0, 4, 4)])
    notes, stream = read_back(written(score, tmp_path))
    assert notes == notes_of(score)
    keys = stream.recurse().getElementsByClass("KeySignature")
    assert [(key.getOffsetInHierarchy(stream), key.sharps) for key in keys] == [(0, 0), (2.5, 1)]
    # The third F is tied over the change: it is natural in both, which the second has to say.
    assert texts(score, "accidental") == ["sharp", "natural"]


def test_a_note_into_a_triplet_is_tied(tmp_path):
    # From the second half of a beat to the first third of the next.
    score = Score.from_grid(np.repeat([60, 62, 64], [6, 10, 8])[:, None], steps_per_quarter=12)
    notes, stream = read_back(written(score, tmp_path), steps_per_quarter=12)
    assert notes == notes_of(score)
    lengths = [Fraction(n.quarterLength).limit_denominator(12) for n in stream.recurse().notes]
    assert lengths == [Fraction(1, 2), Fraction(1, 2), Fraction(1, 3), Fraction(2, 3)]


def test_chords_and_lines_within_a_voice(tmp_path):
    # A chord of two; then a long low note below three short ones.
    score = Score(
        onset=[0, 0, 4, 4, 6, 8],
        duration=[4, 4, 8, 2, 2, 4],
        pitch=[55, 64, 43, 62, 64, 65],
        voice=[0] * 6,
        velocity=[80] * 6,
        length=16,
    )
    notes, stream = read_back(written(score, tmp_path))
    assert notes == notes_of(score)
    assert len(stream.parts) == 1
    assert [len(measure.voices) for measure in stream.recurse().getElementsByClass("Measure")] == [
        2
    ]
    assert len(elements(score, "chord")) == 1
    # The second line is silent before and after its note, without rests of its own.
    assert [float(text) for text in texts(score, "voice")].count(2.0) == 3
    assert len(elements(score, "forward")) == 2


def test_a_wide_voice_of_a_keyboard_has_two_staves(tmp_path):
    score = Score.from_grid([[76]] * 8 + [[40]] * 8)
    assert texts(score, "staves", program=0) == ["2"]
    assert texts(score, "sign", program=0) == ["G", "F"]
    assert not texts(score, "staves", program=42)  # a cello has one
    notes, _ = read_back(written(score, tmp_path, program=0))
    assert notes == [(0, 8, 76, 0), (8, 8, 40, 1)]  # music21 makes a part of each staff


def test_two_staves_of_two_voices(tmp_path):
    rows = [CHORD_OF_FOUR] * 4 + [[71, 67, 62, 55]] * 4
    score = Score.from_grid(rows, fermatas=(4,), parts=[Part(name) for name in "SATB"])
    style = {"layout": "closed"}
    assert texts(score, "part-name", **style) == ["S\nA", "T\nB"]
    assert texts(score, "sign", **style) == ["G", "F"]
    # The alto's two notes are one, held.
    assert texts(score, "stem", **style) == ["up", "up", "down", "up", "up", "down", "down"]
    assert len(elements(score, "fermata", **style)) == 1
    assert len(elements(score, "fermata")) == 4  # in each part
    notes, _ = read_back(written(score, tmp_path, **style))
    assert notes == sorted((*note[:3], note[3] // 2) for note in notes_of(score))


def test_a_fermata_stands_over_every_part_that_sounds():
    held, moving, resting = [60] * 8, [55] * 4 + [53] * 2 + [52] * 2, [48] * 4 + [0] * 4
    rows = list(zip([72] * 4 + [71] * 4, held, moving, resting))
    score = Score.from_grid(rows, metres=[(0, 1, 4)], fermatas=(4,))
    assert marked(score) == [[71], [60], [52], []]
    # Of the held note, which a bar line divides, its second half has it.
    alto = elements(score, "part")[1].findall("measure")
    assert [bar.find(".//fermata") is not None for bar in alto] == [False, True]


def test_a_fermata_of_a_lower_voice_stands_over_the_higher_ones_too():
    score = Score.from_grid([[72, 60]] * 4 + [[72, 59]] * 4, fermatas=(4,))
    assert marked(score) == [[72], [59]]


def test_one_voice_with_layers_has_one_fermata():
    score = Score(
        onset=[0, 0, 4], duration=[8, 4, 4], pitch=[72, 60, 59], voice=[0] * 3, velocity=[80] * 3,
        length=8, fermatas=(4,),
    )  # fmt: skip
    assert marked(score) == [[59]]


def marked(score):
    """Return the pitches with a fermata in each part."""
    return [
        [pitch_of(note) for note in part.iter("note") if note.find("notations/fermata") is not None]
        for part in elements(score, "part")
    ]


def pitch_of(note):
    step, octave = note.findtext("pitch/step"), int(note.findtext("pitch/octave"))
    return 12 * (octave + 1) + {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[step]


def test_other_scores_than_of_four_singing_voices_have_parts_in_any_layout():
    three = Score.from_grid([[72, 67, 64]] * 4)
    assert len(elements(three, "score-part", layout="closed")) == 3
    four = Score.from_grid([CHORD_OF_FOUR] * 4)
    chord = replace(four, voice=[0, 0, 1, 3])
    assert len(elements(chord, "score-part", layout="closed")) == 4


def test_accidentals_hold_until_the_bar_line():
    # In G: F sharp needs no sign, F natural does; the second one does not, F sharp again does.
    pitches = np.repeat([66, 65, 65, 66, 66, 65], 4)
    score = Score.from_grid(pitches[:, None], key_signature=1)
    # Equal neighbours are held: the notes are 66, 65 (a half), 66 (over the bar line), 65.
    assert texts(score, "accidental") == ["natural", "sharp", "natural"]
    tied = Score.from_grid(np.repeat([60, 61, 62, 61], [12, 8, 4, 4])[:, None], key_signature=0)
    # The tie carries the sharp into the second bar, but not to the next C sharp there.
    assert texts(tied, "accidental") == ["sharp", "sharp"]


def test_beams_join_what_is_in_a_beat():
    score = Score.from_grid(np.repeat([60, 62, 64, 65, 67, 69, 71], [2, 1, 1, 3, 1, 2, 6])[:, None])
    beams = [(b.get("number"), b.text) for b in elements(score, "beam")]
    assert beams == [
        ("1", "begin"), ("1", "continue"), ("2", "begin"), ("1", "end"), ("2", "end"),
        ("1", "begin"), ("1", "end"), ("2", "backward hook"),
    ]  # fmt: skip


def test_a_performance_is_moved_to_sixteenths(tmp_path):
    score = Score(
        onset=[0, 24, 27, 90],
        duration=[26, 2, 24, 40],
        pitch=[60, 62, 62, 64],
        voice=[0] * 4,
        velocity=[80, 70, 90, 60],
        length=135,
        steps_per_quarter=100,
        timing=SECONDS,
        key_changes=[(120, 2)],
        pedals=[(0, 130, 0)],
    )
    moved = on_grid(score)
    assert moved.steps_per_quarter == 4
    # The two strikes of 62 fall on one sixteenth.
    assert notes_of(moved) == [(0, 1, 60, 0), (1, 1, 62, 0), (4, 1, 64, 0)]
    assert moved.length == 5
    with pytest.warns(WritingWarning, match="sustain pedals are not written"):
        path = written(score, tmp_path)
    assert read_back(path)[0] == notes_of(moved)


@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.integers(1, 300), st.integers(58, 62), st.integers(0, 1)),
        max_size=30,
    )
)
def test_notes_that_are_moved_do_not_overlap(notes):
    onset, duration, pitch, voice = np.array(notes, int).reshape(-1, 4).T
    score = Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=np.full(len(notes), 80),
        length=1200,
        steps_per_quarter=100,
        timing=SECONDS,
    )
    moved = on_grid(score)
    assert moved.length == 48
    cells = set()
    for start, steps, *which in notes_of(moved):
        for step in range(start, start + steps):
            assert (step, *which) not in cells
            cells.add((step, *which))
    struck = {((2 * o * 4 + 100) // 200, p, v) for o, _, p, v in notes}
    assert {(start, pitch, voice) for start, _, pitch, voice in notes_of(moved)} == struck


def test_a_real_performance_is_read_back(tmp_path):
    steps = np.arange(40)
    score = Score(
        onset=steps * 37,
        duration=50 + steps * 11,
        pitch=36 + steps,
        voice=steps * 0,
        velocity=steps * 0 + 80,
        length=4000,
        steps_per_quarter=100,
    )
    write_midi(score, tmp_path / "a.mid", Rendition(tempo_qpm=75))
    score = read_midi_seconds(tmp_path / "a.mid")
    notes, _ = read_back(written(score, tmp_path, program=40))
    assert notes == notes_of(on_grid(score))


@pytest.mark.parametrize(
    "time_signature", [(2, 2), (3, 2), (5, 8), (6, 8), (12, 8), (3, 32), (7, 4)]
)
@pytest.mark.parametrize("steps_per_quarter", [2, 4, 12])
def test_meters_and_grids(tmp_path, time_signature, steps_per_quarter):
    lengths = [1, 3, 2, 5, 1, 7, 4, 6, 11, 2, 9, 1]
    pitches = [60, 0, 62, 64, 65, 67, 0, 69, 71, 72, 74, 76]
    score = Score.from_grid(
        np.repeat(pitches, lengths)[:, None],
        steps_per_quarter=steps_per_quarter,
        metres=[(0, *time_signature)],
        upbeat=1,
    )
    notes, stream = read_back(written(score, tmp_path), steps_per_quarter)
    assert notes == notes_of(score)
    ratio = stream.recurse().getElementsByClass("TimeSignature").first().ratioString
    assert ratio == "/".join(map(str, time_signature))


@pytest.mark.parametrize(
    "score",
    [
        Score.from_grid(np.zeros((0, 1), int)),
        Score.from_grid([[0]] * 5),
        Score.from_grid([[60 + voice for voice in range(10)]] * 33),
        Score.from_grid([[127, 0]] * 7, metres=((0, 3, 128),), upbeat=200, key_signature=7),
        Score.from_grid([[60]], upbeat=3, metres=((0, 3, 4),)),
    ],
)
def test_any_score_can_be_written(score, tmp_path):
    notes, stream = read_back(written(score, tmp_path))
    assert notes == notes_of(score)
    assert len(stream.parts) == max(score.voices, 1)


def test_titles_of_any_characters(tmp_path):
    score = Score.from_grid([[60]] * 4, title="a\x00<b> & ü\ud800")
    _, stream = read_back(written(score, tmp_path))
    assert stream.metadata.title == "a?<b> & ü?"


def test_the_same_score_gives_the_same_text():
    score = Score.from_grid([CHORD_OF_FOUR] * 9)
    assert to_musicxml(score) == to_musicxml(score)


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({"tempo_qpm": 0}, r"`tempo_qpm` must be in 4..1000. Received: 0"),
        ({"program": -1}, r"`program` must be in 0..127. Received: -1"),
        ({"layout": "open"}, r"`layout` must be one of parts, closed. Received: 'open'"),
    ],
)
def test_a_style_that_cannot_be(style, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_musicxml(Score.from_grid([[60]]), tmp_path / "a.musicxml", Rendition(**style))
    assert not Path(tmp_path / "a.musicxml").exists()
    assert LAYOUTS == ("parts", "closed")
