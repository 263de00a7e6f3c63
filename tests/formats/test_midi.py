import random
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from midi_bytes import NOTE, file_bytes

from bach_tf.formats.midi import (
    CHANNELS,
    read_midi,
    read_midi_seconds,
    write_midi,
)
from bach_tf.formats.rendition import CHURCH_ORGAN, Rendition
from bach_tf.score import COLUMNS, PERFORMANCE_TEMPO_QPM, SECONDS, Part, Score

# Soprano: one G held for two steps, then a rest. Alto: C, then B to the end.
TWO_VOICES = [[67, 60], [67, 59], [0, 59]]

GOLDEN = bytes.fromhex(
    "4d546864 00000006 0001 0003 01e0"  # MThd: type 1, three tracks, 480 ticks a quarter
    "4d54726b 00000021"  # MTrk: the tempo's
    "00 ff 03 03 74776f"  # name "two"
    "00 ff 51 03 0a2c2b"  # tempo: 666667 microseconds a quarter, 90 a minute
    "00 ff 58 04 03 02 18 08"  # three fourths
    "00 ff 59 02 ff 00"  # one flat
    "8268 ff 2f 00"  # ends after 360 ticks, three steps
    "4d54726b 0000001b"
    "00 ff 03 07 736f7072616e6f"  # name "soprano"
    "00 c0 13"  # channel 0: church organ
    "00 90 43 5a"  # G4 struck with velocity 90
    "8170 80 43 40"  # and released 240 ticks later
    "78 ff 2f 00"  # a step of silence
    "4d54726b 00000023"
    "00 ff 03 07 766f6963652032"  # name "voice 2"
    "00 c1 13"  # channel 1
    "00 91 3c 46"  # C4 with velocity 70
    "78 81 3c 40"  # released before ...
    "00 91 3b 46"  # ... B3 is struck at the same tick
    "8170 81 3b 40"
    "00 ff 2f 00"
)


def two_voices():
    about = {"title": "two", "key_signature": -1, "metres": ((0, 3, 4),)}
    return Score.from_grid(TWO_VOICES, velocity=(90, 70), **about)


def named(score, *names):
    return replace(score, parts=[Part(name) for name in names])


def tracks_of(path):
    """Return the tracks of a file: (tick, message) each."""
    tracks = []
    for track in mido.MidiFile(path).tracks:
        ticks = np.cumsum([message.time for message in track]).tolist()
        tracks.append(list(zip(ticks, track, strict=True)))
    return tracks


def notes_of(score):
    return list(zip(*(getattr(score, name).tolist() for name in COLUMNS)))


@pytest.fixture
def read(tmp_path):
    """Read the bytes of a file."""

    def read_bytes(content, reader=read_midi, **options):
        path = tmp_path / "piece.mid"
        path.write_bytes(content)
        return reader(path, **options)

    return read_bytes


@pytest.fixture
def write(tmp_path):
    """Write a score and return the path."""

    def write_score(score, **style):
        path = tmp_path / "written.mid"
        write_midi(score, path, Rendition(**style))
        return path

    return write_score


# Writing.


def test_golden_file(write):
    path = write(named(two_voices(), "soprano"), tempo_qpm=90)
    assert path.read_bytes() == GOLDEN
    assert write(named(two_voices(), "soprano"), tempo_qpm=90).read_bytes() == GOLDEN


def test_a_note_is_struck_where_the_pitch_changes_and_held_until_then(write):
    grid = [[60]] * 4 + [[62]] * 2 + [[0]] * 2 + [[62]] * 4
    _, voice = tracks_of(write(Score.from_grid(grid)))
    sounds = [(t, m.type, m.note) for t, m in voice if m.type in ("note_on", "note_off")]
    assert sounds == [
        (0, "note_on", 60),
        (480, "note_off", 60),
        (480, "note_on", 62),
        (720, "note_off", 62),
        (960, "note_on", 62),  # after the rest
        (1440, "note_off", 62),  # the last one too
    ]


def test_a_repeated_note_is_struck_again(write):
    columns = dict(zip(COLUMNS, ([0, 4], [4, 4], [60, 60], [0, 0], [80, 80])))
    _, voice = tracks_of(write(Score(**columns, length=8)))
    sounds = [(t, m.type) for t, m in voice if m.type in ("note_on", "note_off")]
    assert sounds == [(0, "note_on"), (480, "note_off"), (480, "note_on"), (960, "note_off")]


