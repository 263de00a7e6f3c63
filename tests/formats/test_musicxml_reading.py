import contextlib
import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bach_tf.formats import read, write
from bach_tf.formats.musicxml import container, read_musicxml, safe_xml, to_musicxml
from bach_tf.formats.reading import MILLISECONDS, Grid, ReadingWarning
from bach_tf.formats.rendition import Rendition, WritingWarning
from bach_tf.score import Part, Score

METRES = [(4, 4), (3, 4), (6, 8), (2, 2), (5, 8), (1, 4), (12, 16), (1, 64), (7, 32)]
GRIDS = (1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 16, 20, 24, 28, 48, 64, 84, 420)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


def notes_of(score):
    columns = (score.onset, score.duration, score.pitch, score.voice)
    return list(zip(*(column.tolist() for column in columns)))


# What is written is read back.


@st.composite
def metres_and_upbeats(draw, steps_per_quarter, length):
    """Draw metres, of which the first may be unknown, and an upbeat."""
    metres = []
    for step in sorted(draw(st.sets(st.integers(0, length - 1), max_size=3))):
        metre = draw(st.sampled_from(METRES))
        if 4 * steps_per_quarter * metre[0] % metre[1] == 0:
            metres.append((step, *metre))
    first = metres[0][1:] if metres and metres[0][0] == 0 else (4, 4)
    bar = 4 * steps_per_quarter * first[0] // first[1]
    longest = min(bar - 1, length, *(step for step, *_ in metres if step))
    return metres, draw(st.integers(0, max(longest, 0)))


@st.composite
def scores(draw):
    """Draw scores of all that there can be, known or unknown."""
    steps_per_quarter = draw(st.sampled_from(GRIDS))
    length = draw(st.integers(1, 12 * steps_per_quarter))
    notes, free = [], {}
    for _ in range(draw(st.integers(1, 14))):
        voice, pitch = draw(st.integers(0, 2)), draw(st.sampled_from([36, 55, 60, 61, 66, 72, 80]))
        onset = draw(st.integers(free.get((voice, pitch), 0), length))
        if onset < length:
            end = draw(st.integers(onset + 1, length))
            free[voice, pitch] = end
            notes.append(
                (onset, end - onset, pitch, voice, draw(st.sampled_from([80, 1, 64, 127])))
            )
    notes = notes or [(0, 1, 60, 0, 80)]
    onset, duration, pitch, voice, velocity = np.array(notes).T
    metres, upbeat = draw(metres_and_upbeats(steps_per_quarter, length))
    numbers = st.none() | st.integers(0, 127)
    parts = st.builds(Part, st.just("") | NAMES, numbers, numbers, numbers)
    tempi = draw(places(length, st.floats(4, 1000) | st.integers(4, 1000), first=0))
    return Score(
        onset=onset,
        duration=duration,
        pitch=pitch,
        voice=voice,
        velocity=velocity,
        length=length,
        steps_per_quarter=steps_per_quarter,
        title=draw(NAMES),
        key_signature=draw(st.none() | st.integers(-7, 7)),
        key_changes=draw(places(length, st.integers(-7, 7))),
        tempi=tempi,
        metres=metres,
        upbeat=upbeat,
        fermatas=sorted(draw(st.sets(st.sampled_from(onset.tolist()), max_size=3))),
        parts=draw(st.lists(parts, max_size=int(voice.max()) + 1)),
    )


def places(length, what, first=1):
    """Draw places of a piece, in order, and what begins at each."""
    chosen = st.dictionaries(st.integers(first, length), what, max_size=3)
    return chosen.map(lambda found: [each for each in sorted(found.items()) if each[0] < length])


@given(scores())
@settings(max_examples=100)
def test_what_is_written_is_read_back_equal(tmp_path_factory, score):
    path = tmp_path_factory.getbasetemp() / "a.musicxml"
    path.write_text(to_musicxml(score), encoding="utf-8")
    piece = read_musicxml(path, Grid(score.steps_per_quarter))
    assert piece.score == score
    assert piece.warnings == ()


def test_two_voices_on_a_staff_are_read_back_with_their_names_and_instruments(tmp_path):
    parts = [Part("Soprano", 52), Part("Alto", 53), Part("Tenor", 54, 90, 20), Part("Bass", 55)]
    rows = [[72, 67, 64, 48]] * 8 + [[71, 67, 62, 55]] * 8
    about = {"key_signature": 0, "metres": [(0, 4, 4)], "tempi": [(0, 72)], "title": "a"}
    score = Score.from_grid(rows, parts=parts, fermatas=[8], **about)
    assert read_back(tmp_path, score, layout="closed").score == score


def read_back(tmp_path, score, **style):
    path = tmp_path / "a.musicxml"
    path.write_text(to_musicxml(score, Rendition(**style)), encoding="utf-8")
    return read(path)


def test_a_fermata_that_stands_over_held_notes_is_read_back_as_one(tmp_path, read_text):
    rows = [[72, 60, 55]] * 4 + [[71, 60, 53]] * 2 + [[71, 60, 52]] * 2
    score = Score.from_grid(rows, metres=[(0, 4, 4)], fermatas=(4,))
    assert read_back(tmp_path, score).score.fermatas == (4,)
    text = to_musicxml(score).replace("<software>", "<software>Other</software><software>")
    assert read_text(text).score.fermatas == (4,)
    both = replace(score, fermatas=(0, 4))
    assert read_back(tmp_path, both).score.fermatas == (0, 4)
    late = Score.from_grid([[0, 0, 0]] * 16_000 + rows, fermatas=(16_004,))
    assert read_back(tmp_path, late).score.fermatas == (16_004,)


