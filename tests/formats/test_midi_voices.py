"""The voices of a MIDI file: by name, by height, and told apart where they share a channel."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from midi_bytes import PHRASE, QUARTER, meta, part, save, set_up, struck

from bach_tf.formats.midi.contigs import Note, separate
from bach_tf.formats.midi.names import order_of, rank_of
from bach_tf.formats.midi.pieces import read_midi_piece

CHOIR = [list(pitches) for pitches in PHRASE.values()]


def voices(score):
    return [score.pitch[score.voice == voice].tolist() for voice in range(score.voices)]


@pytest.mark.parametrize(
    "names",
    [
        ("Soprano", "Alto", "Tenor", "Bass"),
        ("S", "A", "T", "B"),
        ("S.", "A.", "T.", "B."),
        ("Sopran", "Alt", "Tenor", "Baß"),
        ("soprano 1", "Contralto", "TENORE", "Basso"),
        ("Cantus", "Altus", "Ténor", "Bassus"),
        ("Soprano", "Contralto", "Tenor", "Bajo"),
        ("Сопрано", "Альт", "Тенор", "Бас"),
        ("女高音", "女低音", "男高音", "男低音"),
        ("ソプラノ", "アルト", "テノール", "バス"),
        ("Soprano", "Mezzo-soprano", "Baritone", "Bass"),
        ("Tenor I", "Tenor II", "Bass I", "Bass II"),
        ("S1", "S2", "A", "T"),
        ("1. Soprano", "2. Alto", "3. Tenor", "4. Bass"),
        ("Choir Soprano", "Choir Alto", "Choir Tenor", "Choir Bass"),
        ("Soprano sax", "Alto sax", "Tenor sax", "Baritone sax (low)"),
        ("Dessus", "Haute-contre", "Taille", "Basse"),
        ("D.", "H.-C.", "T.", "B."),
        ("1er Dessus", "2e Dessus", "Taille", "Basse-contre"),
        ("Dessus", "Bas-dessus", "Basse-taille", "Basses"),
        ("Tiple", "Contralto", "Tenor", "Bajo"),
        ("Tiple 1º", "Tiple 2º", "Tenor", "Barítono"),
        ("Sopr.", "Contr.", "Ten.", "Bar."),
        ("Soprano", "Contralto", "Tenor", "Baixo"),
        ("Superius", "Contratenor", "Tenor", "Bassus"),
        ("Discantus", "Altus", "Tenor", "Bassus"),
        ("C", "A", "T", "B"),  # Cantus
        ("S", "C", "T", "B"),  # Contralto
        ("Sup.", "Ct.", "Ten.", "Bas."),
    ],
)
def test_voices_have_their_place_by_name(tmp_path, names):
    # Each name is given to the part of another: the names decide, and not the pitches.
    tracks = [part(name, notes=PHRASE[s]) for name, s in zip(reversed(names), PHRASE)]
    score = read_midi_piece(save(tmp_path / "a.mid", set_up(), *tracks)).score
    assert [part.name for part in score.parts] == list(names)
    assert voices(score) == CHOIR[::-1]


def test_without_such_names_the_mean_pitch_decides(tmp_path):
    tracks = [part("Oboe", notes=PHRASE[name]) for name in ("Bass", "Alto", "Soprano", "Tenor")]
    assert voices(read_midi_piece(save(tmp_path / "a.mid", *tracks)).score) == CHOIR


def test_one_name_of_another_kind_leaves_it_to_the_pitches():
    assert order_of(["Bass", "Guitar"], [40, 50]) == [1, 0]
    assert rank_of("Bass and tenor") is None
    assert rank_of("A flute") is None
    # Letters that name parts, and words that are no voices where others stand beside them.
    assert order_of(["A", "B", "C", "D"], [40, 50, 60, 70]) == [3, 2, 1, 0]
    assert [rank_of(name) for name in ("Ten horns", "Choeur des anges", "Bar chimes")] == [None] * 3


def test_voices_on_one_channel_are_told_apart(tmp_path):
    together = [note for pitches in CHOIR for note in struck(pitches)]
    path = save(tmp_path / "a.mid", [*set_up(), *together], kind=0)
    piece = read_midi_piece(path)
    assert voices(piece.score) == CHOIR  # the unison of tenor and bass, too
    said = "a.mid: 4 voices of track 1, channel 1 were separated by contig mapping"
    assert piece.warnings == (said,)


def test_two_voices_on_a_staff_have_its_name(tmp_path):
    upper, lower = (
        [(0, meta("track_name", name=name)), *struck(one), *struck(two)]
        for name, (one, two) in (("Upper", CHOIR[:2]), ("Lower", CHOIR[2:]))
    )
    score = read_midi_piece(save(tmp_path / "a.mid", set_up(), lower, upper)).score
    assert voices(score) == CHOIR
    assert [part.name for part in score.parts] == ["Upper 1", "Upper 2", "Lower 1", "Lower 2"]


def test_a_voice_that_rests_comes_back_to_its_own(tmp_path):
    # The alto rests in the middle: soprano and tenor go on, and it does not take their notes.
    soprano, tenor = (struck(PHRASE[name]) for name in ("Soprano", "Tenor"))
    alto = struck((62, 62, 64, 62), [q * QUARTER for q in (0, 1, 6, 7)])
    score = read_midi_piece(save(tmp_path / "a.mid", [*soprano, *alto, *tenor], kind=0)).score
    assert voices(score) == [CHOIR[0], [62, 62, 64, 62], CHOIR[2]]


def test_a_held_note_keeps_its_voice():
    held = Note(0, 12, 60, 80)
    upper = [Note(0, 4, 67, 80), Note(4, 8, 65, 80), Note(8, 12, 64, 80)]
    lower = [Note(4, 8, 55, 80)]
    assert separate(sorted([held, *upper, *lower])) == [upper, [held], lower]


def test_a_hand_of_a_pianist_stays_one_voice(tmp_path):
    melody = struck(PHRASE["Soprano"])
    chord = struck((60, 64, 55), [0, 0, 0])
    piece = read_midi_piece(save(tmp_path / "a.mid", [*melody, *chord]))
    assert piece.score.voices == 1
    assert len(piece.score) == 11
    said = "a.mid: chords of up to 4 notes in track 1, channel 1 stay in one voice"
    assert piece.warnings == (said,)


def test_a_last_chord_of_a_melody_is_reported(tmp_path):
    notes = (*PHRASE["Soprano"], 67, 64, 60)
    melody = struck(notes, [QUARTER * n for n in (*range(8), 8, 8, 8)])
    piece = read_midi_piece(save(tmp_path / "a.mid", melody))
    assert piece.score.voices == 1
    said = "a.mid: chords of up to 3 notes in track 1, channel 1 stay in one voice"
    assert piece.warnings == (said,)


def test_a_melody_played_legato_is_one_voice_and_ends_at_the_next_note(tmp_path):
    lengths = [QUARTER + 144] * 8
    melody = part("Melody", notes=(60, 62, 64, 65, 67, 65, 64, 60), lengths=lengths)
    score = read_midi_piece(save(tmp_path / "a.mid", melody)).score
    assert (score.voices, score.steps_per_quarter, score.length) == (1, 4, 32)
    assert score.duration.tolist() == [4] * 8


NOTES = st.builds(
    lambda onset, length, pitch: Note(onset, onset + length, pitch, 80),
    st.integers(0, 20),
    st.integers(1, 8),
    st.integers(50, 60),
)


@given(st.lists(NOTES, max_size=24, unique_by=lambda note: (note.onset, note.pitch)))
def test_no_note_is_lost_and_none_overlaps_in_its_voice(notes):
    lines = separate(sorted(notes))
    assert sorted(note for line in lines for note in line) == sorted(notes)
    most = max((sum(n.onset <= at < n.end for n in notes) for at in range(30)), default=0)
    assert len(lines) == most
    for line in lines:
        assert all(note.end <= following.onset for note, following in pairwise(line))
