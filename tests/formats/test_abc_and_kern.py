"""Tunes in ABC and pieces in `**kern`, read as files. What corpora ask of them is tested there."""

import contextlib
import re

import pytest
from commands import command
from hypothesis import given, settings
from hypothesis import strategies as st

import bach_tf as bt
from bach_tf.formats import read
from bach_tf.formats.abc_tunes import read_abc_file, read_abc_tunes
from bach_tf.formats.kern import read_kern_file
from bach_tf.formats.reading import ReadingWarning
from bach_tf.score import Part

main = command("render")


def notes_of(score):
    columns = (score.onset, score.duration, score.pitch, score.voice)
    return list(zip(*(column.tolist() for column in columns)))


def pitches(score):
    return score.pitch.tolist()


@pytest.fixture
def abc(tmp_path):
    """Return what reads the music of a tune, or a whole file that begins with a field."""

    def read_it(music, *, head="M:4/4\nL:1/4\nK:C\n", **how):
        path = tmp_path / "a.abc"
        path.write_text(music if music[:2] in ("X:", "M:") else f"X:1\nT:A tune\n{head}{music}\n")
        return read(path, **how)

    return read_it


@pytest.fixture
def kern(tmp_path):
    """Return what reads rows of columns, which are separated by spaces here."""

    def read_it(*rows, **how):
        path = tmp_path / "a.krn"
        path.write_text("\n".join("\t".join(row.split()) for row in rows))
        return read(path, **how)

    return read_it


# ABC.


@pytest.mark.parametrize(
    ("music", "notes"),
    [
        ("C>D", [(0, 6, 60), (6, 2, 62)]),
        ("C<D", [(0, 2, 60), (2, 6, 62)]),
        ("C>>D", [(0, 7, 60), (7, 1, 62)]),
        ("C> D2", [(0, 6, 60), (6, 4, 62)]),
        ("C3/D/", [(0, 6, 60), (6, 2, 62)]),
        ("Z | C", [(16, 4, 60)]),
        ("z2 x y C", [(12, 4, 60)]),
        ("(C D) !trill!E .F ~G", [(0, 4, 60), (4, 4, 62), (8, 4, 64), (12, 4, 65), (16, 4, 67)]),
        ("C [L:1/8] D [K:D] F", [(0, 4, 60), (4, 2, 62), (6, 2, 66)]),
        ('"Am" C "^up"D w', [(0, 4, 60), (4, 4, 62)]),
        ("C\\\nD", [(0, 4, 60), (4, 4, 62)]),
        ("C D !\nE", [(0, 4, 60), (4, 4, 62), (8, 4, 64)]),
        ("(C)-C", [(0, 8, 60)]),
        ("C:|", [(0, 4, 60)]),  # a note and a repeat sign, not a field
    ],
)
def test_abc_music(abc, music, notes):
    assert [note[:3] for note in notes_of(abc(music).score)] == notes


@pytest.mark.parametrize(
    ("music", "notes"),
    [
        ("[CE]2G", [(0, 8, 60), (0, 8, 64), (8, 4, 67)]),
        ("[C2E]G", [(0, 8, 60), (0, 4, 64), (8, 4, 67)]),
        ("[CE]-[CE]", [(0, 8, 60), (0, 8, 64)]),
        ("[C-E]C", [(0, 8, 60), (0, 4, 64)]),
        ("C & E | G", [(0, 4, 60), (0, 4, 64), (4, 4, 67)]),
        ("C2 & E | G", [(0, 8, 60), (0, 4, 64), (8, 4, 67)]),
        ("E2- & C2- | E & C | G2", [(0, 12, 60), (0, 12, 64), (12, 8, 67)]),  # tied in both lines
        ("+CE2+ G", [(0, 4, 60), (0, 8, 64), (4, 4, 67)]),
        ('["f"C!f!E]', [(0, 4, 60), (0, 4, 64)]),
    ],
)
def test_abc_of_several_notes_at_a_time(abc, music, notes):
    with pytest.warns(ReadingWarning):
        assert sorted(note[:3] for note in notes_of(abc(music).score)) == sorted(notes)