def test_a_file_that_another_program_has_changed_is_read_as_its_own(tmp_path, read_text):
    score = Score.from_grid([[67]] * 4 + [[69]] * 32, metres=[(0, 4, 4), (4, 4, 4)])
    assert read_back(tmp_path, score).score.metres == score.metres
    text = to_musicxml(score).replace("<software>", "<software>Other</software><software>")
    assert read_text(text).score.upbeat == 4


def test_what_a_score_does_not_say_is_unknown_when_it_is_read_back(tmp_path):
    score = Score.from_grid([[67, 60]] * 4 + [[69, 60]] * 8, title="a", parts=[Part("Solo")])
    assert read_back(tmp_path, score).score == score
    assert read_back(tmp_path, score, layout="closed").score == score
    text = to_musicxml(score)
    assert '<miscellaneous-field name="guessed">key metre tempo parts-from:2 program:1</' in text


def test_what_was_asked_for_in_writing_is_known_when_it_is_read_back(tmp_path):
    score = Score.from_grid([[67, 60]] * 4, title="a", key_signature=0)
    found = read_back(tmp_path, score, tempo_qpm=66, program=52).score
    assert found.tempi == ((0, 66),)
    assert found.parts == (Part("voice 1", 52), Part("voice 2", 52))


def test_a_file_says_in_vain_that_it_guessed_what_it_does_not_have(tmp_path, read_text):
    score = Score.from_grid([[67]] * 4, title="a", parts=[Part("Solo", 1)], key_signature=0)
    text = to_musicxml(score).replace(
        ">metre tempo</", ">metre tempo program:9 x key:² parts-from</"
    )
    assert "program:9" in text
    assert read_text(text).score == replace(score, key_signature=None)


# What other programs write.


def xml(measures, *, head="", parts="<score-part id='P1'><part-name>Oboe</part-name></score-part>"):
    """Return a file of one part, whose measures are given as text."""
    numbered = "".join(
        f"<measure number='{number}'>{measure}</measure>"
        for number, measure in enumerate(measures, start=1)
    )
    return (
        f"<score-partwise>{head}<part-list>{parts}</part-list>"
        f"<part id='P1'>{numbered}</part></score-partwise>"
    )


def note(step, duration, *inside, octave=4, alter=0, voice=1):
    """Return a note; what stands in it follows the order of MusicXML closely enough."""
    return (
        f"<note><pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration><voice>{voice}</voice>{''.join(inside)}</note>"
    )


def rest(duration, *, measure=False):
    whole = " measure='yes'" if measure else ""
    return f"<note><rest{whole}/><duration>{duration}</duration></note>"


def attributes(divisions=2, beats=4, value=4, more=""):
    return (
        f"<attributes><divisions>{divisions}</divisions><key><fifths>0</fifths></key>"
        f"<time><beats>{beats}</beats><beat-type>{value}</beat-type></time>{more}</attributes>"
    )


@pytest.fixture
def read_text(tmp_path):
    """Return what reads a text as a file, with its warnings as Python's."""

    def read_it(text, name="a.musicxml", **how):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, **how)

    return read_it


TIE = {"start": "<tie type='start'/>", "stop": "<tie type='stop'/>"}


def test_ties_chords_rests_and_backups(read_text):
    measures = [
        attributes() + note("C", 4) + note("E", 4, "<chord/>") + rest(2)
        + note("G", 2, TIE["start"]),
        note("G", 2, TIE["stop"]) + note("G", 6)
        + "<backup><duration>4</duration></backup>" + note("C", 4, octave=3, voice=2),
        note("G", 8),
    ]  # fmt: skip
    stay = r"^a\.musicxml: voice 1 \(Oboe\), measure 1, beat 1: chords of up to 2 notes stay in "
    with pytest.warns(ReadingWarning, match=stay):
        score = read_text(xml(measures)).score
    assert notes_of(score) == [
        (0, 8, 60, 0), (0, 8, 64, 0), (12, 8, 67, 0), (20, 12, 67, 0), (24, 8, 48, 0),
        (32, 16, 67, 0),
    ]  # fmt: skip
    assert (score.length, score.parts) == (48, (Part("Oboe", 68),))


def test_an_upbeat_that_is_counted_as_bar_1(read_text):
    measures = [attributes() + note("C", 2), note("D", 8), note("E", 6)]
    score = read_text(xml(measures)).score
    assert (score.upbeat, score.metres, score.length) == (4, ((0, 4, 4),), 32)


def test_a_bar_in_two_halves_with_a_repeat_between_them_is_one_bar(read_text):
    measures = [attributes() + note("C", 8), note("D", 6), note("E", 2), note("F", 8), note("G", 8)]
    assert read_text(xml(measures)).score.metres == ((0, 4, 4),)


def time(beats, value):
    inside = f"<beats>{beats}</beats><beat-type>{value}</beat-type>"
    return f"<attributes><time>{inside}</time></attributes>"


