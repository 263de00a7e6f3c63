"""A user's piece as a run sees it, and back again, without a model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bach_tf import formats
from bach_tf.codecs import MelodyCodec, SatbCodec
from bach_tf.composing.fitting import Fit
from bach_tf.composing.given_tokens import FREE
from bach_tf.composing.lines import NUMBERS, as_voices, melody_of, voices_of
from bach_tf.composing.requests import Asked, outline_of, read_piece
from bach_tf.composing.spans import bars_in
from bach_tf.recipes import PRESETS
from bach_tf.score import COLUMNS, SECONDS, Part, Score

CODEC = SatbCodec(30, 87, ranges=[[60, 81], [52, 74], [46, 69], [36, 66]], order=[0, 3, 1, 2])
MUSIC = PRESETS["chorale"].music
BELOW = (64, 59, 48)  # what the toy run writes in the other voices
PHRASE = (67, 67, 69, 71, 72, 71, 69, 67)


def tune(pitches=PHRASE, steps=4, **about):
    """A melody of equal notes, in which a repeated pitch is struck again."""
    onset = np.arange(len(pitches)) * steps
    zeros = np.zeros(len(pitches), int)
    return Score(
        onset=onset,
        duration=zeros + steps,
        pitch=np.array(pitches),
        voice=zeros,
        velocity=zeros + 80,
        length=len(pitches) * steps,
        **about,
    )


def chorale():
    rows = [(67, 62, 59, 55), (69, 62, 57, 54), (71, 62, 55, 55), (72, 64, 55, 48)] * 2
    score = Score.from_grid(np.repeat(rows, 4, axis=0), metres=[(0, 4, 4)], key_signature=1)
    return replace(score, parts=tuple(map(Part, ("Soprano", "Alto", "Tenor", "Bass"))))


def outline(score, **asked):
    return outline_of(CODEC, MUSIC, score, Asked(**asked))


def written(found, below=BELOW):
    """What a run would write: what is given, and else a few notes that never change."""
    cells = found.given.cells.astype(int)
    return np.where(cells == FREE, np.array([72, *below]) + found.shift, cells)


def notes_of(score, voice):
    rows = zip(*(getattr(score, name).tolist() for name in COLUMNS))
    return [row for row in rows if row[3] == voice]


def test_repeated_notes_of_a_melody_are_struck_again():
    found = outline(tune())
    score = found.restored(written(found))
    assert notes_of(score, 0) == notes_of(tune(), 0)
    assert [len(notes_of(score, voice)) for voice in range(4)] == [8, 2, 2, 2]
    assert [part.name for part in score.parts] == ["soprano", "alto", "tenor", "bass"]


def test_new_notes_are_repeated_with_the_given_ones_that_they_began_with():
    found = outline(tune((67, 67, 67, 69, 69, 67)))
    cells = written(found)
    cells[:2, 1] = 62  # an eighth before the alto's note
    cells[14:, 3] = 50  # in the bass a note that begins before the one that is repeated
    score = found.restored(cells)
    onsets = [[row[0] for row in notes_of(score, voice)] for voice in range(4)]
    assert onsets[0] == [0, 4, 8, 12, 16, 20]
    assert onsets[1] == [0, 2]
    assert onsets[2] == [0, 4, 8]
    assert onsets[3] == [0, 4, 8, 14]
    np.testing.assert_array_equal(score.to_grid(4), found.grid_of(cells))


def test_new_voices_are_as_loud_as_the_melody_lets_them():
    soft = replace(tune(), velocity=np.full(8, 46))
    found = outline(soft)
    score = found.restored(written(found))
    assert [notes_of(score, voice)[0][4] for voice in range(4)] == [46, 37, 37, 42]


def test_what_a_tune_says_of_itself_is_kept():
    about = {
        "title": "A tune",
        "metres": ((0, 3, 4),),
        "upbeat": 4,
        "tempi": ((0, 72.0),),
        "key_signature": 1,
        "fermatas": (28,),
        "parts": (Part("Flute", program=73, volume=90),),
    }
    found = outline(tune(**about))
    score = found.restored(written(found))
    for name in ("title", "metres", "upbeat", "tempi", "key_signature", "fermatas"):
        assert getattr(score, name) == about[name]
    assert score.parts[0] == about["parts"][0]
    assert [part.program for part in score.parts] == [73] * 4
    assert found.spans == ((0, 32, 0),)


def test_notes_that_end_between_sixteenths_come_back_just_as_they_were():
    fine = tune(steps=16, steps_per_quarter=16)
    fine = replace(fine, duration=fine.duration - 1)
    found = outline(fine)
    score = found.restored(written(found))
    assert score.steps_per_quarter == 16
    assert notes_of(score, 0) == notes_of(fine, 0)
    assert [row[:3] for row in notes_of(score, 3)] == [(0, 16, 48), (16, 7 * 16, 48)]


def test_a_coarse_grid_becomes_one_of_sixteenths():
    found = outline(tune(steps=1, steps_per_quarter=1))
    score = found.restored(written(found))
    assert (score.steps_per_quarter, score.length) == (4, 32)
    assert [row[0] for row in notes_of(score, 0)] == list(range(0, 32, 4))


@pytest.mark.parametrize(("voice", "column"), [("soprano", 0), ("alto", 1), ("bass", 3)])
def test_a_melody_is_the_voice_that_is_asked_for(voice, column):
    pitches = np.array(PHRASE) - {0: 0, 1: 5, 3: 17}[column]
    found = outline(tune(pitches), voice=voice)
    assert (found.given.cells[:, column] != FREE).all()
    assert (np.delete(found.given.cells, column, axis=1) == FREE).all()
    assert found.is_given == [number == column for number in range(4)]


def test_the_highest_line_of_a_piece_is_given_or_the_one_of_that_name():
    assert outline(chorale()).given.cells[0].tolist() == [67, FREE, FREE, FREE]
    assert outline(chorale()).remarks == ("Of 4 parts, Soprano is the given soprano.",)
    assert outline(chorale(), voice="tenor").given.cells[0].tolist() == [FREE, FREE, 59, FREE]
    upside_down = replace(chorale(), parts=tuple(map(Part, ("Bass", "Tenor", "Alto", "Soprano"))))
    assert melody_of(upside_down, "soprano") == 3
    duet = Score.from_grid([[72, 48]] * 4)
    assert (melody_of(duet, "soprano"), melody_of(duet, "bass"), melody_of(duet, "alto")) == (
        0,
        1,
        0,
    )


def test_lines_are_voices_by_name_or_by_how_high_they_are():
    three = Score.from_grid([[72, 60, 48]] * 4)
    assert voices_of(three) == {0: 0, 1: 2, 2: 3}
    named = replace(three, parts=tuple(map(Part, ("Soprano", "Alto", "Bass"))))
    assert voices_of(named) == {0: 0, 1: 1, 2: 3}
    with pytest.raises(ValueError, match=r"up to 4 parts. Received: 5 \(voice 1, voice 2"):
        voices_of(Score.from_grid([[76, 72, 67, 60, 48]]))


@pytest.mark.parametrize("voice", ["soprano", "alto", "tenor", "bass"])
def test_a_line_without_a_name_is_the_voice_to_keep_however_high_it_is(voice):
    low = tune(np.array(PHRASE) - 12)
    kept = outline(low, keep=(voice,))
    column = NUMBERS[voice]
    assert kept.given.cells[0, column] == low.pitch[0] + kept.shift
    assert kept.is_given == [number == column for number in range(4)]
    again = outline(low, voice=voice, rewrite="2")
    assert (again.given.cells[:16, column] != FREE).all()
    assert (again.given.cells[16:] == FREE).all()


def test_lines_without_names_are_the_voices_to_keep():
    low = Score.from_grid([[57, 50]] * 4)
    assert voices_of(low) == {0: 2, 1: 3}
    assert voices_of(low, ["soprano", "bass"]) == {0: 0, 1: 3}
    assert voices_of(low, ["alto"]) == {0: 1, 1: 3}
    named = replace(low, parts=(Part("Tenor"), Part("Bass")))
    with pytest.raises(ValueError, match=r"no soprano to keep\. It has: tenor, bass"):
        outline(named, keep=("soprano",))


def test_new_parts_are_named_as_the_given_ones_are_spelt():
    found = outline(chorale(), keep=("soprano", "bass"))
    names = [part.name for part in found.source_with_parts.parts]
    assert names == ["Soprano", "Alto", "Tenor", "Bass"]


def test_of_chords_the_highest_notes_are_the_melody():
    chords = Score(
        onset=[0, 0, 4, 4, 6],
        duration=[4, 4, 8, 2, 2],
        pitch=[60, 67, 69, 62, 64],
        voice=[0] * 5,
        velocity=[80] * 5,
        length=12,
    )
    assert as_voices(chords, {0: 0}).pitch.tolist() == [67, 69]
    assert as_voices(chords, {0: 0}).duration.tolist() == [4, 8]
    assert as_voices(chords, {0: 3}).pitch.tolist() == [60, 62, 64]
    assert "Of the chords in the soprano the highest notes are given." in outline(chords).remarks


def test_voices_are_kept_and_the_others_left_open():
    found = outline(chorale(), keep=("soprano", "bass"))
    assert found.given.cells[0].tolist() == [67, FREE, FREE, 55]
    score = found.restored(written(found))
    assert [notes_of(score, voice) == notes_of(chorale(), voice) for voice in range(4)] == [
        *(True, False, False, True)
    ]
    with pytest.raises(ValueError, match=r"no tenor to keep\. It has: soprano, alto, bass"):
        outline(as_voices(chorale(), {0: 0, 1: 1, 3: 3}), keep=("tenor",))


def test_bars_are_rewritten_and_what_stands_around_them_stays():
    piece = chorale()
    found = outline(piece, rewrite="2")
    open_steps = np.flatnonzero((found.given.cells == FREE).all(axis=1))
    assert (open_steps.min(), open_steps.max()) == (16, 31)
    with pytest.raises(ValueError, match=r"bars 1..2. Received: bar 4"):
        outline(piece, rewrite="2-3")
    kept = outline(piece, rewrite="2", keep=("soprano",))
    assert kept.given.cells[20].tolist() == [69, FREE, FREE, FREE]


def test_a_voice_is_kept_in_some_bars():
    piece = chorale()
    found = outline(piece, keep=("soprano", "bass:2"))
    cells = found.given.cells
    given = piece.to_grid(4)
    np.testing.assert_array_equal(cells[:, 0], given[:, 0])
    assert (cells[:, 1:3] == FREE).all()
    assert (cells[:16, 3] == FREE).all()
    np.testing.assert_array_equal(cells[16:, 3], given[16:, 3])
    assert found.is_given == [True, False, False, False]
    score = found.restored(written(found))
    assert notes_of(score, 0) == notes_of(piece, 0)
    np.testing.assert_array_equal(score.to_grid(4)[16:, 3], given[16:, 3])


def test_a_voice_is_kept_in_bars_that_are_rewritten():
    chord = (71, 67, 59, 52)
    held = Score.from_grid([chord] * 64, metres=[(0, 4, 4)])
    kept = outline(held, keep=("bass:1-2+4", "tenor:2"), rewrite="2-3").kept
    bars = [["SATB"[voice] for voice in np.flatnonzero(kept[16 * bar])] for bar in range(4)]
    assert bars == [[*"SATB"], [*"TB"], [], [*"SATB"]]
    apart = outline(held, keep=("bass:1-2", "bass:4", "tenor:2"), rewrite="2-3").kept
    np.testing.assert_array_equal(kept, apart)


def test_a_note_across_the_edge_of_a_kept_span_goes_on_where_it_can():
    chord = (71, 67, 59, 52)
    held = Score.from_grid([chord] * 48, metres=[(0, 4, 4)])
    found = outline(held, keep=("soprano", "bass:2"))
    moved = found.restored(written(found, BELOW))
    assert [row[:3] for row in notes_of(moved, 3)] == [(0, 16, 48), (16, 16, 52), (32, 16, 48)]
    as_before = np.where(found.given.cells == FREE, chord, found.given.cells)
    assert [row[:3] for row in notes_of(found.restored(as_before), 3)] == [(0, 48, 52)]


def test_a_note_across_the_edge_of_what_is_rewritten_goes_on_where_it_can():
    chord = (71, 67, 59, 52)
    held = Score.from_grid([chord] * 48, metres=[(0, 4, 4)])
    found = outline(held, rewrite="2")
    same = found.restored(written(found, BELOW))
    assert [row[:3] for row in notes_of(same, 3)] == [(0, 16, 52), (16, 16, 48), (32, 16, 52)]
    as_before = np.where(found.given.cells == FREE, chord, found.given.cells)
    assert [row[:3] for row in notes_of(found.restored(as_before), 3)] == [(0, 48, 52)]


def test_missing_parts_are_open_where_bars_are_rewritten():
    duet = as_voices(chorale(), {0: 0, 3: 3})
    assert outline(duet, rewrite="2").given.cells[0].tolist() == [67, FREE, FREE, 55]


def test_a_primer_gives_all_voices_at_the_beginning():
    start = Score.from_grid([[67, 62, 59, 55]] * 8)
    found = outline(tune(), primer=start)
    assert found.given.cells[0].tolist() == [67, 62, 59, 55]
    assert found.given.cells[8].tolist() == [69, FREE, FREE, FREE]
    score = found.restored(written(found))
    assert notes_of(score, 0) == notes_of(tune(), 0)
    assert notes_of(score, 3)[0][:3] == (0, 8, 55)
    with pytest.raises(ValueError, match="bar 1, beat 2: the soprano has G4, and A4 in the primer"):
        outline(tune(), primer=Score.from_grid([[67, 62, 59, 43]] * 4 + [[69, 62, 59, 43]] * 4))
    with pytest.raises(ValueError, match="A primer is how a new piece begins"):
        Asked(primer=start, rewrite="2")


def test_short_rests_are_breaths_and_long_ones_silence():
    pitches = np.repeat([67, 0, 69, 0, 71], [6, 2, 4, 8, 4])
    score = Score.from_grid(pitches[:, None])
    found = outline(score)
    assert found.given.cells[6:8, 0].tolist() == [67, 67]
    assert found.given.cells[12:20, 0].tolist() == [0] * 8
    assert notes_of(found.restored(written(found)), 0) == notes_of(score, 0)


def test_rests_before_and_after_a_melody_are_rests_of_all_voices():
    score = Score.from_grid([[0]] * 12 + [[67]] * 4 + [[69]] * 4 + [[0]] * 4, metres=[(0, 4, 4)])
    found = outline(score)
    whole = found.restored(written(found))
    assert (found.start, found.end, found.given.length) == (12, 20, 8)
    assert (whole.length, whole.onset.min()) == (24, 12)
    assert (whole.onset + whole.duration).max() == 20


def test_a_run_begins_on_a_beat():
    eighth = tune(np.repeat(PHRASE, 1), steps=2, metres=((0, 4, 4),), upbeat=2)
    found = outline(eighth)
    assert (found.lead, found.given.length) == (2, 18)
    assert found.given.cells[:4, 0].tolist() == [67] * 4
    assert notes_of(found.restored(written(found)), 0) == notes_of(eighth, 0)


@pytest.mark.parametrize(
    ("steps", "about", "pace"),
    [
        (4, {}, 1),
        (8, {"metres": ((0, 2, 2),)}, 2),
        (8, {"metres": ((0, 4, 4),), "upbeat": 8}, 2),
        (8, {}, 2),
        (16, {"metres": ((0, 4, 4),)}, 4),
    ],
)
def test_a_slow_melody_is_read_as_one_in_quarters(steps, about, pace):
    slow = tune(steps=steps, **about)
    found = outline(slow)
    assert (found.pace, found.given.length) == (pace, 8 * steps // pace)
    assert found.given.cells[::4, 0].tolist() == list(PHRASE)
    score = found.restored(written(found))
    assert notes_of(score, 0) == notes_of(slow, 0)
    assert notes_of(score, 3)[0][:3] == (0, steps, 48)
    assert found.grid_of(written(found)).shape == (8 * 4, 4)


def test_a_melody_of_quarters_and_halves_keeps_its_pace():
    mixed = np.repeat([67, 69, 71, 72, 71, 69], [8, 4] * 3)
    assert outline(Score.from_grid(mixed[:, None], metres=[(0, 3, 4)])).pace == 1


def test_a_transposition_is_chosen_said_and_undone():
    low = tune(np.array(PHRASE) - 24, key_signature=1)
    found = outline(low)
    assert 18 <= found.shift <= 30
    assert found.given.cells[0, 0] == 43 + found.shift
    assert "The run is shown the piece" in found.remarks[0]
    assert "the new piece is moved back" in found.remarks[0]
    score = found.restored(written(found))
    assert notes_of(score, 0) == notes_of(low, 0)
    assert score.key_signature == 1
    assert notes_of(score, 3)[0][2] == 48


def test_what_is_in_range_stays_where_it_is():
    for shift in (-2, 0, 3, 5):
        assert outline(tune(np.array(PHRASE) + shift)).shift == 0


def test_what_the_chorales_have_in_no_such_key_is_moved_by_a_semitone():
    assert outline(tune(np.array(PHRASE) - 1, key_signature=6)).shift == 1


def test_a_key_that_is_named_holds():
    found = outline(tune(key_signature=1), key="e minor")
    assert found.key == (4, "minor", 1)
    assert found.restored(written(found)).key_signature == 1
    assert outline(tune(), key="F").restored(written(found)).key_signature == -1


def test_an_end_that_is_rewritten_is_led_to_its_tonic_too():
    score = tune(key_signature=1, metres=((0, 4, 4),))
    assert outline(score, keep=("soprano:1",)).tonic == 7
    assert outline(score, rewrite="2").tonic == 7


def test_a_tune_that_ends_on_a_tonic_of_its_signature_is_led_there():
    assert outline(tune(key_signature=1)).tonic == 7
    minor = tune(np.array((64, 67, 66, 69, 71, 67, 66, 64)), key_signature=1)
    assert outline(minor).tonic == 4
    assert outline(tune(key_signature=-1)).tonic is None  # which might be Dorian
    assert outline(tune(key_signature=1), key="c major").tonic == 0
    assert outline(chorale(), keep=("soprano", "bass")).tonic is None  # the last chord is of C


def test_a_melody_without_a_metre_gets_one():
    waltz = np.repeat([72, 71, 69, 67, 69, 71, 72, 74], [8, 4] * 4)
    found = outline(Score.from_grid(np.tile(waltz, 3)[:, None]))
    assert found.restored(written(found)).metres


@pytest.mark.parametrize(
    ("score", "asked", "message"),
    [
        (tune(steps=2, steps_per_quarter=8), {}, None),
        (tune(steps=1, steps_per_quarter=8), {}, "bar 1, beat 1.12: 4 of 8 notes begin between"),
        (tune(steps=4, steps_per_quarter=12), {}, "bar 1, beat 1.33: .* quantize"),
        (tune(timing=SECONDS), {}, "Received: a performance, in seconds.*--quantize"),
        (tune((55, 67, 91)), {}, "bar 1, beat [13]: (G3|G6) does not fit. The soprano goes"),
        (Score.from_grid([[0]] * 4), {}, "Received: a piece without notes"),
        (chorale(), {"keep": ("soprano", "alto", "tenor", "bass")}, "there is nothing to write"),
        (chorale(), {"rewrite": "1-2"}, "Nothing is given"),
        (chorale(), {"keep": ("soprano", "bass:2-9")}, r"bars 1..2. Received: bar"),
        (chorale(), {"rewrite": "2", "voice": "bass"}, "the voice bass of a piece.* with `keep`"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(score, asked, message):
    if message is None:
        outline(score, **asked)
        return
    with pytest.raises(ValueError, match=message):
        outline(score, **asked)


def test_notes_between_sixteenths_can_be_moved():
    found = outline(tune(steps=4, steps_per_quarter=12), fit=Fit(quantize=True))
    assert found.source.steps_per_quarter == 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"voice": "sopran"}, "Unknown voice 'sopran'.* Did you mean 'soprano'"),
        ({"keep": ("soprano", "base")}, "Unknown voice 'base'"),
        ({"keep": ("soprano:2", "base:1")}, "Unknown voice 'base'"),
        ({"keep": ("bass:8-5",)}, r"Expected bars such as 5-8 or 5-8\+12, got: 8-5"),
        ({"keep": ("bass:",)}, "Expected bars such as"),
        ({"keep": ("bass:5-8", "12")}, r"got the bars 12 without a voice.*bass:5-8\+12"),
        ({"rewrite": "8-5"}, "Expected bars such as 5-8 or 5-8,12, got: 8-5"),
        ({"rewrite": "five"}, "Expected bars"),
        ({"key": "h minor"}, "Expected a key such as"),
        ({"key": "g# major"}, "at most 7 sharps or flats"),
        ({"key": 5}, "`key` must be text. Received: 5"),
        ({"rewrite": 5}, "`rewrite` must be text. Received: 5"),
        ({"voice": "bass", "keep": ("soprano",)}, "the voice bass, and soprano to keep"),
    ],
)
def test_what_is_asked_for_must_be_there(asked, message):
    with pytest.raises(ValueError, match=message):
        Asked(**asked)


def test_a_run_must_write_four_voices():
    with pytest.raises(ValueError, match="a run that writes four voices, such as `pretrained`"):
        outline_of(MelodyCodec(60, 72), PRESETS["folk"].music, tune(), Asked())


def test_bars_are_ranges():
    assert bars_in("5-8, 12") == [(5, 8), (12, 12)]


@given(st.data())
def test_given_voices_come_back_note_for_note_whatever_is_written(data):
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=12))
    pitches = data.draw(st.lists(st.integers(60, 75), min_size=len(lengths), max_size=len(lengths)))
    rests = data.draw(st.lists(st.integers(0, 6), min_size=len(lengths), max_size=len(lengths)))
    onset = np.cumsum([0, *(a + b for a, b in zip(lengths, rests))])
    zeros = np.zeros(len(lengths), int)
    score = Score(
        onset=onset[:-1],
        duration=lengths,
        pitch=pitches,
        voice=zeros,
        velocity=zeros + data.draw(st.integers(1, 127)),
        length=int(onset[-1]),
        metres=((0, 4, 4),),
        upbeat=data.draw(st.integers(0, 15)),
    )
    voice = data.draw(st.integers(0, 3))
    name = ("soprano", "alto", "tenor", "bass")[voice]
    found = outline(score, voice=name)
    below = data.draw(st.tuples(*[st.integers(40, 60)] * 4))
    cells = found.given.cells.astype(int)
    whole = found.restored(np.where(cells == FREE, below, cells))
    own = [(*row[:3], row[4]) for row in notes_of(whole, voice)]
    assert own == [(*row[:3], row[4]) for row in notes_of(score, 0)]


@pytest.mark.parametrize("ending", [".mid", ".musicxml", ".csv"])
def test_given_notes_are_the_same_after_writing_and_reading(tmp_path, ending):
    found = outline(chorale(), keep=("soprano",))
    score = found.restored(written(found))
    path = tmp_path / f"piece{ending}"
    formats.write(score, path)
    again = read_piece(path)
    if ending == ".csv":  # which cannot tell a repeated note from a held one
        np.testing.assert_array_equal(again.to_grid(4), score.to_grid(4))
    else:
        assert notes_of(again, 0) == notes_of(score, 0)


def test_tunes_of_all_formats_are_read(tmp_path):
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nL:1/4\nK:G\nG G A B | c B A G |]\n")
    (tmp_path / "a.krn").write_text(
        "**kern\n*M4/4\n*k[f#]\n=1\n4g\n4g\n4a\n4b\n=2\n4cc\n4b\n4a\n4g\n==\n*-\n"
    )
    formats.write(tune(metres=((0, 4, 4),), key_signature=1), Path(tmp_path / "a.mid"))
    formats.write(tune(metres=((0, 4, 4),), key_signature=1), Path(tmp_path / "a.musicxml"))
    for path in sorted(tmp_path.iterdir()):
        found = outline(read_piece(path))
        score = found.restored(written(found))
        assert [row[:3] for row in notes_of(score, 0)] == [row[:3] for row in notes_of(tune(), 0)]
        assert (score.metres, score.key_signature) == (((0, 4, 4),), 1), path


def test_the_tune_of_the_readme_is_ready_to_be_harmonised():
    found = outline(read_piece(Path(__file__).parents[2] / "examples" / "new_britain.abc"))
    assert (found.shift, found.tonic, found.pace) == (0, 7, 1)
    assert (found.source.metres, found.source.upbeat) == (((0, 3, 4),), 4)