def test_overlays_are_voices_where_they_run_through_a_tune(abc):
    through = r"^a\.abc: voice 1: 2 layers run through this part: each is read as a voice$"
    with pytest.warns(ReadingWarning, match=through):
        score = abc("cdef & C4 | g2 f2 & E2 D2 | e4 & C4 |").score
    assert score.to_grid(2)[::4].tolist() == [
        [72, 60], [74, 60], [76, 60], [77, 60], [79, 64], [79, 64], [77, 62], [77, 62],
        [76, 60], [76, 60], [76, 60], [76, 60],
    ]  # fmt: skip
    stay = r"measure 1, beat 1: chords of up to 2 notes stay in one voice$"
    with pytest.warns(ReadingWarning, match=stay):
        score = abc("cdef & C4 | gfed | cdef | gfed").score
    assert (score.voices, len(score)) == (1, 17)
    with pytest.warns(ReadingWarning, match="2 voices were separated by contig mapping"):
        score = abc("cdef & C2 G,2 | g4").score
    assert score.pitch[score.voice == 1].tolist() == [60, 55]


@pytest.mark.parametrize(
    ("head", "music", "played"),
    [
        ("AAB", "P:A\nC4|\nP:B\nD4|", "CCD"),
        ("A2B.A", "P:A\nC4|\nP:B\nD4|", "CCDC"),
        ("(AB)2C", "P:A\nC4|\nP:B\nD4|\nP:C\nE4|", "CDCDE"),
        ("BA", "F4|[P:A]C4|[P:B]D4|", "FDC"),  # what comes before the first part is played first
        ("AB", "P:A\n|:C4:|\nP:B\nD4|1E4:|2F4|", "CCDEDF"),
        ("AAB", "C4|D4|", "CD"),
    ],
)
def test_parts_of_a_tune_are_as_printed_or_played_out(abc, head, music, played):
    known = dict(zip("CDEF", (60, 62, 64, 65)))
    header = f"M:4/4\nL:1/4\nP:{head}\nK:C\n"
    said = pytest.warns(ReadingWarning, match="no part begins with P:A: P: of the header is left")
    with said if "P:" not in music else contextlib.nullcontext():
        printed = abc(music, head=header).score
        unfolded = abc(music, head=header, unfold=True).score
    signs = music.replace("P:A", "").replace("P:B", "").replace("P:C", "")
    assert pitches(printed) == [known[letter] for letter in signs if letter in known]
    assert pitches(unfolded) == [known[letter] for letter in played]


def test_unusual_metres_in_abc_and_kern_are_said(abc, kern):
    groups = "time signatures of groups, such as 3\\+2/8, are read as their sums"
    with pytest.warns(ReadingWarning, match=rf"^a\.abc: row 3, measure 1: {groups}"):
        assert abc("C", head="M:2+3/8\nL:1/4\nK:C\n").score.metres == ((0, 5, 8),)
    with pytest.warns(ReadingWarning, match=rf"^a\.krn: row 2: {groups}"):
        assert kern("**kern", "*M3+2/8", "8c").score.metres == ((0, 5, 8),)
    with pytest.warns(ReadingWarning, match=r"expected a metre such as M:3/4: left out"):
        assert abc("C", head="M:3/7\nL:1/4\nK:C\n").score.metres == ()
    with pytest.warns(ReadingWarning, match=r"expected a metre such as \*M3/4: left out"):
        assert kern("**kern", "*M3/7", "8c").score.metres == ()
    with pytest.warns(ReadingWarning, match=r"row 3: music without a metre is written in bars"):
        assert kern("**kern", "*M3/4", "*MX", "8c").score.metres == ((0, 3, 4),)
    with pytest.warns(ReadingWarning, match=r"row 6, measure 2: music without a metre"):
        assert abc("CDEF|[M:none]C").score.metres == ((0, 4, 4),)


def test_a_metre_of_64ths_is_kept(abc, kern):
    score = abc("C/16 D/16", head="M:1/64\nL:1/4\nK:C\n").score
    assert (score.metres, score.steps_per_quarter) == (((0, 1, 64),), 16)
    assert kern("**kern", "*M1/64", "64c", "=", "64d").score.metres == ((0, 1, 64),)


