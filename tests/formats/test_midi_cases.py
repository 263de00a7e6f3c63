"""Files as people have them, and what is right: each kind built here, and the real ones beside.

The real ones lie in a folder `cases` next to the one that BACH_TF_TEST_DATA names.
"""

import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import mido
import numpy as np
import pytest
from midi_bytes import NOTE, PHRASE, QUARTER, choir, file_bytes, meta, part, save, set_up, struck

from bach_tf.formats import read, write
from bach_tf.formats.midi.pieces import read_midi_piece
from bach_tf.formats.reading import GRIDS
from bach_tf.formats.rendition import CHURCH_ORGAN, Rendition
from bach_tf.formats.sound.synthesis import SAMPLE_RATE, TAIL_SECONDS, synthesise
from bach_tf.score import Part, Score

CHOIR = [list(pitches) for pitches in PHRASE.values()]


def voices(score):
    return [score.pitch[score.voice == voice].tolist() for voice in range(score.voices)]


def on_organs(score):
    """Return the score as it is written: a part without an instrument has the church organ."""
    parts = [p if p.program is not None else replace(p, program=CHURCH_ORGAN) for p in score.parts]
    return replace(score, parts=parts)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mid"


def beginning(kind, tick=0, **about):
    return (tick, meta(kind, **about))


def test_names_without_nul(path):
    first = set_up(name="Hymn\0")
    score = read_midi_piece(save(path, first, part("Soprano\0", notes=PHRASE["Soprano"]))).score
    assert (score.title, score.parts[0].name) == ("Hymn", "Soprano")


@pytest.mark.parametrize(
    ("content", "name"),
    [("Flöte".encode(), "Flöte"), ("Flöte".encode("latin-1"), "Flöte"), ("钢琴".encode(), "钢琴")],
)
def test_names_in_utf_8_else_in_latin_1(path, content, name):
    path.write_bytes(file_bytes("", f"00 ff03{len(content):02x} {content.hex()} {NOTE}"))
    score = read_midi_piece(path).score
    assert score.parts[0].name == name
    write(score, path.with_suffix(".musicxml"))
    assert name in path.with_suffix(".musicxml").read_text("utf-8")
    write(score, path)
    assert read_midi_piece(path).score.parts[0].name == name


@pytest.mark.parametrize("name", ["", "Untitled", "Unnamed Track", "conductor"])
def test_what_programs_write_where_nobody_has_named_is_no_name(path, name):
    score = read_midi_piece(save(path, set_up(name=name), part(name, notes=[60]))).score
    assert (score.title, score.parts[0].name) == ("a", "")


def test_the_tempo_map_is_kept_and_played(path):
    changes = [
        beginning("set_tempo", tick, tempo=t) for tick, t in ((1920, 10**6), (2880, 2 * 10**6))
    ]
    score = read_midi_piece(save(path, set_up(*changes), *choir())).score
    assert score.tempi == ((0, 120), (16, 60), (24, 30))
    again = path.with_name("b.mid")
    write(score, again)
    assert read_midi_piece(again).score == on_organs(score)
    assert mido.MidiFile(again).length == pytest.approx(8)
    # The last two quarters are of two seconds each.
    sound = synthesise(score, Rendition())
    assert len(sound) / SAMPLE_RATE - TAIL_SECONDS == pytest.approx(8)


def test_a_short_first_bar_is_an_upbeat(path):
    four = beginning("time_signature", QUARTER, numerator=4, denominator=4)
    tracks = [part(n, notes=(p[0], *p), channel=c) for c, (n, p) in enumerate(PHRASE.items())]
    score = read_midi_piece(save(path, set_up(four, metre=(1, 4)), *tracks)).score
    assert (score.upbeat, score.metres, score.length) == (4, ((0, 4, 4),), 36)
    write(score, path)
    found = [m for m in mido.MidiFile(path).tracks[0] if m.type == "time_signature"]
    assert [(m.numerator, m.denominator, m.time) for m in found] == [(1, 4, 0), (4, 4, QUARTER)]
    assert read_midi_piece(path).score == on_organs(score)