def test_the_first_track_has_tempo_meter_and_key(write):
    path = write(two_voices(), tempo_qpm=120)
    about, *voices = tracks_of(path)
    found = {message.type: message for _, message in about}
    assert found["set_tempo"].tempo == 500_000
    assert (found["time_signature"].numerator, found["time_signature"].denominator) == (3, 4)
    assert found["key_signature"].key == "F"
    assert found["track_name"].name == "two"
    metas = {message.type for voice in voices for _, message in voice if message.is_meta}
    assert metas == {"track_name", "end_of_track"}
    assert {track[-1][0] for track in (about, *voices)} == {360}  # all end together


def test_an_unknown_key_is_not_written_and_an_unknown_meter_is_four_fourths(write):
    about, _ = tracks_of(write(Score.from_grid([[60]])))
    found = {message.type: message for _, message in about}
    assert "key_signature" not in found
    assert (found["time_signature"].numerator, found["time_signature"].denominator) == (4, 4)


def test_each_voice_has_a_named_track_a_channel_and_its_velocity(write):
    velocities = (92, 74, 75, 84)
    score = Score.from_grid([[72, 67, 64, 48]], velocity=velocities)
    _, *tracks = tracks_of(write(named(score, "Sopran", "Alt"), program=6))
    messages = [[message for _, message in track] for track in tracks]
    assert [track[0].name for track in messages] == ["Sopran", "Alt", "voice 3", "voice 4"]
    assert [(track[1].channel, track[1].program) for track in messages] == [
        (0, 6),
        (1, 6),
        (2, 6),
        (3, 6),
    ]
    struck = [track[2] for track in messages]
    assert [(note.channel, note.velocity) for note in struck] == list(enumerate(velocities))


def test_the_tenth_channel_is_percussion_and_left_out(write):
    grid = [list(range(50, 65))]
    path = write(Score.from_grid(grid))
    _, *tracks = tracks_of(path)
    assert [track[1][1].channel for track in tracks] == [0, 1, 2, 3, 4, 5, 6, 7, 8, *range(10, 16)]
    assert read_midi(path).to_grid().tolist() == grid
    assert "voices as written" in path.read_bytes().decode("latin-1")  # the lowest is the first
    assert len(CHANNELS) == 15


def test_the_church_organ_plays_unless_told_otherwise(write):
    _, voice = tracks_of(write(Score.from_grid([[60]])))
    assert voice[1][1].program == CHURCH_ORGAN == 19


def test_names_are_written_in_utf_8(write):
    path = write(named(Score.from_grid([[60]], title="Ach Gött, 神"), "ñ→"))
    names = [track[0].name for track in mido.MidiFile(path, charset="utf-8").tracks]
    assert names == ["Ach Gött, 神", "ñ→"]
    score = read_midi(path)
    assert (score.title, score.parts[0].name) == ("Ach Gött, 神", "ñ→")


def test_a_score_without_notes_is_a_file_without_notes(write):
    path = write(Score.from_grid(np.zeros((4, 4), int)))
    assert len(tracks_of(path)) == 1
    with pytest.raises(ValueError, match=r"written\.mid: expected notes, got none$"):
        read_midi(path)


@pytest.mark.parametrize("tempo_qpm", [3.9, 1001, 0, -90, float("nan"), float("inf")])
def test_tempo_bounds(write, tempo_qpm):
    with pytest.raises(ValueError, match=r"`tempo_qpm` must be in 4\.\.1000\. Received: "):
        write(two_voices(), tempo_qpm=tempo_qpm)


@pytest.mark.parametrize("program", [-1, 128])
def test_program_bounds(write, program):
    with pytest.raises(ValueError, match=rf"`program` must be in 0\.\.127\. Received: {program}"):
        write(two_voices(), program=program)


@pytest.mark.parametrize("style", [{"tempo_qpm": 4}, {"tempo_qpm": 1000}, {"program": 127}])
def test_at_the_bounds(write, style):
    assert read_midi(write(two_voices(), **style)).to_grid().tolist() == TWO_VOICES