def test_metres_within_a_bar_begin_where_they_stand(abc):
    score = abc("F | BcdB | c2B\nM:3/4\nf | gab |").score
    assert (score.upbeat, score.metres) == (4, ((0, 4, 4), (32, 3, 4), (36, 3, 4)))


@pytest.mark.parametrize(
    ("music", "metre", "steps", "durations"),
    [
        ("(3CDE F", "4/4", 12, [8, 8, 8, 12]),
        (" (3CDE", "4/4", 12, [8] * 3),
        ("(2CD", "6/8", 4, [6, 6]),
        ("(3:2:4CDEF", "4/4", 12, [8] * 4),
        ("(5:4CDEFG", "4/4", 20, [16] * 5),
        ("(5CDEFG", "4/4", 20, [8] * 5),
        ("(5CDEFG", "6/8", 20, [12] * 5),
        ("(3C>DE", "4/4", 4, None),
        ("C///D", "4/4", 8, [1, 8]),
    ],
)
def test_abc_tuplets_and_short_notes(abc, music, metre, steps, durations):
    score = abc(music, head=f"M:{metre}\nL:1/4\nK:C\n").score
    if durations is None:  # a triplet whose first note takes from the second
        assert (score.steps_per_quarter, score.duration.tolist()) == (12, [12, 4, 8])
        return
    assert (score.steps_per_quarter, score.duration.tolist()) == (steps, durations)


def test_the_header_of_a_tune(abc):
    head = 'M:6/8\nL:1/8\nQ:"Lively" 3/8=60\nK:Dm\n%%MIDI program 73\n'
    score = abc("A | BAG FED | D3 z2 |]", head=head).score
    assert (score.title, score.key_signature, score.metres) == ("A tune", -1, ((0, 6, 8),))
    assert (score.tempi, score.upbeat, score.length) == (((0, 90),), 2, 24)
    assert (score.parts, pitches(score)[1]) == ((Part("", 73),), 70)


@pytest.mark.parametrize(
    ("key", "sharps", "found"),
    [
        ("HP", 2, [66, 73]),
        ("C clef=bass octave=-1", 0, [53, 60]),
        ("C treble-8", 0, [53, 60]),
        ("D phr ^f", -2, [66, 72]),
        ("D exp ^f", 0, [66, 72]),
        ("C transpose=2", 2, [67, 74]),
    ],
)
def test_abc_keys_and_what_stands_behind_them(abc, key, sharps, found):
    score = abc("Fc", head=f"L:1/4\nK:{key}\n").score
    assert (score.key_signature, pitches(score)) == (sharps, found)


def test_metres_that_change(abc):
    score = abc("CDEF | [M:3/4] CDE | CDE |\nM:2/4\nCD |").score
    assert score.metres == ((0, 4, 4), (16, 3, 4), (40, 2, 4))
    assert abc("C", head="M:none\nL:1/4\nK:C\n").score.metres == ()


def test_keys_that_change(abc, kern):
    score = abc("F4 | [K:G] F4 :|\nK:C\nF4 |").score
    assert (score.key_signature, score.key_changes) == (0, ((16, 1), (32, 0)))
    played = abc("F4 | [K:G] F4 :|\nK:C\nF4 |", unfold=True).score
    assert played.key_changes == ((16, 1), (32, 0), (48, 1), (64, 0))
    assert pitches(played) == [65, 66, 65, 66, 65]
    score = abc("F4 | [K:none] F4 | [K:D] F4 | [K:clef=bass] F4 |", head="L:1/4\nK:G\n").score
    assert (pitches(score), score.key_changes) == ([66, 65, 66, 66], ((16, 0), (32, 2)))
    score = kern("**kern", "*k[b-]", "4c", "=", "*k[]", "4c", "*-").score
    assert (score.key_signature, score.key_changes) == (-1, ((4, 0),))


