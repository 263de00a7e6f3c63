import random
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bach_tf.midi import CHANNELS, CHURCH_ORGAN, read_midi, write_midi
from bach_tf.score import COLUMNS, Score

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
    about = {"title": "two", "key_signature": -1, "time_signature": (3, 4)}
    return Score.from_grid(TWO_VOICES, velocity=(90, 70), **about)


def tracks_of(path):
    """Return the tracks of a file: (tick, message) each."""
    tracks = []
    for track in mido.MidiFile(path).tracks:
        ticks = np.cumsum([message.time for message in track]).tolist()
        tracks.append(list(zip(ticks, track, strict=True)))
    return tracks


def notes_of(score):
    return list(zip(*(getattr(score, name).tolist() for name in COLUMNS)))


def file_bytes(*tracks, kind=1, division=480):
    """Return a MIDI file of tracks of events in hexadecimal, each ended."""
    chunks = [bytes.fromhex(track + "00 ff2f00") for track in tracks]
    header = b"MThd" + struct.pack(">LHHH", 6, kind, len(chunks), division)
    return header + b"".join(b"MTrk" + struct.pack(">L", len(chunk)) + chunk for chunk in chunks)


@pytest.fixture
def read(tmp_path):
    """Read the bytes of a file."""

    def read_bytes(content, **options):
        path = tmp_path / "piece.mid"
        path.write_bytes(content)
        return read_midi(path, **options)

    return read_bytes


@pytest.fixture
def write(tmp_path):
    """Write a score and return the path."""

    def write_score(score, **style):
        path = tmp_path / "written.mid"
        write_midi(score, path, **style)
        return path

    return write_score


# Writing.


def test_golden_file(write):
    path = write(two_voices(), tempo_qpm=90, voice_names=["soprano"])
    assert path.read_bytes() == GOLDEN
    assert write(two_voices(), tempo_qpm=90, voice_names=["soprano"]).read_bytes() == GOLDEN


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
    _, *tracks = tracks_of(write(score, voice_names=["Sopran", "Alt"], program=6))
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
    assert len(CHANNELS) == 15


def test_the_church_organ_plays_unless_told_otherwise(write):
    _, voice = tracks_of(write(Score.from_grid([[60]])))
    assert voice[1][1].program == CHURCH_ORGAN == 19


def test_names_beyond_latin_letters_are_written_as_far_as_they_go(write):
    path = write(Score.from_grid([[60]], title="Ach Gött, 神"), voice_names=["ñ→"])
    assert [track[0][1].name for track in tracks_of(path)] == ["Ach Gött, ?", "ñ?"]


def test_a_score_without_notes_is_a_file_without_notes(write):
    path = write(Score.from_grid(np.zeros((4, 4), int)))
    assert len(tracks_of(path)) == 1
    assert read_midi(path).length == 4


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