def test_sixteen_voices_are_too_many(write):
    with pytest.raises(ValueError, match=r"Expected at most 15 voices\. Received: 16"):
        write(Score.from_grid([list(range(50, 66))]))


@pytest.mark.parametrize("sharps", range(-7, 8))
def test_every_key_signature_comes_back(write, sharps):
    score = Score.from_grid([[60]], key_signature=sharps)
    assert read_midi(write(score)).key_signature == sharps


@pytest.mark.parametrize("sharps", [-8, 8])
def test_a_key_signature_has_at_most_seven_sharps_or_flats(write, sharps):
    with pytest.raises(ValueError, match="`key_signature`"):
        write(Score.from_grid([[60]], key_signature=sharps))


# There and back.


def places(steps, *what):
    """Return a strategy for tempi or metres, one at least."""
    one = st.tuples(st.integers(0, steps), *what)
    return st.lists(one, min_size=1, max_size=4, unique_by=lambda place: place[0]).map(sorted)


def from_the_beginning(tempi):
    return [(0, *tempi[0][1:]), *tempi[1:]]


NUMBERS = st.integers(0, 127)
KEYS = st.integers(-7, 7)
PARTS = st.builds(
    Part,
    name=st.sampled_from(["", "Soprano", "Bass", "Flöte 2", "钢琴"]),
    program=NUMBERS,
    volume=st.none() | NUMBERS,
    pan=st.none() | NUMBERS,
)


def to_the_bar(score):
    """Return the score without bars of silence at its end."""
    end = int((score.onset + score.duration).max())
    return score.opening(end + score.steps_to_bar_line(end))