VOICES = (
    "X:1\nM:4/4\nL:1/4\nK:C\n"
    'V:S name="Soprano" clef=treble\nV:B nm="Bass" clef=bass octave=-1\n%%MIDI program 52\n'
    "V:S\nc2 d2 | He4 |]\nV:B\nC4 | [V:S]\n[V:B] C4 |]\n"
)


def test_voices(abc):
    score = abc(VOICES).score
    assert notes_of(score) == [
        (0, 8, 72, 0), (0, 16, 48, 1), (8, 8, 74, 0), (16, 16, 76, 0), (16, 16, 48, 1)
    ]  # fmt: skip
    assert [part.name for part in score.parts] == ["Soprano", "Bass"]
    assert score.fermatas == (16,)


def test_directives_in_a_header_are_of_the_voice_above_them(abc):
    head = "M:4/4\nL:1/4\nV:1\n%%MIDI program 40\nV:2\n%%MIDI program 42\n"
    score = abc("V:1\nc4|\nV:2\nC4|", head=f"{head}%%MIDI transpose -12\nK:C\n").score
    assert [part.program for part in score.parts] == [40, 42]
    assert pitches(score) == [72, 48]


def test_what_midi_players_transpose_sounds_so(abc):
    head = "M:4/4\nL:1/4\n%%MIDI transpose -2\nK:D\n"
    score = abc("D2 F2 | [K:G] G4 |", head=head).score
    assert (pitches(score), score.key_signature, score.key_changes) == (
        [60, 64, 65],
        0,
        ((16, -1),),
    )
    score = abc("C2 D2 |\n%%MIDI transpose 12\nC4 |").score
    assert (pitches(score), score.key_signature) == ([60, 62, 72], 0)


def test_decorations_that_a_tune_defines(abc):
    head = "U:T = !fermata!\nU:H = !trill!\nM:4/4\nL:1/4\nK:C\n"
    assert abc("HC D TE F |", head=head).score.fermatas == (8,)


def test_layers_over_several_bars_are_left_out_but_for_the_first(abc):
    said = r"row 6, measure 2: layers over several bars, '\(& \.\.\. & \.\.\. &\)', are left out"
    with pytest.warns(ReadingWarning, match=said):
        score = abc("c4 | (&d4 | e4 & D4 | E4 &) | f4 |").score
    assert notes_of(score) == [(0, 16, 72, 0), (16, 16, 74, 0), (32, 16, 76, 0), (48, 16, 77, 0)]


@pytest.mark.parametrize(
    ("music", "played"),
    [
        ("C4:|D4|]", "CCD"),
        ("C4|:D4:|E4", "CDDE"),
        ("C4::D4:|", "CCDD"),
        ("|:C4|1D4:|2E4|]F4", "CDCEF"),
        ("|:C4|[1 D4:|[2 E4||F4:|", "CDCEFF"),
        ("|:C4|1,2D4:|3E4|]", "CDCDCE"),
        ("C4|!fine!D4|E4 !D.C.!|", "CDECD"),
        ("C4|!segno!D4!coda!|E4!D.S.!|!coda!F4|", "CDEDF"),
        ("C4|D4:|", "CDCD"),
    ],
)
def test_repeats_in_abc_are_as_printed_or_played_out(abc, music, played):
    known = dict(zip("CDEF", (60, 62, 64, 65)))
    printed = [
        letter for letter in music.replace("D.C.", "").replace("D.S.", "") if letter in known
    ]
    assert pitches(abc(music).score) == [known[letter] for letter in printed]
    assert pitches(abc(music, unfold=True).score) == [known[letter] for letter in played]


def test_an_upbeat_that_is_played_again_fills_the_bar_before_it(abc):
    score = abc("C | DEFG | ABc :|", unfold=True).score
    assert (score.metres, score.upbeat, score.length) == (((0, 4, 4),), 4, 64)


BOOK = """M:3/4
L:1/4
% tunes follow

X:7
T:One
K:G
F3 |]

words about it

X:9
T:Two
K:C
F3 | ? F3 |]
"""