@pytest.mark.parametrize(
    ("metres", "upbeat"),
    [
        ([(0, 1, 8), (0.5, 6, 8)], 2),
        ([(0, 3, 4), (3, 4, 4)], 12),
        ([(0, 1, 4), (1, 4, 4), (5, 3, 4)], 4),
        ([(0, 1, 2), (2, 2, 2), (6, 3, 4)], 8),
        ([(0, 2, 4), (2, 4, 4), (6, 4, 4)], 8),
        ([(0, 2, 4), (2, 4, 4), (6, 3, 8)], 0),  # metres that change from bar to bar
        ([(0, 3, 4), (3, 4, 4), (7, 6, 8)], 0),
        ([(0, 4, 4), (4, 3, 4)], 0),
        ([(0, 1, 4), (4, 4, 4)], 0),  # four bars of it
        ([(0, 4, 4), (1, 4, 4)], 4),  # a first bar cut short by the same metre
        ([(0, 6, 8), (0.5, 6, 8), (6.5, 3, 4)], 2),
        ([(0, 4, 4), (1, 3, 4)], 4),
        ([(0, 4, 4), (3, 3, 4)], 0),  # a bar of 3/4, whatever is said of it
        ([(0, 4, 4), (4, 4, 4)], 0),
    ],
)
def test_which_first_bars_are_upbeats(path, metres, upbeat):
    said = [
        beginning("time_signature", int(480 * quarter), numerator=beats, denominator=value)
        for quarter, beats, value in metres
    ]
    score = read_midi_piece(save(path, said, *choir())).score
    assert score.upbeat == upbeat
    assert len(score.metres) == len(metres) - (upbeat > 0)


def test_bars_that_are_restated_are_written_and_read_again(path):
    score = replace(Score.from_grid([[60]] * 36), metres=((0, 4, 4), (4, 4, 4)))
    write(score, path)
    again = read_midi_piece(path).score
    assert (again.upbeat, again.metres) == (0, score.metres)


@pytest.mark.parametrize(
    ("metre", "steps"), [((7, 64), 16), ((3, 64), 16), ((5, 16), 4), ((3, 32), 8), ((1, 64), 16)]
)
def test_the_grid_is_fine_enough_for_the_bars(path, metre, steps):
    piece = read_midi_piece(save(path, set_up(metre=metre), *choir()))
    assert (piece.score.steps_per_quarter, piece.score.metres) == (steps, ((0, *metre),))
    assert (voices(piece.score), piece.warnings) == (CHOIR, ())


@pytest.mark.parametrize(
    ("metre", "said"), [((7, 64), "and were shortened"), ((1, 64), "and were left out")]
)
def test_bars_that_a_grid_cannot_hold_are_reported(path, metre, said):
    piece = read_midi_piece(save(path, set_up(metre=metre), *choir()), GRIDS["sixteenths"])
    (warning,) = piece.warnings
    assert f"bars of {metre[0]}/64 are no whole number of steps, {said}" in warning
    assert len(piece.score.metres) == (metre[0] == 7)


@pytest.mark.parametrize(
    ("kind", "about", "name"),
    [
        ("set_tempo", [{"tempo": 10**6}, {"tempo": 2 * 10**6}], "tempo"),
        ("time_signature", [{"numerator": 3}, {"numerator": 2}], "metre"),
        ("key_signature", [{"key": "D"}, {"key": "F"}], "key"),
    ],
)
def test_changes_between_two_steps_are_reported(path, kind, about, name):
    changes = [beginning(kind, t, **what) for t, what in zip((4 * QUARTER, 2410), about)]
    (said,) = read_midi_piece(save(path, set_up(*changes), *choir())).warnings
    place = "bar 3, beat 1.02" if name == "metre" else "bar 2, beat 2.02"
    assert said == f"a.mid: {place}: 1 of 2 changes of {name} were moved to the nearest step"
    on_steps = beginning(kind, 2280, **about[1])
    assert read_midi_piece(save(path, set_up(changes[0], on_steps), *choir())).warnings == ()


def test_metres_are_kept(path):
    changes = [
        beginning("time_signature", tick, numerator=beats, denominator=value)
        for tick, beats, value in ((3 * QUARTER, 4, 4), (7 * QUARTER, 6, 8))
    ]
    score = read_midi_piece(save(path, set_up(*changes, metre=(3, 4)), *choir())).score
    assert (score.upbeat, score.metres) == (0, ((0, 3, 4), (12, 4, 4), (28, 6, 8)))
    write(score, path)
    assert read_midi_piece(path).score == on_organs(score)