@given(st.data())
def test_score_to_file_and_back(data):
    steps, voices = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 5))
    pitches = st.sampled_from([0, 0, 1, 60, 60, 62, 127])
    grid = data.draw(arrays(np.int32, (steps, voices), elements=pitches))
    # A voice that never sounds has no notes to find it by.
    grid[data.draw(st.integers(0, steps - 1)), :] = 64
    silence = data.draw(st.integers(0, 5))
    grid = np.pad(grid, ((silence, silence), (0, 0)))
    # No bar of these is shorter than a step.
    metres = data.draw(places(steps, st.integers(4, 12), st.sampled_from([2, 4, 8, 16])))
    key, keys = data.draw(st.none() | KEYS), data.draw(places(steps, KEYS))
    pedals = data.draw(st.lists(st.integers(0, steps), unique=True, max_size=8).map(sorted))
    per_quarter = data.draw(st.sampled_from([1, 3, 4, 7, 12, 480, 1000]))
    score = Score.from_grid(
        grid,
        velocity=data.draw(st.lists(st.integers(1, 127), min_size=voices, max_size=voices)),
        title=data.draw(st.sampled_from(["piece", "Für Elise", "小星星"])),
        key_signature=key,
        key_changes=[] if key is None else [(s, k) for s, k in keys if s > 0 and k != key][:1],
        tempi=from_the_beginning(data.draw(places(steps, st.integers(4, 240)))),
        metres=metres,
        # A metre that ends with the upbeat, or within it, has no bar.
        upbeat=data.draw(st.integers(0, (metres[1][0] if len(metres) > 1 else 40) - 1)),
        pedals=[(*span, voices - 1) for span in zip(pedals[::2], pedals[1::2])],
        parts=data.draw(st.lists(PARTS, min_size=voices, max_size=voices)),
        steps_per_quarter=per_quarter,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        write_midi(score, path)
        content = path.read_bytes()
        write_midi(score, path)
        assert path.read_bytes() == content
        assert read_midi(path, steps_per_quarter=per_quarter) == to_the_bar(score)
    np.testing.assert_array_equal(score.to_grid(voices), grid)


# Reading.


def test_the_golden_file_is_read(read):
    score = read(GOLDEN)
    assert score == Score.from_grid(
        TWO_VOICES,
        velocity=(90, 70),
        title="two",
        key_signature=-1,
        tempi=[(0, 90)],
        metres=[(0, 3, 4)],
        parts=[Part("soprano", CHURCH_ORGAN), Part("voice 2", CHURCH_ORGAN)],
    )


def test_what_is_asked_for_takes_the_place_of_what_the_score_says(write, read):
    said = {"tempi": [(0, 60), (2, 120)], "parts": [Part("one", 40, pan=0), Part("two", 41)]}
    score = replace(two_voices(), **said)
    again = read(write(score, tempo_qpm=75, program=6).read_bytes())
    assert again.tempi == ((0, 75),)
    assert again.parts == (Part("one", 6, pan=0), Part("two", 6))
    assert read(write(score, programs=[7]).read_bytes()).parts[0].program == 7
    assert read(write(score).read_bytes()).parts == tuple(said["parts"])


def test_tempi_and_metres_stand_at_their_places(read):
    # Of two tempi at a tick the last holds, and one between two steps moves to the nearest.
    tempi = f"00 {FAST} 00 {SLOW} 8345 {FAST}"
    score = read(file_bytes(f"{tempi} 00 ff5804 03021808 00 903c50 8360 803c40"))
    assert score.tempi == ((0, 75), (4, 150))
    assert score.metres == ((4, 3, 4),)


def test_a_part_has_the_instrument_volume_and_place_with_which_its_channel_begins(read):
    chosen = "00 c028 00 b00764 00 b00a20 00 c029 00 b00701"  # of two at a tick the last holds
    notes = "00 903c50 00 913c50 60 803c40 00 c02a 00 813c40 00 b10b05 00 b1070a"
    assert read(file_bytes(f"{chosen} {notes}")).parts == (Part("", 41, 1, 32), Part("", 40, 10))


def test_notes_move_to_the_nearest_step_and_last_one_at_least(read):
    # C4 from tick 50 to 190, E4 from 300 to 301, with 120 ticks a step.
    score = read(file_bytes("32 903c50 810c 803c40 6e 904050 01 804040"))
    assert notes_of(score) == [(0, 2, 60, 0, 80), (2, 1, 64, 0, 80)]


def test_another_grid(read):
    content = file_bytes("00 903c50 8360 803c40")
    assert notes_of(read(content)) == [(0, 4, 60, 0, 80)]
    assert notes_of(read(content, steps_per_quarter=8)) == [(0, 8, 60, 0, 80)]


@pytest.mark.parametrize("steps", [0, -1])
def test_a_grid_has_steps(read, steps):
    with pytest.raises(ValueError, match=r"`steps_per_quarter` .* at least 1"):
        read(GOLDEN, steps_per_quarter=steps)


def test_struck_with_velocity_0_is_released(read):
    score = read(file_bytes("00 903c50 8360 903c00 8360 904050 8360 904000"))
    assert notes_of(score) == [(0, 4, 60, 0, 80), (8, 4, 64, 0, 80)]


def test_a_note_that_is_never_released_ends_with_its_track(read):
    score = read(file_bytes("00 903c50 8360 914050 8360 814040"))
    assert notes_of(score) == [(4, 4, 64, 0, 80), (0, 8, 60, 1, 80)][::-1]


@pytest.mark.parametrize("controller", ["78", "7b"])
def test_all_notes_of_a_channel_off(read, controller):
    # Released already, sounding, and sounding in another channel.
    notes = "00 903e50 78 803e40 00 903c50 00 914050 8360"
    score = read(file_bytes(f"{notes} b0{controller}00 8360 814040 8360 904350 8360 804340"))
    assert notes_of(score) == [
        (0, 1, 62, 0, 80), (1, 4, 60, 0, 80), (1, 8, 64, 1, 80), (13, 4, 67, 0, 80)
    ]  # fmt: skip


def test_a_release_of_what_does_not_sound_is_nothing(read):
    assert notes_of(read(file_bytes("00 803c40 00 903c50 8360 803c40 8360 803c40"))) == [
        (0, 4, 60, 0, 80)
    ]


def test_a_note_struck_twice_is_released_first_come_first_served(read):
    content = file_bytes("00 903c50 8360 903c46 8360 803c40 8360 803c40")
    # The later one goes on to its own release, and the earlier one ends where it begins.
    assert notes_of(read(content)) == [(0, 4, 60, 0, 80), (4, 8, 60, 0, 70)]


def test_a_note_struck_twice_and_released_once(read):
    content = file_bytes("00 903c50 8360 903c46 8360 803c40 8360 903c3c 8360 803c40")
    assert notes_of(read(content)) == [(0, 4, 60, 0, 80), (4, 4, 60, 0, 70), (12, 4, 60, 0, 60)]


def test_struck_three_times_and_released_in_between(read):
    content = file_bytes("00 903c50 78 903c46 78 803c40 78 903c3c 78 803c40 78 803c40")
    assert notes_of(read(content)) == [(0, 1, 60, 0, 80), (1, 2, 60, 0, 70), (3, 2, 60, 0, 60)]


def test_a_pitch_that_is_repeated_legato_keeps_the_length_of_each_note(read):
    # Each quarter is released 15 ticks after it has been struck again.
    struck = (
        "00 903c50 8360 903c50 0f 803c40 8351 903c50 0f 803c40 8351 903c50 0f 803c40 8351 803c40"
    )
    notes = notes_of(read(file_bytes(struck)))
    assert notes == [(0, 4, 60, 0, 80), (4, 4, 60, 0, 80), (8, 4, 60, 0, 80), (12, 4, 60, 0, 80)]


def test_what_a_grid_moves_to_one_step_is_one_note(read):
    # With 120 ticks a step: at ticks 0 to 10 with velocity 80, at 20 to 250 with 70.
    content = file_bytes("00 903c50 0a 803c40 0a 903c46 8166 803c40")
    assert notes_of(read(content)) == [(0, 2, 60, 0, 80)]


def test_one_pitch_in_two_channels_is_in_two_voices(read):
    content = file_bytes("00 903c50 78 913c46 78 803c40 78 813c40")
    assert notes_of(read(content)) == [(0, 2, 60, 0, 80), (1, 2, 60, 1, 70)]


def test_each_channel_of_each_track_is_a_voice_but_percussion(read):
    track = "00 913c50 00 904850 00 992450 8360 813c40 00 804840 00 892440"
    other = "00 903050 8360 803040"
    assert read(file_bytes(track, other)).to_grid()[0].tolist() == [72, 60, 48]
    assert read(file_bytes(track, kind=0)).to_grid()[0].tolist() == [72, 60]


@pytest.mark.parametrize("content", [file_bytes(""), file_bytes("", "")])
@pytest.mark.parametrize("reader", [read_midi, read_midi_seconds])
def test_a_file_without_notes(read, content, reader):
    with pytest.raises(ValueError, match=r"^piece\.mid: expected notes, got none$"):
        read(content, reader)


def test_the_last_signatures_at_the_beginning_hold_and_minor_keys_are_known(read):
    # A minor then E flat major; 3/8 then 4/4; later others.
    signatures = "00 ff59020001 00 ff580403031808 00 ff5902fd00 00 ff580404021808"
    score = read(file_bytes(f"{signatures} {NOTE} 00 ff59020300"))
    assert (score.key_signature, score.time_signature) == (-3, (4, 4))
    assert read(file_bytes(f"00 ff59020301 {NOTE}")).key_signature == 3  # F sharp minor


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "an empty file$"),
        (b"note0,note1,note2,note3\n", "one that begins with b'note0,no' instead of b'MThd'$"),
        (GOLDEN[:10], "an end after 10 bytes, in the middle of the header"),
        (GOLDEN[:14], "one without a track"),
        (file_bytes(), "one without a track"),
        (b"RIFF\0\0\0\0RMIDLIST\4\0\0\0abcd", "a RIFF file without a MIDI file in it"),
    ],
)
def test_what_is_no_midi_file(read, content, got):
    with pytest.raises(ValueError, match=rf"piece\.mid: expected a MIDI file, got: .*{got}"):
        read(content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.mid: expected a file, got: No such file"):
        read_midi(tmp_path / "absent.mid")
    with pytest.raises(ValueError, match=r"expected a file, got a folder \(directory\)"):
        read_midi(tmp_path)


@pytest.mark.parametrize("division", [0, 0xE700, 0xE628])  # no ticks; no ticks; 26 frames a second
def test_an_unknown_unit_of_time(read, division):
    what = f"one of an unknown unit of time, 0x{division:04X}"
    with pytest.raises(ValueError, match=f"piece\\.mid: expected a MIDI file, got: {what}"):
        read(file_bytes(NOTE, division=division))


@pytest.mark.parametrize(
    ("division", "per_second"),
    [(0xE728, 1000), (0xE250, 2400), (0xE808, 192), (0xE364, 2997)],  # 25, 30, 24, 29.97 frames
)
def test_a_file_that_counts_seconds_has_no_beats(read, division, per_second):
    ticks = 2 * per_second  # two seconds, in two bytes of seven bits
    length = f"{0x80 | ticks >> 7:02x}{ticks & 0x7F:02x}"
    content = file_bytes(f"00 ff5103 0f4240 00 903c50 {length} 803c40", division=division)
    score = read(content, read_midi_seconds)
    assert (score.timing, score.duration.tolist()) == (SECONDS, [250])  # whatever the tempo
    with pytest.raises(ValueError, match=r"piece\.mid: expected a file that counts in beats"):
        read(content)


@pytest.mark.parametrize(
    ("reader", "longest"), [(read_midi, "25000 quarters"), (read_midi_seconds, "21600 seconds")]
)
def test_absurd_lengths_are_refused(read, reader, longest):
    # One tick a quarter: as a grid of four voices the shortest of them is 16 GiB.
    with pytest.raises(ValueError, match=rf"piece\.mid: expected at most {longest}, got"):
        read(file_bytes("00 903c50 ffffff7f 803c40", division=1), reader)


def test_a_long_piece_is_read_on_a_fine_grid(read):
    quarters = file_bytes("00 903c50 81c327 803c40", division=1)
    assert read(quarters, steps_per_quarter=1000).length == 24_999_000
    with pytest.raises(ValueError, match="at most 25000 quarters"):
        read(file_bytes("00 903c50 81c329 803c40", division=1))


def test_a_file_of_20_gb_is_not_read(tmp_path):
    with (tmp_path / "sparse.mid").open("wb") as file:
        file.write(GOLDEN)
        file.truncate(20 * 2**30)
    with pytest.raises(ValueError, match=r"^sparse\.mid: expected at most 2,000,000 bytes, got 21"):
        read_midi(tmp_path / "sparse.mid")


def test_more_voices_than_a_score_can_number(read):
    content = file_bytes(*["00 903c50 78 803c40"] * 257)
    with pytest.raises(ValueError, match=r"piece\.mid: expected at most 256 voices, got 257"):
        read(content)
    assert len(read(content, read_midi_seconds)) == 1


@pytest.mark.parametrize(
    ("beats", "power", "steps", "metre"),
    [
        (1, 6, 4, None),  # 1/64: a quarter of a sixteenth
        (1, 6, 48, (1, 64)),
        (3, 7, 4, None),  # 3/128
        (3, 5, 4, (3, 32)),
        (4, 5, 4, (4, 32)),
        (255, 0, 4, (255, 1)),
        (0, 2, 4, None),
    ],
)
def test_a_metre_below_the_grid_is_none(read, beats, power, steps, metre):
    content = file_bytes(f"00 ff5804 {beats:02x}{power:02x}1808 8360 903c50 8360 803c40")
    score = read(content, steps_per_quarter=steps)
    assert score.time_signature == metre
    assert score.steps_per_bar >= 1
    assert len(score.without_leading_silence()) == 1


@pytest.mark.parametrize("reader", [read_midi, read_midi_seconds])
def test_of_damaged_files_only_a_value_error_comes_out(read, reader):
    draw = random.Random(0)
    understood = 0
    for _ in range(600):
        damaged = bytearray(GOLDEN)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.2:
            del damaged[draw.randrange(len(damaged)) :]
        with suppress(ValueError):
            read(bytes(damaged), reader)
            understood += 1
    assert 0 < understood < 600


# Expressive timing. 480 ticks at 800000 microseconds a quarter are 100 steps of 8 ms.

SLOW, FAST = "ff51030c3500", "ff5103061a80"  # 800000 and 400000 microseconds a quarter
DOWN, UP = "b0407f", "b04000"


@pytest.fixture
def play(read):
    """Read onset, duration, pitch of notes in tracks that begin at 75 quarter notes per minute."""

    def notes(*tracks, **options):
        content = file_bytes(f"00 {SLOW}", *tracks)
        score = read(content, read_midi_seconds, **options)
        assert set(score.voice.tolist()) <= {0}
        return list(zip(score.onset.tolist(), score.duration.tolist(), score.pitch.tolist()))

    return notes


def test_a_step_is_eight_milliseconds_at_the_tempo_of_performances(read):
    score = read(file_bytes(f"00 {SLOW} 00 903c50 8360 803c40"), read_midi_seconds)
    assert PERFORMANCE_TEMPO_QPM == 75
    assert (score.steps_per_quarter, score.length, score.time_signature) == (100, 100, None)
    assert (score.timing, score.tempi) == (SECONDS, ())
    assert notes_of(score) == [(0, 100, 60, 0, 80)]


def test_without_a_tempo_it_is_120_quarters_a_minute(read):
    score = read(file_bytes("00 903c50 8740 803c40"), read_midi_seconds)
    assert notes_of(score) == [(0, 125, 60, 0, 80)]  # two quarters, a second


def test_the_tempi_of_all_tracks_count(play):
    notes = "00 903c50 8360 803c40 00 904050 8360 804040"
    assert play(notes) == [(0, 100, 60), (100, 100, 64)]
    assert play(notes, f"8360 {FAST}") == [(0, 100, 60), (100, 50, 64)]
    # In the middle of a note: 50 steps for its first 240 ticks, 25 for the others.
    assert play(notes, f"8170 {FAST}") == [(0, 75, 60), (75, 50, 64)]
    assert play(notes, f"8170 {FAST} 8170 {SLOW}") == [(0, 75, 60), (75, 100, 64)]
    # Of two at one tick the later one in the file.
    assert play(notes, f"00 {SLOW} 00 {FAST}") == [(0, 50, 60), (50, 50, 64)]


def test_a_long_performance_does_not_drift(read):
    # 333333 microseconds a quarter, 9000 quarters: 2999.997 seconds.
    content = file_bytes("00 ff5103051615", "8287d600 903c50 8360 803c40")
    ((onset, *_),) = notes_of(read(content, read_midi_seconds))
    assert onset == 375_000


def test_all_channels_are_one_voice_and_percussion_none(play):
    assert play("00 903c50 00 933050 00 992450 8360 803c40 00 833040 00 892440") == [
        (0, 100, 48),
        (0, 100, 60),
    ]


def test_velocities_are_kept(read):
    content = file_bytes(f"00 {SLOW} 00 903c01 00 90407f 8360 803c40 00 804040")
    assert read(content, read_midi_seconds).velocity.tolist() == [1, 127]


@pytest.mark.parametrize(
    ("events", "notes"),
    [
        # Each note is struck at 0 and released at 25 steps; the file ends at 100.
        ("00 {DOWN} 00 903c50 78 803c40 78 {UP} 8170", [(0, 50, 60)]),
        ("00 903c50 3c {DOWN} 3c 803c40 78 {UP} 8170", [(0, 50, 60)]),
        ("00 {DOWN} 00 903c50 78 803c40 78 b07900 8170", [(0, 50, 60)]),  # all controllers reset
        ("00 {DOWN} 00 903c50 78 803c40 78 b17900 8170", [(0, 100, 60)]),  # another channel's
        ("00 903c50 78 {DOWN} 00 803c40 78 {UP} 8170", [(0, 50, 60)]),
        ("00 903c50 78 803c40 00 {DOWN} 78 {UP} 8170", [(0, 50, 60)]),  # at one tick
        ("00 903c50 78 803c40 3c {DOWN} 3c {UP} 8170", [(0, 25, 60)]),  # too late
        ("00 {DOWN} 78 {UP} 00 903c50 78 803c40 8170", [(25, 25, 60)]),  # too early
        ("00 {DOWN} 00 903c50 78 803c40 8268", [(0, 100, 60)]),  # never lifted
        ("00 b0403f 00 903c50 78 803c40 8268", [(0, 25, 60)]),  # 63 is up
        ("00 b04040 00 903c50 78 803c40 78 b0403f 8170", [(0, 50, 60)]),  # 64 is down
        ("00 b14040 00 903c50 78 803c40 8268", [(0, 25, 60)]),  # another channel's
        ("00 b0417f 00 903c50 78 803c40 8268", [(0, 25, 60)]),  # another controller
        # Struck again under the pedal: the earlier one ends there.
        (
            "00 {DOWN} 00 903c50 78 803c40 78 903c50 78 803c40 78 {UP} 00",
            [(0, 50, 60), (50, 50, 60)],
        ),
        # And pressed down again in between: each note until the next time it is lifted.
        (
            "00 {DOWN} 00 903c50 78 803c40 78 {UP} 00 {DOWN} 00 904050 78 804040 78 {UP} 00",
            [(0, 50, 60), (50, 50, 64)],
        ),
        # Pressed twice, lifted twice: the first time counts.
        ("00 {DOWN} 00 903c50 78 803c40 3c {DOWN} 3c {UP} 78 {UP} 78", [(0, 50, 60)]),
    ],
)
def test_the_sustain_pedal_holds_released_notes(play, events, notes):
    assert play(events.format(DOWN=DOWN, UP=UP) + "ff0100") == notes


def test_the_pedal_of_one_track_holds_the_notes_of_another(play):
    assert play("00 903c50 78 803c40", f"00 {DOWN} 8170 {UP}") == [(0, 50, 60)]


def test_a_pitch_struck_in_another_channel_ends_the_earlier_note(play):
    assert play("00 903c50 78 913c50 78 803c40 78 813c40") == [(0, 25, 60), (25, 50, 60)]


@pytest.mark.parametrize(("steps_per_second", "quarter"), [(5, 4), (100, 80), (1000, 800)])
def test_other_steps(play, read, steps_per_second, quarter):
    notes = "00 903c50 8360 803c40"
    assert play(notes, steps_per_second=steps_per_second) == [(0, quarter, 60)]
    score = read(file_bytes(notes), read_midi_seconds, steps_per_second=steps_per_second)
    assert score.steps_per_quarter == quarter


@pytest.mark.parametrize("steps_per_second", [0, -5, 124])
def test_a_quarter_is_a_whole_number_of_steps(read, steps_per_second):
    with pytest.raises(ValueError, match=rf"positive multiple of 5\. Received: {steps_per_second}"):
        read(GOLDEN, read_midi_seconds, steps_per_second=steps_per_second)


@given(st.data())
def test_a_performance_to_file_and_back(data):
    steps, voices = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 3))
    pitches = st.lists(st.sampled_from([0, 40, 60]), min_size=steps, max_size=steps)
    # A pitch of its own for each voice, so that none ends a note of another.
    rows = zip(*(data.draw(pitches) for _ in range(voices)))
    grid = [[pitch and pitch + voice for voice, pitch in enumerate(row)] for row in rows]
    grid.append([64] * voices)
    score = Score.from_grid(grid, steps_per_quarter=100, timing=SECONDS, title="piece")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        write_midi(score, path)
        played = read_midi_seconds(path)
    assert (played.length, played.steps_per_quarter) == (score.length, 100)
    sounding = {note[:3] + note[4:] for note in notes_of(score)}
    assert {note[:3] + note[4:] for note in notes_of(played)} == sounding