def test_a_tune_of_a_book(abc):
    with pytest.warns(ReadingWarning, match=r"^a\.abc: the first of 2 tunes is read: 7 \(One\), 9"):
        first = abc(BOOK).score
    assert (first.title, pitches(first), first.metres) == ("One", [66], ((0, 3, 4),))
    with pytest.warns(
        ReadingWarning, match=r"a\.abc: row 15, measure 2, '\? F3 \|\]': expected notes"
    ):
        assert abc(BOOK, tune=9).score.title == "Two"
    with pytest.raises(
        ValueError, match=r"a\.abc has no tune 8\. Choose from: 7 \(One\), 9 \(Two\)"
    ):
        abc(BOOK, tune=8)
    with pytest.raises(
        ValueError, match=r"^a\.abc: tune 9 \(Two\): row 15, measure 2, .*: expected"
    ):
        abc(BOOK, tune=9, strict=True)


def test_all_tunes_of_a_book(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(BOOK + "\nX:9\nK:C\nz4\n\nX:9\nK:C\nC4\n")
    found = read_abc_tunes(path)
    assert list(found) == ["7 (One)", "9 (Two)", "9", "9 (4)"]
    assert str(found["9"]) == "a.abc: tune 9: expected music, got no note"
    assert pitches(found["9 (4)"].score) == [60]


def test_another_kind_of_file_has_no_tunes(kern):
    with pytest.raises(ValueError, match=r"a\.krn holds one piece: there is no tune 2 to choose"):
        kern("**kern", "4c", "*-", tune=2)


@pytest.mark.parametrize(
    ("text", "fault", "found"),
    [
        ("X:1\nK:C\nC ? D", r"row 3, measure 1, '\? D': expected notes, rests", [60, 62]),
        ("X:1\nCD", r"row 2, measure 1, 'CD': expected a field such as K:G", [60, 62]),
        ("X:1\nK:GM\nF", r"row 2, measure 1: expected a key such as .*; read as major", [66]),
        ("X:1\nK:C\nC0 D", r"row 3, measure 1: expected a length above 0 .*; it is left out", [62]),
        ("X:1\nK:C\n[V:1]C |[V:2]C'''''''D", r"row 3, voice 2, measure 1: expected MIDI", [60, 62]),
    ],
)  # fmt: skip
def test_faults_in_abc_are_read_over_or_refused(abc, text, fault, found):
    with pytest.warns(ReadingWarning, match=f"^a.abc: {fault}"):
        assert sorted(pitches(abc(text).score)) == found
    with pytest.raises(ValueError, match=f"^a.abc: {fault}"):
        abc(text, strict=True)


def test_grace_notes_in_abc_are_left_out_with_a_warning(abc):
    with pytest.warns(ReadingWarning, match=r"^a\.abc: row 6, measure 1: grace notes are left out"):
        assert pitches(abc("{/de}C D").score) == [60, 62]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X:1\nK:C\nz4", r"^a\.abc: expected music, got no note"),
        ("X:1\nL:1\nK:C\n" + "C9999" * 3, r"^a\.abc: row 4: expected at most 25000 quarters"),
        ("X:1\nK:C\nZ999 |" * 1 + "Z999 |" * 9, r"^a\.abc: row 3: expected at most 25000 quarters"),
    ],
)
def test_abc_that_is_no_piece(abc, text, message):
    with pytest.raises(ValueError, match=message):
        abc(text)


# Humdrum.


def test_spines_that_split_and_join(kern):
    stay = r"^a\.krn: voice 2 \(Bass\), measure 2, beat 1: chords of up to 2 notes stay"
    with pytest.warns(ReadingWarning, match=stay):
        score = kern(*SPLIT).score
    assert notes_of(score) == [
        (0, 4, 60, 0), (0, 4, 48, 1), (4, 12, 60, 0), (4, 8, 48, 1), (12, 4, 48, 1), (12, 4, 52, 1),
        (16, 4, 62, 0), (16, 4, 48, 1), (16, 2, 52, 1), (18, 2, 53, 1), (20, 12, 48, 1),
        (24, 8, 64, 0),
    ]  # fmt: skip
    assert [part.name for part in score.parts] == ["Soprano", "Bass"]
    assert (score.key_signature, score.tempi, score.upbeat) == (1, ((0, 72),), 4)
    assert (score.metres, score.fermatas, score.length) == (((0, 2, 4),), (16,), 32)