@pytest.mark.parametrize(
    ("bars", "metres"),
    [
        # Within a bar, and at the end of one, as a warning before the next line.
        ([note("C", 4) + time(2, 4) + note("D", 4), note("E", 4)], ((0, 4, 4), (8, 2, 4))),
        ([note("C", 8) + time(3, 4), note("D", 6), note("E", 6)], ((0, 4, 4), (16, 3, 4))),
        ([note("C", 8), time(1, 64) + note("D", 1) * 2], ((0, 4, 4), (16, 1, 64))),
    ],
)
def test_metres_are_kept_where_they_begin(read_text, bars, metres):
    score = read_text(xml([attributes() + bars[0], *bars[1:]])).score
    assert tuple((4 * step // score.steps_per_quarter, *m) for step, *m in score.metres) == metres


@pytest.mark.parametrize(
    ("time_signature", "said", "metres"),
    [
        (time("3+2", 8), "time signatures of groups, such as 3\\+2/8, are read", ((0, 5, 8),)),
        (
            time(3, 8).replace("</time>", "<beats>1</beats><beat-type>4</beat-type></time>"),
            "time signatures of groups",
            ((0, 5, 8),),
        ),
        (
            "<attributes><time><senza-misura/></time></attributes>",
            "music without a metre is written in bars",
            (),
        ),
        (time(3, 7), "'3/7': time signatures that cannot be are left out", ()),
        ("<attributes><time/></attributes>", "time signatures that cannot be are left out", ()),
    ],
)
def test_unusual_metres_are_said(read_text, time_signature, said, metres):
    divisions = "<attributes><divisions>2</divisions></attributes>"
    with pytest.warns(ReadingWarning, match=said):
        score = read_text(xml([divisions + time_signature + note("C", 5), note("D", 5)])).score
    assert score.metres == metres


def test_key_signatures_and_tempi_between_the_notes_are_kept(read_text):
    key = "<attributes><key><fifths>-2</fifths></key></attributes>"
    tempo = "<direction><sound tempo='50'/><offset>3</offset></direction>"
    score = read_text(xml([attributes(10) + tempo + note("C", 20) + key + note("D", 20)])).score
    assert (score.steps_per_quarter, score.tempi) == (20, ((0, 50.0),))
    later = tempo.replace("50", "40").replace("3", "13")
    text = xml(
        [attributes(10) + "<sound tempo='60'/>" + later + note("C", 20) + key + note("D", 20)]
    )
    score = read_text(text).score
    assert (score.tempi, score.key_changes) == (((0, 60), (26, 40)), ((40, -2),))
    where = r"measure 1, beat 2\.3: tempi, keys and metres were moved to the nearest of 4 steps"
    with pytest.warns(ReadingWarning, match=where):
        assert read_text(text, grid=Grid(4)).score.tempi == ((0, 60), (5, 40))
    with pytest.warns(ReadingWarning, match=r"metres were left out whose bars are shorter"):
        read_text(xml([attributes(16, 1, 64) + note("C", 16)]), grid=Grid(4))


def tuplet(actual, normal, kind):
    return (
        f"<time-modification><actual-notes>{actual}</actual-notes>"
        f"<normal-notes>{normal}</normal-notes></time-modification><type>{kind}</type>"
    )


@pytest.mark.parametrize(
    ("divisions", "durations", "of", "steps"),
    [
        (480, [69, 68, 69, 68, 69, 68, 69], (7, 4, "16th"), 28),
        (480, [53, 53, 53, 53, 54, 53, 54, 53, 54], (9, 8, "32nd"), 36),
        (256, [85, 85, 86], (3, 2, "eighth"), 12),
        (480, [44] * 4 + [43] * 4 + [44] * 3, (11, 8, "32nd"), 44),
        (420, [60] * 7, (7, 4, "16th"), 28),
    ],
)
def test_tuplets_are_exact_where_their_divisions_are_rounded(
    read_text, divisions, durations, of, steps
):
    music = "".join(note("C", duration, tuplet(*of)) for duration in durations)
    back = f"<backup><duration>{sum(durations)}</duration></backup>"
    music += back + note("C", divisions, voice=2, octave=3) + note("D", 3 * divisions)
    with pytest.warns(ReadingWarning):  # of the second line
        score = read_text(xml([attributes(divisions) + music])).score
    assert score.steps_per_quarter == steps
    fast = score.onset[score.pitch == 60].tolist()
    assert fast == [number * steps // len(durations) for number in range(len(durations))]


def test_bar_lines_begin_anew_after_a_bar_that_is_too_short(read_text):
    measures = [attributes() + note("C", 8), note("D", 6), note("E", 8), note("F", 8)]
    assert read_text(xml(measures)).score.metres == ((0, 4, 4), (28, 4, 4))


def test_metres_tempi_and_a_whole_rest_that_claims_four_quarters(read_text):
    tempo = "<direction><offset>2</offset><sound tempo='66'/></direction>"
    mark = (
        "<direction><direction-type><metronome><beat-unit>half</beat-unit>"
        "<per-minute>c. 50</per-minute></metronome></direction-type></direction>"
    )
    measures = [attributes() + mark + note("C", 8) , attributes(4, 3, 8) + rest(16, measure=True),
                tempo + note("D", 6)]  # fmt: skip
    score = read_text(xml(measures)).score
    assert score.metres == ((0, 4, 4), (16, 3, 8))
    assert score.tempi == ((0, 100), (24, 66))
    assert notes_of(score) == [(0, 16, 60, 0), (22, 6, 62, 0)]


def test_the_rhythm_that_needs_it_has_a_finer_grid(read_text):
    thirtyseconds = xml([attributes(8) + note("C", 1) * 8 + note("D", 24)])
    triplets = xml([attributes(3) + note("C", 1) * 3 + note("D", 9)])
    both = xml([attributes(24) + note("C", 8) * 3 + note("C", 3) * 8 + note("D", 48)])
    fives = xml([attributes(5) + note("C", 1) * 5 + note("D", 15)])
    steps = [
        read_text(text).score.steps_per_quarter for text in (thirtyseconds, triplets, both, fives)
    ]
    assert steps == [8, 12, 24, 20]


def test_rhythm_that_the_grid_asked_for_cannot_hold_is_rounded_with_a_warning(read_text):
    text = xml([attributes(3) + note("C", 1) * 3 + note("D", 9)])
    where = r"a\.musicxml: voice 1 \(Oboe\), measure 1, beat 1\.3333: 2 of 4 notes were moved to "
    with pytest.warns(ReadingWarning, match=where):
        score = read_text(text, grid=Grid(4)).score
    assert notes_of(score) == [(0, 1, 60, 0), (1, 2, 60, 0), (3, 1, 60, 0), (4, 12, 62, 0)]


def test_a_grid_of_seconds_follows_the_tempi(read_text):
    tempo = "<sound tempo='60'/>"
    score = read_text(
        xml([attributes() + tempo + note("C", 2) + note("D", 2)]), grid=MILLISECONDS
    ).score
    assert notes_of(score) == [(0, 125, 60, 0), (125, 125, 62, 0)]
    assert (score.timing, score.metres) == ("seconds", ())


def test_a_transposing_instrument_sounds_as_it_does(read_text):
    transpose = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    measures = [attributes(more=transpose) + note("D", 8)]
    score = read_text(xml(measures).replace("<fifths>0", "<fifths>2")).score
    assert (score.pitch.tolist(), score.key_signature) == ([60], 0)


STAFF = ("<staff>1</staff>", "<staff>2</staff>")


def test_two_singers_on_a_staff_and_two_hands_are_voices(read_text):
    back = "<backup><duration>8</duration></backup>"
    two = attributes() + note("G", 8) + back + note("C", 8, voice=2)
    names = "<score-part id='P1'><part-name>Soprano/Alto</part-name></score-part>"
    score = read_text(xml([two, two], parts=names)).score
    assert [part.name for part in score.parts] == ["Soprano", "Alto"]
    assert notes_of(score)[:2] == [(0, 16, 67, 0), (0, 16, 60, 1)]
    hands = attributes() + note("G", 8, STAFF[0]) + back + note("C", 8, STAFF[1], voice=5)
    names = "<score-part id='P1'><part-name>Piano</part-name></score-part>"
    through = (
        r"^a\.musicxml: part 1 \(Piano\): 2 layers run through this part: each is read as a voice$"
    )
    with pytest.warns(ReadingWarning, match=through):
        score = read_text(xml([hands, hands], parts=names)).score
    assert [part.name for part in score.parts] == ["Piano 1", "Piano 2"]


def test_what_opens_in_the_left_hand_stays_in_it(read_text):
    back = "<backup><duration>8</duration></backup>"
    hands = attributes() + note("G", 8, STAFF[0]) + back + note("C", 8, STAFF[1], voice=5)
    opened = hands + back + note("E", 8, STAFF[1], octave=3, voice=6)
    with pytest.warns(ReadingWarning) as said:
        score = read_text(xml([hands, hands, opened])).score
    assert "voice 2 (Oboe 2), measure 3, beat 1: chords of up to 2" in str(said[-1].message)
    assert notes_of(score)[4:] == [(32, 16, 67, 0), (32, 16, 52, 1), (32, 16, 60, 1)]


def test_voices_of_one_name_on_two_staves_are_two(read_text):
    back = "<backup><duration>8</duration></backup>"
    crossed = attributes() + note("C", 4, STAFF[0]) + note("E", 4, STAFF[0])
    with pytest.warns(ReadingWarning, match=r"2 layers run through"):
        score = read_text(xml([crossed + back + note("D", 8, STAFF[1])])).score
    assert notes_of(score) == [(0, 8, 60, 0), (0, 16, 62, 1), (8, 8, 64, 0)]


def test_two_singers_on_a_staff_in_chords_are_voices_if_the_part_is_named_so(read_text):
    music = attributes() + note("G", 4) + note("C", 4, "<chord/>") + note("F", 4)
    names = "<score-part id='P1'><part-name>Soprano/Alto</part-name></score-part>"
    score = read_text(xml([music], parts=names)).score
    assert [part.name for part in score.parts] == ["Soprano", "Alto"]
    assert notes_of(score) == [(0, 8, 67, 0), (0, 8, 60, 1), (8, 8, 65, 0), (8, 8, 65, 1)]
    names = names.replace("Soprano/Alto", "Flute/Oboe")
    with pytest.warns(ReadingWarning, match=r"beat 1: 2 voices were separated by contig mapping$"):
        score = read_text(xml([music], parts=names)).score
    assert [part.name for part in score.parts] == ["Flute", "Oboe"]
    assert notes_of(score) == [(0, 8, 67, 0), (0, 8, 60, 1), (8, 8, 65, 0)]


def choir(names, octaves):
    """Return a file of parts that have a whole note each."""
    ids = range(len(names))
    parts = [f"<score-part id='P{n}'><part-name>{names[n]}</part-name></score-part>" for n in ids]
    music = [
        f"<part id='P{n}'><measure>{attributes()}{note('C', 8, octave=octaves[n])}</measure></part>"
        for n in ids
    ]
    return (
        f"<score-partwise><part-list>{''.join(parts)}</part-list>{''.join(music)}</score-partwise>"
    )


REORDERED = r"^a\.musicxml: the parts were reordered, from the highest to the lowest$"


@pytest.mark.parametrize(
    ("names", "octaves", "order"),
    [
        (("Bass", "Tenor", "Alto", "Soprano"), (3, 4, 4, 5), "3210"),
        (("Baritone", "Soprano"), (5, 4), "10"),  # by name, whatever they sing
        (("Bass", "Oboe", "Alto", "Soprano"), (3, 4, 4, 5), "3120"),
        (("", "", "", ""), (2, 3, 4, 5), "3210"),
        (("Part 1", "Part 2", "Part 3", "Part 4"), (5, 2, 4, 3), "0231"),
        (("Cello", "Violin I", "Violin II", "Viola"), (3, 5, 5, 4), "1230"),
    ],
)
def test_parts_that_are_upside_down_are_reordered(read_text, names, octaves, order):
    with pytest.warns(ReadingWarning, match=REORDERED):
        score = read_text(choir(names, octaves)).score
    assert [part.name for part in score.parts] == [names[int(number)] for number in order]
    expected = [12 * octaves[int(number)] + 12 for number in order]
    assert [score.pitch[score.voice == n].tolist() for n in range(len(names))] == [
        [pitch] for pitch in expected
    ]


@pytest.mark.parametrize(
    ("names", "octaves"),
    [
        (
            ("Soprano", "Alto", "Tenor", "Bass", "Soprano", "Alto", "Tenor", "Bass"),
            (5, 4, 4, 3) * 2,
        ),
        (("Flute", "Bassoon", "Violin", "Viola", "Cello"), (6, 3, 5, 4, 3)),
        (("Voice", "Piano 1", "Piano 2"), (4, 5, 3)),
        (("Violin 1", "Violin 2"), (5, 5)),
    ],
)
def test_a_score_in_families_stands_as_it_does(read_text, names, octaves):
    score = read_text(choir(names, octaves)).score
    assert [part.name for part in score.parts] == list(names)


def test_a_choir_on_one_staff_in_chords_is_separated(read_text):
    chords = [(octave, step) for step in "CDEF" for octave in (5, 4, 3)]
    music = "".join(
        note(step, 2, *(["<chord/>"] if number % 3 else []), octave=octave)
        for number, (octave, step) in enumerate(chords)
    )
    with pytest.warns(ReadingWarning, match=r"3 voices were separated by contig mapping"):
        score = read_text(xml([attributes() + music])).score
    assert [part.name for part in score.parts] == ["Oboe 1", "Oboe 2", "Oboe 3"]
    assert score.to_grid()[::4].tolist() == [
        [72, 60, 48], [74, 62, 50], [76, 64, 52], [77, 65, 53]
    ]  # fmt: skip


def test_what_opens_for_a_bar_is_the_same_voice(read_text):
    back = "<backup><duration>8</duration></backup>"
    measures = [
        attributes() + note("G", 8),
        note("G", 8),
        note("G", 8) + back + note("C", 8, voice=2),
    ]
    with pytest.warns(ReadingWarning, match=r"measure 3, beat 1: chords of up to 2 notes stay"):
        assert read_text(xml(measures)).score.voices == 1


def test_instruments_of_the_part_list(read_text):
    parts = (
        "<score-part id='P1'><part-name>Solo</part-name><score-instrument id='I'>"
        "<instrument-name>x</instrument-name></score-instrument><midi-instrument id='I'>"
        "<midi-program>74</midi-program><volume>80</volume><pan>-45</pan></midi-instrument>"
        "</score-part>"
    )
    score = read_text(xml([attributes() + note("C", 8)], parts=parts)).score
    assert score.parts == (Part("Solo", 73, 102, 32),)


@pytest.mark.parametrize(("name", "voices"), [("Drumset", 1), ("Violin 2", 2)])
def test_drums_on_their_channel_are_left_out_with_a_warning(read_text, name, voices):
    listed = [
        f"<score-part id='P{number}'><part-name>{name}</part-name><midi-instrument id='I{number}'>"
        f"<midi-channel>{channel}</midi-channel></midi-instrument></score-part>"
        for number, name, channel in ((1, "Oboe", 1), (2, name, 10))
    ]
    one, other = (attributes() + note(step, 8) for step in "CD")
    text = xml([one], parts="".join(listed)).replace(
        "</part>", f"</part><part id='P2'><measure number='1'>{other}</measure></part>"
    )
    said = rf"part 2 \({name}\): drums \(channel 10\) are left out$"
    with pytest.warns(ReadingWarning, match=said) if voices == 1 else contextlib.nullcontext():
        assert read_text(text).score.voices == voices


def test_nothing_but_drums_is_refused_with_their_name(read_text):
    drum = "<note><unpitched/><duration>8</duration></note>"
    said = (
        r"^a\.musicxml: expected music, got no note: part 1 \(Oboe\), .*, as of drums, are left out"
    )
    with pytest.raises(ValueError, match=said):
        read_text(xml([attributes() + drum]))


def test_pedals_in_musicxml_are_left_out_with_a_warning(read_text, tmp_path):
    pedal = "<direction><direction-type><pedal type='start'/></direction-type></direction>"
    with pytest.warns(ReadingWarning, match=r"measure 1, beat 1: sustain pedals are left out"):
        assert not read_text(xml([attributes() + pedal + note("C", 8)])).score.pedals
    score = Score.from_grid([[60]], pedals=[(0, 1, 0)])
    with pytest.warns(WritingWarning, match=r"^sustain pedals are not written in MusicXML"):
        write(score, tmp_path / "b.musicxml")


FERMATA = "<notations><fermata/></notations>"


def test_one_fermata_of_several_voices_that_sound_together(read_text):
    parts = "".join(f"<score-part id='P{n}'><part-name>{n}</part-name></score-part>" for n in "12")
    one = attributes() + note("G", 4) + note("A", 4, FERMATA)
    other = attributes() + note("C", 4) + note("D", 2) + note("E", 2, FERMATA)
    text = xml([one], parts=parts).replace(
        "</part>", f"</part><part id='P2'><measure number='1'>{other}</measure></part>"
    )
    assert read_text(text).score.fermatas == (8,)


def test_grace_notes_and_drums_are_left_out_with_a_warning(read_text):
    grace = "<note><grace/><pitch><step>D</step><octave>4</octave></pitch></note>"
    drum = "<note><unpitched/><duration>4</duration></note>"
    with pytest.warns(ReadingWarning) as said:
        score = read_text(xml([attributes() + grace + note("C", 4) + drum])).score
    where = "a.musicxml: part 1 (Oboe), measure 1, beat"
    assert [str(each.message) for each in said] == [
        f"{where} 1: grace notes are left out",
        f"{where} 3: notes without a pitch, as of drums, are left out",
    ]
    assert notes_of(score) == [(0, 8, 60, 0)]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (note("H", 1), "no known pitch"),
        (note("C", 1, octave=44), "MIDI's pitches"),
        (note("C", "x"), "durations of no number are left out"),
        ("<note><rest/></note>", "without a duration"),
        ("<backup><duration>99</duration></backup>", "a backup to before its measure"),
        (attributes(2, 4, 5), "'4/5': time signatures that cannot be are left out"),
        ("<direction><sound tempo='5000'/></direction>", "tempi outside 4..1000"),
    ],
)  # fmt: skip
def test_faults_are_read_over_or_refused_with_their_place(read_text, bad, fault):
    text = xml([attributes() + note("C", 2) + bad + note("D", 2)])
    with pytest.warns(ReadingWarning) as said:
        assert 60 in read_text(text).score.pitch
    assert re.search(f"measure 1, beat .*{fault}", str(said[0].message))
    with pytest.raises(ValueError, match=rf"^a\.musicxml: .*measure 1, beat .*{fault}"):
        read_text(text, strict=True)


def test_measures_first_and_parts_within_them(read_text):
    text = (
        "<score-timewise><part-list><score-part id='P1'><part-name>A</part-name></score-part>"
        "</part-list><measure number='1'>"
        f"<part id='P1'>{attributes()}{note('C', 8)}</part></measure>"
        f"<measure number='2'><part id='P1'>{note('D', 8)}</part></measure></score-timewise>"
    )
    assert notes_of(read_text(text, "a.xml").score) == [(0, 16, 60, 0), (16, 16, 62, 0)]


def test_the_title_of_a_work_else_of_a_movement_else_of_the_file(read_text):
    measures = [attributes() + note("C", 8)]
    movement = "<movement-title>Kyrie</movement-title>"
    work = f"<work><work-title>Mass</work-title></work>{movement}"
    heads = [work, movement, "<movement-title>kyrie.mxl</movement-title>", ""]
    titles = [read_text(xml(measures, head=head)).score.title for head in heads]
    assert titles == ["Mass", "Kyrie", "kyrie", "a"]


# Repeats.


def bar_line(*, forward=False, backward=0, ending="", kind="start"):
    repeat = "<repeat direction='forward'/>" if forward else ""
    repeat += f"<repeat direction='backward' times='{backward}'/>" if backward else ""
    mark = f"<ending number='{ending}' type='{kind}'/>" if ending else ""
    return f"<barline>{mark}{repeat}</barline>"


SOUND = "<direction><sound {}/></direction>"
WORDS = "<direction><direction-type><words>{}</words></direction-type></direction>"
SEGNO = "<direction><direction-type><segno/></direction-type></direction>"


@pytest.mark.parametrize(
    ("measures", "played"),
    [
        ({"C": "", "D": bar_line(backward=2), "E": ""}, "CDCDE"),
        ({"C": "", "D": bar_line(forward=True), "E": bar_line(backward=3)}, "CDEDEDE"),
        (
            {"C": "", "D": bar_line(ending="1") + bar_line(backward=2),
             "E": bar_line(ending="2") + bar_line(ending="2", kind="stop"),
             "F": bar_line(backward=2)},
            "CDCEFF",
        ),
        (
            {"C": bar_line(forward=True), "D": bar_line(ending="1, 2") + bar_line(backward=2),
             "E": bar_line(ending="3"), "F": ""},
            "CDCDCEF",
        ),
        ({"C": "", "D": bar_line(ending="1") + bar_line(backward=2), "E": ""}, "CDCE"),
        ({"C": "", "D": SOUND.format("fine='yes'"), "E": SOUND.format("dacapo='yes'")}, "CDECD"),
        ({"C": "", "D": WORDS.format("Fine"), "E": WORDS.format("D.C. al Fine")}, "CDECD"),
        ({"C": "", "D": SEGNO, "E": WORDS.format("Dal  Segno")}, "CDEDE"),
        ({"C": "", "D": WORDS.format("fine voice")}, "CD"),
        (
            {"C": "", "D": SOUND.format("segno='s'"), "E": SOUND.format("tocoda='c'"),
             "F": SOUND.format("dalsegno='s'"), "G": SOUND.format("coda='c'")},
            "CDEFDEG",
        ),
    ],
)  # fmt: skip
def test_repeats_are_as_printed_or_played_out(read_text, measures, played):
    first, *others = (signs + note(step, 4) for step, signs in measures.items())
    text = xml([attributes(1) + first, *others])
    pitches = dict(zip("CDEFG", (60, 62, 64, 65, 67)))
    assert read_text(text).score.pitch.tolist() == [pitches[step] for step in measures]
    unfolded = read_text(text, unfold=True).score
    assert unfolded.pitch.tolist() == [pitches[step] for step in played]
    assert unfolded.length == 16 * len(played)
    assert unfolded.metres == ((0, 4, 4),)


def test_a_tie_into_each_ending_holds_in_both(read_text):
    measures = [
        attributes(1) + note("C", 4, TIE["start"]),
        bar_line(ending="1") + bar_line(backward=2) + note("C", 4, TIE["stop"]),
        bar_line(ending="2") + note("C", 4, TIE["stop"]),
    ]
    assert notes_of(read_text(xml(measures), unfold=True).score) == [
        (0, 32, 60, 0),
        (32, 32, 60, 0),
    ]


def test_repeats_that_never_end_are_refused(read_text, monkeypatch):
    measures = [attributes(1) + note("C", 4) + bar_line(backward=99)] * 400
    with pytest.raises(
        ValueError, match=r"^a\.musicxml: expected a piece of at most 25000 quarters"
    ):
        read_text(xml(measures), unfold=True)


# Files of strangers.


def test_no_entity_is_expanded_and_nothing_is_fetched(read_text, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    for declared in (
        f'<!ENTITY l0 "ha">{laughs}',
        f'<!ENTITY l9 SYSTEM "file://{secret}">',
        f'<!ENTITY % l9 SYSTEM "file://{secret}"> %l9;',
    ):
        text = f"<!DOCTYPE score-partwise [{declared}]>" + xml(
            [attributes() + note("C", 8)], head="<movement-title>&l9;</movement-title>"
        )
        with pytest.raises(ValueError, match=r"^a\.musicxml: line 1: expected no entities, got 'l"):
            read_text(text)


def test_the_usual_document_type_is_no_reason_to_open_anything(read_text, monkeypatch):
    doctype = '<!DOCTYPE score-partwise PUBLIC "-//x//y" "http://127.0.0.1:9/partwise.dtd">'
    text = doctype + xml(
        [attributes() + note("C", 8)], head="<movement-title>a&amp;b&unknown;</movement-title>"
    )
    assert read_text(text).score.title == "a&b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: expected XML, got: no element found"),
        ("Dear reader", r"line 1: expected XML, got: syntax error"),
        ("<score-partwise>\n<a></b>", r"line 2: expected XML, got: mismatched tag"),
        ("<mei/>", r"expected MusicXML, which begins with <score-partwise>, got <mei>"),
        ("<score-partwise/>", r"expected a score with parts, got none"),
        (xml([attributes() + rest(8)]), r"expected music, got no note"),
        (
            xml([attributes() + note("C", 999_999_999)]),
            r"part 1 \(Oboe\), measure 1, beat .*: expected at most 25000 quarters",
        ),
        (
            xml([attributes() + note("C", 20_000)] * 9),
            r"expected at most 25000 quarters, got a longer piece",
        ),
        ("<score-partwise>" + "<a>" * 99, r"line 1: expected elements at most 64 deep"),
        (
            f"<score-partwise>{'a' * 200_000}</score-partwise>",
            r"line 1: expected texts of at most 100,000 characters",
        ),
        ('<?xml version="1.0" encoding="klingon"?><a/>', r"expected XML, got: "),
    ],
)  # fmt: skip
def test_what_is_no_musicxml_is_refused(read_text, text, message):
    with pytest.raises(ValueError, match=rf"^a\.musicxml: {message}"):
        read_text(text)