EVENTS = st.tuples(
    st.sampled_from(["note_on", "note_off", "control_change"]),
    st.integers(0, 1),
    st.sampled_from([60, 61]),
    st.sampled_from([0, 64, 127]),
    st.sampled_from([0, 1, 30, 60, 61, 240]),
)


@given(st.lists(st.lists(EVENTS, max_size=15), max_size=2), st.sampled_from([1, 4, 12, 100]))
def test_no_two_notes_of_a_pitch_overlap_in_a_voice(tracks, steps_per_quarter):
    file = mido.MidiFile(ticks_per_beat=480)
    for events in tracks:
        file.tracks.append(mido.MidiTrack())
        for kind, channel, pitch, value, time in events:
            named = {"note": pitch, "velocity": value}
            if kind == "control_change":
                named = {"control": 64, "value": value}
            file.tracks[-1].append(mido.Message(kind, channel=channel, time=time, **named))
    file.tracks.append(mido.MidiTrack([mido.Message("note_on", note=50)]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        file.save(path)
        scores = [read_midi(path, steps_per_quarter), read_midi_seconds(path)]
    for score in scores:
        sounding = set()
        for onset, duration, pitch, voice, _ in notes_of(score):
            steps = {(step, pitch, voice) for step in range(onset, onset + duration)}
            assert not steps & sounding
            sounding |= steps