def test_spines_that_split_all_the_time_are_voices(kern):
    rows = ("*^", "4c 4C", "4d 4D", "=2 =2", "*^ *", "4e 4G 4C", "4f 4A 4D", "*v *v *", "=3 =3",
            "4c 4C", "4d 4D", "*- *-")  # fmt: skip
    through = r"^a\.krn: spine 1: 2 layers run through this part: each is read as a voice$"
    with pytest.warns(ReadingWarning) as said:
        score = kern("**kern", "*M2/4", "=1", *rows).score
    assert [re.match(through, str(each.message)) is not None for each in said] == [True, False]
    # In the second bar the upper path splits; the lower one stays the one that it is.
    assert score.pitch[score.voice == 1].tolist() == [48, 50, 48, 50, 48, 50]
    assert score.pitch[score.voice == 0].tolist() == [60, 62, 55, 64, 57, 65, 60, 62]


SPLIT = (
    "**kern **dynam **kern",
    '*I"Bass * *I"Soprano',
    "*k[f#] * *k[f#]",
    "*M2/4 * *M2/4",
    "*MM72 * *MM72",
    "4C f 4c",
    "=1 =1 =1",
    "2C . [2c",
    "=2 =2 =2",
    "*^ * *",
    "4C 4E p 4c]",
    "4C 8E . 4d;",
    ". 8F . .",
    "*v *v * *",
    "=3 =3 =3",
    "2.C . 4r",
    ". . 2e",
    "== == ==",
    "*- *- *-",
)


def test_a_second_piece_in_a_file_is_left_out_with_a_warning(kern):
    with pytest.warns(ReadingWarning, match=r"^a\.krn: row 4: a second piece is left out$"):
        assert pitches(kern("**kern", "4c", "*-", "**kern", "4d", "*-").score) == [60]


def test_chords_grace_notes_instruments_and_rational_lengths(kern):
    with pytest.warns(ReadingWarning, match=r"row 4, measure 1: grace notes are left out"):
        score = kern(
            "**kern", "*Ivioln", "=1", "16qd", "4c", "3%2e", "12g", "12g", "12g", "*-"
        ).score
    assert score.parts == (Part("", 40),)
    assert notes_of(score)[:2] == [(0, 12, 60, 0), (12, 32, 64, 0)]


def test_a_chord_in_kern(tmp_path):
    path = tmp_path / "a.krn"
    path.write_text("**kern\n4c 4e 4g\n4d f\n*-\n")
    with pytest.warns(ReadingWarning, match="3 voices were separated by contig mapping"):
        assert sorted(pitches(read(path).score)) == [60, 62, 64, 65, 67]


@pytest.mark.parametrize(
    ("rows", "played"),
    [
        (["4c", "=:|!", "4d", "="], "ccd"),
        (["4c", "=!|:", "4d", "=:|!", "4e", "="], "cdde"),
        (["*>[A,B,A]", "*>A", "4c", "=", "*>B", "4d", "4e", "="], "cdec"),
        (["*>[A,A1,A,A2]", "*>norep[A,A2]", "*>A", "4c", "*>A1", "4d", "=", "*>A2", "4e"], "cdce"),
    ],
)
def test_repeats_in_kern_are_as_printed_or_played_out(kern, rows, played):
    known = dict(zip("cde", (60, 62, 64)))
    printed = [row[1] for row in rows if row.startswith("4")]
    assert pitches(kern("**kern", *rows, "*-").score) == [known[name] for name in printed]
    assert pitches(kern("**kern", *rows, "*-", unfold=True).score) == [known[n] for n in played]