def test_more_elements_than_a_score_has(read_text, monkeypatch):
    monkeypatch.setattr(safe_xml, "MOST_ELEMENTS", 20)
    with pytest.raises(ValueError, match=r"expected at most 20 elements, got more"):
        read_text(xml([attributes() + note("C", 1) * 8]))


def test_a_file_that_stops_in_the_middle_is_read_as_far_as_it_goes(read_text):
    whole = xml([attributes() + note("C", 8), note("D", 8), note("E", 8)])
    sentence = "a.musicxml: line 1: the file stops in the middle: what is there is read"
    for end in ("<step>E", "</note></measure></part>"):
        text = whole[: whole.rindex(end) + len(end) // 2]
        with pytest.warns(ReadingWarning) as said:
            assert read_text(text).score.pitch.tolist()[:2] == [60, 62]
        assert str(said[0].message) == sentence
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            read_text(text, strict=True)


def test_a_file_that_is_damaged_in_the_middle_is_read_up_to_there(read_text):
    text = xml([attributes() + note("C", 8), note("D", 8), note("E", 8)]).replace("E</step>", "E<")
    sentence = r"a\.musicxml: line 1: the file is damaged \(not well-formed \(invalid token\)\)"
    with pytest.warns(ReadingWarning, match=sentence):
        assert read_text(text).score.pitch.tolist() == [60, 62]
    with pytest.raises(ValueError, match=sentence):
        read_text(text, strict=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(read_text, encoding):
    name = encoding.removesuffix("-sig")
    head = "<movement-title>Für</movement-title>"
    text = f'<?xml version="1.0" encoding="{name}"?>' + xml(
        [attributes() + note("C", 8)], head=head
    )
    assert read_text(text.encode(encoding)).score.title == "Für"


def zipped(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


ROOTFILE = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
GOOD = xml([attributes() + note("C", 8)])


@pytest.mark.parametrize(
    "members",
    [
        {"META-INF/container.xml": ROOTFILE.format("in/x.xml"), "a.xml": "<no/>", "in/x.xml": GOOD},
        {"META-INF/container.xml": ROOTFILE.format("../../etc/passwd"), "a.xml": GOOD},
        {"META-INF/container.xml": ROOTFILE.format("/etc/passwd"), "a.xml": GOOD},
        {"__MACOSX/a.xml": "x", "a.musicxml": GOOD},
    ],
)
@pytest.mark.parametrize("name", ["a.mxl", "a.musicxml"])
def test_compressed_scores(read_text, members, name):
    assert notes_of(read_text(zipped(members), name).score) == [(0, 16, 60, 0)]


def test_an_uncompressed_score_under_the_name_of_a_compressed_one(read_text):
    assert len(read_text(GOOD, "a.mxl").score) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"a.txt": GOOD}), r"expected a score in the archive, got none"),
        (zipped({"a.xml": GOOD})[:30], r"expected compressed MusicXML, got: .* Export the score"),
        (zipped({"a.xml": GOOD}).replace(b"score", b"scare"), None),
    ],
    # An archive holds the time: two processes must give a test the same name.
    ids=["no score", "cut", "damaged"],
)  # fmt: skip
def test_archives_that_hold_no_score(read_text, content, message):
    if message is None:  # the packed bytes are the same
        assert len(read_text(content, "a.mxl").score) == 1
        return
    with pytest.raises(ValueError, match=rf"^a\.mxl: {message}"):
        read_text(content, "a.mxl")