@given(st.data())
def test_score_to_file_and_back(data):
    steps, voices = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 5))
    pitches = st.sampled_from([0, 0, 1, 60, 60, 62, 127])
    grid = data.draw(arrays(np.int32, (steps, voices), elements=pitches))
    # A voice that never sounds has no notes to find it by.
    grid[data.draw(st.integers(0, steps - 1)), :] = 64
    silence = data.draw(st.integers(0, 5))
    grid = np.pad(grid, ((silence, silence), (0, 0)))
    per_quarter = data.draw(st.sampled_from([1, 3, 4, 7, 12, 480, 1000]))
    score = Score.from_grid(
        grid,
        velocity=data.draw(st.lists(st.integers(1, 127), min_size=voices, max_size=voices)),
        title="piece",
        key_signature=data.draw(st.none() | st.integers(-7, 7)),
        time_signature=data.draw(st.sampled_from([(4, 4), (3, 8), (2, 2)])),
        steps_per_quarter=per_quarter,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        write_midi(score, path)
        content = path.read_bytes()
        write_midi(score, path)
        assert path.read_bytes() == content
        assert read_midi(path, steps_per_quarter=per_quarter) == score
    np.testing.assert_array_equal(score.to_grid(voices), grid)


# Reading.


def test_the_golden_file_is_read(read):
    score = read(GOLDEN)
    assert score == Score.from_grid(
        TWO_VOICES, velocity=(90, 70), title="piece", key_signature=-1, time_signature=(3, 4)
    )


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
    with pytest.raises(ValueError, match="`steps_per_quarter` must be at least 1"):
        read(GOLDEN, steps_per_quarter=steps)


def test_struck_with_velocity_0_is_released(read):
    score = read(file_bytes("00 903c50 8360 903c00 8360 904050 8360 904000"))
    assert notes_of(score) == [(0, 4, 60, 0, 80), (8, 4, 64, 0, 80)]


def test_a_note_that_is_never_released_ends_with_its_track(read):
    score = read(file_bytes("00 903c50 8360 904050 8360 804040"))
    assert notes_of(score) == [(0, 8, 60, 0, 80), (4, 4, 64, 0, 80)]


def test_a_release_of_what_does_not_sound_is_nothing(read):
    assert notes_of(read(file_bytes("00 803c40 00 903c50 8360 803c40 00 803c40"))) == [
        (0, 4, 60, 0, 80)
    ]


def test_a_note_struck_twice_is_released_first_come_first_served(read):
    content = file_bytes("00 903c50 8360 903c46 8360 803c40 8360 803c40")
    assert notes_of(read(content)) == [(0, 8, 60, 0, 80), (4, 8, 60, 0, 70)]


def test_each_channel_of_each_track_is_a_voice_but_percussion(read):
    track = "00 913c50 00 904850 00 992450 8360 813c40 00 804840 00 892440"
    other = "00 903050 8360 803040"
    assert read(file_bytes(track, other)).to_grid()[0].tolist() == [72, 60, 48]
    assert read(file_bytes(track, kind=0)).to_grid()[0].tolist() == [72, 60]


def test_only_percussion_is_no_music(read):
    score = read(file_bytes("00 992450 8360 892440"))
    assert len(score) == 0
    assert score.length == 4


@pytest.mark.parametrize("content", [file_bytes(), file_bytes(""), file_bytes("", "")])
def test_a_file_without_notes(read, content):
    score = read(content)
    assert (len(score), score.length, score.title) == (0, 0, "piece")
    assert (score.key_signature, score.time_signature) == (None, None)


def test_the_first_signatures_count_and_minor_keys_are_known(read):
    # A minor then C major; 3/8 then 4/4.
    content = file_bytes("00 ff59020001 00 ff5804030318 08 00 ff59020000 00 ff58040402 1808")
    score = read(content)
    assert (score.key_signature, score.time_signature) == (0, (3, 8))
    assert read(file_bytes("00 ff59020301")).key_signature == 3  # F sharp minor


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"", "EOFError"),
        (b"note0,note1,note2,note3\n72,67,60,48\n", "MThd not found"),
        (GOLDEN[:10], "EOFError"),
        (GOLDEN[:60], "EOFError"),
        (GOLDEN[:-1], "EOFError"),
        (GOLDEN.replace(b"MTrk", b"MTrx", 1), "no MTrk header"),
        (file_bytes("00 3c50"), "running status"),
        (file_bytes("00 90 3cff"), "data byte must be in range"),
        (file_bytes("00 ff5902 0900"), "key"),
        (file_bytes("00 ff58020402"), "index out of range"),  # a meter without its end
    ],
)
def test_what_is_no_midi_file(read, content, got):
    with pytest.raises(ValueError, match=rf"piece\.mid: expected a MIDI file, got: .*{got}"):
        read(content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.mid: expected a MIDI file.*No such file"):
        read_midi(tmp_path / "absent.mid")
    with pytest.raises(ValueError, match=r"expected a MIDI file.*directory"):
        read_midi(tmp_path)


@pytest.mark.parametrize(
    ("kind", "division", "message"),
    [
        (1, 0xE728, "counts in beats, got type 1 with division -"),  # 25 frames a second
        (1, 0, "counts in beats, got type 1 with division 0"),
        (2, 480, "of type 0 or 1 .*, got type 2"),
        (3, 480, "of type 0 or 1 .*, got type 3"),
    ],
)
def test_files_that_do_not_count_in_beats(read, kind, division, message):
    with pytest.raises(ValueError, match=rf"piece\.mid: expected a MIDI file .*{message}"):
        read(file_bytes("00 903c50 8360 803c40", kind=kind, division=division))


@pytest.mark.parametrize(
    "delta",
    ["ff" * 3 + "7f", "ff" * 9 + "7f", "ff" * 200 + "7f"],
    ids=["2**28", "2**70", "2**1400"],
)
def test_absurd_lengths_are_refused(read, delta):
    # One tick a quarter: as a grid of four voices the shortest of them is 16 GiB.
    with pytest.raises(ValueError, match=r"piece\.mid: expected .* steps"):
        read(file_bytes(f"00 903c50 {delta} 803c40", division=1))


def test_of_damaged_files_only_a_value_error_comes_out(read):
    draw = random.Random(0)
    understood = 0
    for _ in range(600):
        damaged = bytearray(GOLDEN)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.2:
            del damaged[draw.randrange(len(damaged)) :]
        with suppress(ValueError):
            read(bytes(damaged))
            understood += 1
    assert 0 < understood < 600