@pytest.mark.parametrize("blank", [" ", "\x0c", "\x1c"])
def test_a_field_of_white_space_is_left_out(tmp_path, blank):
    path = tmp_path / "a.krn"
    path.write_text(f"**kern\t**kern\n4c\t4e\n{blank}\t4d\n")
    with pytest.warns(ReadingWarning, match="row 3, spine 1, .*: expected a note or rest"):
        piece = read(path)
    assert sorted(piece.score.pitch.tolist()) == [60, 62, 64]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (["**kern", "4c", "4H"], r"row 3, 4H: expected a note or rest such as 4\.ff#: left out"),
        (
            ["**kern", "=1", "4CCCCC--", "4c"],
            "row 3, measure 1: notes outside MIDI's pitches are left out",
        ),
        (
            ["**kern **kern", "=1 =1", "4C 2c", "4D 4d"],
            r"row 4, measure 1: notes that stand in one row begin at different times",
        ),
    ],
)
def test_faults_in_kern_are_read_over_or_refused(kern, rows, fault):
    with pytest.warns(ReadingWarning, match=f"^a.krn: {fault}"):
        kern(*rows)
    with pytest.raises(ValueError, match=f"^a.krn: {fault}"):
        kern(*rows, strict=True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["**kern", "4r", "*-"], "expected music, got no note"),
        (["**kern", "*>[A,A]", "*>A", "*-"], "expected music, got no note"),
        (["**kern **text", "*- *", "=1"], "expected music, got no note"),
        (["**kern **kern", "4c", "*- *-"], "row 2: expected 2 spines, got 1"),
        (["**kern", *["00c"] * 9999], "expected at most 25000 quarters"),
        (["**kern " * 300], "expected at most 256 spines, got 300"),
    ],
)
def test_kern_that_is_no_piece(kern, rows, message):
    with pytest.raises(ValueError, match=rf"^a\.krn: {message}"):
        kern(*rows)


KERN = (
    "**kern\t**kern\n*M3/4\t*M3/4\n=1\t=1\n*^\t*\n4C\t8E\t[2.c\n*v\t*v\t*\n4C 4E\t.\n"
    "==:|!\t==:|!\n*-\t*-\n"
)


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_text_is_read_or_refused_as_one(tmp_path_factory, data):
    text, ending, reader = data.draw(
        st.sampled_from([(VOICES, "abc", read_abc_file), (KERN, "krn", read_kern_file)])
    )
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    odd = st.sampled_from("|:[](){}-_=^.,'/z0123456789qnK\n\tMVZ&<>*!%é\u0663\u00b2")
    filling = data.draw(st.text(odd, max_size=6))
    path = tmp_path_factory.getbasetemp() / f"damaged.{ending}"
    path.write_text(text[:start] + filling + text[end:], encoding="utf-8")
    with contextlib.suppress(ValueError):  # and no other
        assert len(reader(path, unfold=True).score) > 0


# Where users meet them.


def test_a_tune_of_a_book_at_the_front_door(tmp_path):
    path = tmp_path / "a.abc"
    path.write_text(BOOK.replace("? ", ":| "))
    assert bt.read(path, tune=9).score.title == "Two"
    assert bt.read(path, tune=9, unfold=True).score.length == 3 * 12


def test_a_tune_of_a_book_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "a.abc"
    path.write_text(BOOK.replace("? ", ":| "))
    assert main([path, "--tune", "9", "--unfold", "--format", "mid"]) == 0
    assert read(tmp_path / "a.mid").score.length == 3 * 12
    assert main([path, "--tune", "3", "--format", "mid"]) == 2
    message = "bach-tf render: a.abc has no tune 3. Choose from: 7 (One), 9 (Two).\n"
    assert capsys.readouterr().err == message


# Files from the field.


def test_a_tune_book_from_the_field(real_data):
    folder = real_data.parent / "cases" / "abc"
    if not folder.is_dir():
        pytest.skip("there is no folder `cases` beside the real data")
    tunes = read_abc_tunes(folder / "tunebook.abc")
    assert list(tunes) == [f"{number} (Tune {number})" for number in range(1, 13)]
    scores = [piece.score for piece in tunes.values()]
    assert all(score.metres == ((0, 4, 4),) and score.length == 64 for score in scores)
    assert all(score.key_signature == 1 and len(score) == 27 for score in scores)