def pedalled():
    down, up = (mido.Message("control_change", control=64, value=value) for value in (127, 0))
    starts = [0, QUARTER, 2 * QUARTER, 3 * QUARTER]
    notes = struck((60, 64, 67, 72), starts, [QUARTER // 4] * 4)
    return [(0, meta("track_name", name="Piano")), (0, down), (4 * QUARTER, up), *notes]


def test_what_the_pedal_holds_sounds_on(path):
    save(path, set_up(), pedalled())
    score = read_midi_piece(path).score
    assert (score.voices, score.duration.tolist()) == (1, [1] * 4)  # a melody, as it was struck
    assert score.pedals == ((0, 16, 0),)
    write(score, path)
    assert read_midi_piece(path).score == on_organs(score)
    in_time = read(path, grid=GRIDS["seconds"]).score
    assert (in_time.onset + in_time.duration).tolist() == [250] * 4  # two seconds


def test_the_pedal_is_heard(path):
    score = read_midi_piece(save(path, set_up(), pedalled())).score
    held, dry = synthesise(score), synthesise(replace(score, pedals=()))
    # The last note is struck at 1.5 seconds, and the pedal lifted at 2.
    before_it_is_lifted = slice(int(1.9 * SAMPLE_RATE), int(1.95 * SAMPLE_RATE))
    assert np.abs(held[before_it_is_lifted]).max() > 0.05
    assert np.abs(dry[before_it_is_lifted]).max() == 0


def test_silence_after_the_last_bar_is_cut(path):
    score = read_midi_piece(save(path, [*set_up()], *choir(), end=400 * QUARTER)).score
    assert score.length == 32
    # A rest to the bar line stays.
    short = [part(n, notes=p[:5], channel=c) for c, (n, p) in enumerate(PHRASE.items())]
    assert read_midi_piece(save(path, set_up(), *short, end=400 * QUARTER)).score.length == 32


def test_of_two_at_the_beginning_the_last_holds(path):
    twice = [
        beginning("key_signature", key="C"),
        beginning("key_signature", key="Eb"),
        beginning("time_signature", numerator=3, denominator=4),
        beginning("set_tempo", tempo=1_000_000),
    ]
    score = read_midi_piece(save(path, set_up(*twice), *choir())).score
    assert (score.key_signature, score.metres, score.tempi) == (-3, ((0, 3, 4),), ((0, 60),))


def test_key_signatures_are_kept(path):
    keys = [beginning("key_signature", tick, key=key) for tick, key in ((0, "C"), (1920, "Eb"))]
    score = read_midi_piece(save(path, set_up(*keys), *choir())).score
    assert (score.key_signature, score.key_changes) == (0, ((16, -3),))
    write(score, path)
    assert read_midi_piece(path).score == on_organs(score)
    write(score, path.with_suffix(".musicxml"))
    measures = ElementTree.parse(path.with_suffix(".musicxml")).find("part").findall("measure")
    fifths = [measure.findtext("attributes/key/fifths") for measure in measures]
    assert fifths == ["0", "-3"]


def test_a_key_signature_in_every_track_is_one(path):
    key = beginning("key_signature", key="G")
    again = beginning("key_signature", 1920, key="G")
    tracks = [[key, again, *track] for track in choir()]
    score = read_midi_piece(save(path, *tracks)).score
    assert (score.key_signature, score.key_changes) == (1, ())


def test_instruments_volume_and_pan_of_each_part(path):
    players = {
        "Flute": (73, 127, 0),
        "Oboe": (68, 20, 40),
        "Clarinet": (71, 20, 80),
        "Cello": (42, 127, 127),
    }
    tracks = []
    for channel, ((name, (program, volume, pan)), notes) in enumerate(zip(players.items(), CHOIR)):
        said = [mido.Message("program_change", channel=channel, program=program)]
        for control, value in ((7, volume), (10, pan)):
            said.append(
                mido.Message("control_change", channel=channel, control=control, value=value)
            )
        tracks.append(part(name, *((0, one) for one in said), notes=notes, channel=channel))
    score = read_midi_piece(save(path, set_up(), *tracks)).score
    assert score.parts == tuple(Part(name, *about) for name, about in players.items())
    write(score, path)
    assert read_midi_piece(path).score == on_organs(score)


def test_a_change_of_instrument_is_reported(path):
    changes = [(t, mido.Message("program_change", program=p)) for t, p in ((0, 40), (960, 73))]
    piece = read_midi_piece(save(path, part("Soprano", *changes)))
    assert piece.score.parts[0].program == 40
    said = "a part has one instrument: 40 is kept, changes to 73 are left out"
    assert piece.warnings == (f"a.mid: track 1, channel 1: {said}",)
    # Not one before the notes, one to the same, or one with no notes behind it.
    changes = [(t, mido.Message("program_change", program=p)) for t, p in ((0, 7), (4000, 73))]
    assert read_midi_piece(save(path, part("Soprano", *changes, changes[0]))).warnings == ()


def test_a_performance_of_several_instruments_has_the_first(path):
    tracks = [
        part(name, (0, mido.Message("program_change", channel=n, program=n)), channel=n)
        for n, name in enumerate(PHRASE)
    ]
    piece = read_midi_piece(save(path, *tracks), GRIDS["seconds"])
    assert [part.program for part in piece.score.parts] == [0]
    said = "a.mid: 4 instruments play one voice of a performance: the first one is kept"
    assert piece.warnings == (said,)


def test_programs_in_a_set_up_track_make_no_voice(path):
    programs = (73, 68, 71, 42)
    chosen = [
        (0, mido.Message("program_change", channel=c, program=p)) for c, p in enumerate(programs)
    ]
    score = read_midi_piece(save(path, chosen, *choir())).score
    assert [(part.name, part.program) for part in score.parts] == list(zip(PHRASE, programs))
    assert voices(score) == CHOIR


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("off", [25, 55])  # ticks of 480
def test_what_people_have_played_to_a_beat_is_on_it(path, seed, off):
    draw = np.random.default_rng(seed)
    tracks = []
    for channel, (name, notes) in enumerate(PHRASE.items()):
        starts = np.maximum(0, np.arange(8) * QUARTER + draw.integers(-off, off + 1, 8)).tolist()
        lengths = (QUARTER - 80 + draw.integers(-25, 26, 8)).tolist()
        tracks.append(part(name, notes=notes, channel=channel, starts=starts, lengths=lengths))
    piece = read_midi_piece(save(path, set_up(), *tracks))
    assert voices(piece.score) == CHOIR
    assert (piece.score.steps_per_quarter, piece.score.tempi) == (4, ((0, 120),))
    assert set((piece.score.onset % 4).tolist()) == {0}
    (said,) = piece.warnings
    assert "of 32 notes were moved to the nearest of 4 steps of a quarter" in said
    assert "bar 1, beat " in said


def test_what_is_played_freely_is_a_performance(path):
    draw = np.random.default_rng(0)
    starts = np.cumsum(draw.integers(100, 900, 64)).tolist()
    piece = read_midi_piece(save(path, struck([60, 62] * 32, starts, [90] * 64)))
    assert piece.score.timing == "seconds"
    assert piece.warnings == (
        "a.mid: the notes fit no grid of beats: it is read as a performance, in seconds and in "
        "one voice",
    )


def test_thirty_seconds_among_quarters_are_read_exactly(path):
    fast = struck((67, 69, 71, 72), [60 * n for n in range(4)], [60] * 4)
    slow = struck((64,) * 7, [QUARTER * n for n in range(1, 8)])
    score = read_midi_piece(save(path, [*fast, *slow])).score
    assert score.steps_per_quarter == 8
    assert score.onset.tolist()[:6] == [0, 1, 2, 3, 8, 16]


# The real files.

CASES = Path(os.environ.get("BACH_TF_TEST_DATA", "")).parent / "cases"
needs_cases = pytest.mark.skipif(
    not os.environ.get("BACH_TF_TEST_DATA") or not CASES.is_dir(),
    reason="no folder `cases` beside BACH_TF_TEST_DATA",
)
RIGHT = {
    "01_nul_names.mid": {"title": "Hymn", "names": list(PHRASE)},
    "02_utf8_names.mid": {"names": ["Flöte", "Ténor", "Контральто", "钢琴"]},
    "03_type0_one_channel.mid": {"names": [""] * 4, "said": ["4 voices"]},
    "05_two_staves.mid": {"said": ["2 voices", "2 voices"]},
    "06_bass_first.mid": {"names": list(PHRASE), "said": ["the parts were reordered"]},
    "07_tempo_changes.mid": {"tempi": ((0, 120), (16, 60), (24, 30))},
    "08_pickup_ts.mid": {
        "upbeat": 4,
        "metres": ((0, 4, 4),),
        "voices": [[p[0], *p] for p in CHOIR],
    },
    "09_metre_changes.mid": {
        "metres": ((0, 3, 4), (12, 4, 4), (28, 6, 8)),
        "voices": [[*p, *p[:2]] for p in CHOIR],
    },
    "10_pedal.mid": {"voices": [[60, 64, 67, 72]], "pedals": ((0, 16, 0),)},
    "12_legato_overlap.mid": {"voices": [[60, 62, 64, 65, 67, 69, 71, 72]], "length": 32},
    "13_triplets.mid": {"voices": [[60, 62, 64] * 4], "steps_per_quarter": 12, "length": 48},
    "14_thirtyseconds.mid": {"steps_per_quarter": 8, "length": 72, "voices": None},
    "15_soprano_only.mid": {"voices": CHOIR[:1]},
    "16_octave_up.mid": {"voices": [[pitch + 24 for pitch in p] for p in CHOIR]},
    "18_late_end.mid": {"length": 32},
    "40_rmi.rmi": {"voices": [CHOIR[0][:7]]},
    "42_unknown_chunk.mid": {"voices": [CHOIR[0][:7]], "said": ["a chunk 'XFIH'"]},
    "45_truncated.mid": {"voices": [CHOIR[0][:6]], "said": ["byte 77: the file ends"]},
    "48_fewer_tracks_than_said.mid": {"voices": [CHOIR[0][:7]], "said": ["5 tracks are announced"]},
    "52_key_sig_bad.mid": {"voices": [CHOIR[0][:7]], "said": ["byte 23: a key signature that"]},
    "54_timesig_short.mid": {"voices": [CHOIR[0][:7]], "said": ["byte 23: a time signature that"]},
    "60_two_at_zero.mid": {"key_signature": -3, "metres": ((0, 3, 4),), "tempi": ((0, 60),)},
    "61_instruments.mid": {"names": ["Flute", "Oboe", "Clarinet", "Cello"]},
    "64_human_timing.mid": {"said": ["of 32 notes were moved"], "tempi": ((0, 120),)},
    "69_programs_in_track0.mid": {"names": list(PHRASE)},
}


@needs_cases
@pytest.mark.parametrize("name", RIGHT)
def test_each_real_file_is_read_right(name):
    right = {"voices": CHOIR, "steps_per_quarter": 4, "timing": "beats", "said": [], **RIGHT[name]}
    piece = read_midi_piece(CASES / "midi" / name)
    said, expected = piece.warnings, right.pop("said")
    assert len(said) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, said))
    if (notes := right.pop("voices")) is not None:
        assert voices(piece.score) == notes
    if (names := right.pop("names", None)) is not None:
        assert [part.name for part in piece.score.parts] == names
    assert {name: getattr(piece.score, name) for name in right} == right


@needs_cases
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("20_no_notes.mid", "got none$"),
        ("24_drums_only.mid", "got none but drums: track 2 'Drums'"),
    ],
)
def test_a_real_file_without_notes(name, what):
    with pytest.raises(ValueError, match=rf"^{name}: expected notes, {what}"):
        read(CASES / "midi" / name)


@needs_cases
def test_the_thirty_seconds_of_a_chorale_are_exact():
    score = read(CASES / "scores" / "thirtysecond.mid").score
    assert (score.steps_per_quarter, score.voices) == (8, 4)
    assert (score.duration == 1).sum() >= 4


@needs_cases
def test_every_real_file_is_written_and_read_again(tmp_path):
    for file in sorted([*CASES.glob("midi/*"), *CASES.glob("*/*.mid")]):
        try:
            score = read_midi_piece(file).score
            Rendition().tempi_of(score)
        except ValueError:
            continue
        write(score, tmp_path / "again.mid")
        again = read_midi_piece(tmp_path / "again.mid", None).score
        assert again.steps_per_quarter <= score.steps_per_quarter, file
        assert voices(again) == voices(score), file