LONG = xml([attributes() + note("C", 8), *[note("D", 8)] * 99])


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (zipped({"META-INF/container.xml": ROOTFILE.format("a.xml"), "a.xml": LONG})[:-40], 100),
        (zipped({"META-INF/container.xml": "<a>", "a.xml": LONG}), 100),
        (zipped({"a.xml": LONG})[:420], None),
        (zipped({"a.xml": LONG})[:300] + b"\xff" * 300, None),
    ],
)
def test_an_archive_that_stops_in_the_middle_is_read_as_far_as_it_goes(read_text, content, notes):
    sentence = "a.mxl: the archive is damaged or stops in the middle: what can be unpacked is read"
    with pytest.warns(ReadingWarning) as said:
        score = read_text(content, "a.mxl").score
    assert str(said[0].message) == sentence
    assert set(score.pitch.tolist()[1:]) <= {62}
    assert len(score) == notes if notes else 0 < len(score) < 100
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        read_text(content, "a.mxl", strict=True)


def test_a_damaged_archive_that_unpacks_to_far_more_is_refused(read_text, monkeypatch):
    monkeypatch.setattr(container, "MOST_BYTES", 100_000)
    bomb = zipped({"a.xml": GOOD + " " * 2_000_000})[:-40]
    with pytest.raises(ValueError, match=r"^a\.mxl: expected compressed MusicXML"):
        read_text(bomb, "a.mxl")


def test_an_archive_that_unpacks_to_far_more_is_refused(read_text, monkeypatch):
    monkeypatch.setattr(container, "MOST_BYTES", 100_000)
    bomb = zipped({"a.xml": GOOD + " " * 200_000})
    with pytest.raises(
        ValueError, match=r"^a\.mxl: expected at most 100,000 bytes in 'a\.xml', got 200"
    ):
        read_text(bomb, "a.mxl")
    monkeypatch.setattr(container, "MOST_MEMBERS", 2)
    with pytest.raises(ValueError, match=r"expected an archive of at most 2 members"):
        read_text(zipped(dict.fromkeys("abc", GOOD)), "a.mxl")


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_as_one(tmp_path_factory, data):
    first = attributes() + bar_line(forward=True) + note("C", 4, TIE["start"], FERMATA) + rest(4)
    text = xml([first, bar_line(ending="1") + bar_line(backward=2) + note("D", 8)])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    odd = st.sampled_from(["<", ">", "/", "'", "9", "-", ".", "0", "note", "²", "\x00", "é", "e9"])
    filling = "".join(data.draw(st.lists(odd, max_size=4)))
    path = tmp_path_factory.getbasetemp() / "damaged.xml"
    path.write_text(text[:start] + filling + text[end:], encoding="utf-8")
    with contextlib.suppress(ValueError):  # and no other
        assert len(read_musicxml(path, unfold=True).score) > 0


# Files from the field.


@pytest.fixture
def cases(real_data):
    """The folder of small files of kinds that people have."""
    folder = real_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip("there is no folder `cases` beside the real data")
    return folder


@pytest.mark.parametrize(
    ("name", "metre", "upbeat", "fermatas", "steps"),
    [
        ("pickup", (4, 4), 1, [7, 15, 23, 31, 39, 47], 4),
        ("threefour", (3, 4), 0, [9, 21, 33, 45, 55, 63], 4),
        ("thirtysecond", (4, 4), 1, [7, 13, 23, 29, 39, 45, 55, 61], 8),
    ],
)
def test_chorales_of_all_kinds(cases, name, metre, upbeat, fermatas, steps, recwarn):
    score = read(cases / "scores" / f"{name}.musicxml").score
    assert score.metres == ((0, *metre),)
    assert (score.upbeat, score.steps_per_quarter) == (upbeat * steps, steps)
    assert [step / steps for step in score.fermatas] == fermatas
    assert [part.name for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert not recwarn.list


def test_a_folder_of_chorales(cases):
    scores = [read(path).score for path in sorted((cases / "chorales_musicxml").iterdir())]
    assert [len(score) for score in scores] == [225, 229, 182, 358, 163]
    assert all(score.voices == 4 and score.fermatas for score in scores)
    assert [score.key_signature for score in scores] == [1, 3, 0, -3, 3]
