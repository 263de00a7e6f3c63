"""Files with faults are read as far as they go, and each kind of fault is said with its place."""

import struct

import numpy as np
import pytest
from midi_bytes import DATA_BEGIN, NOTE, TRACKS_BEGIN, chunk, file_bytes, header

from bach_tf.formats import read
from bach_tf.formats.midi.events import open_midi
from bach_tf.formats.midi.pieces import read_midi_piece
from bach_tf.formats.reading import Notices, ReadingWarning

AFTER_NOTE = DATA_BEGIN + 9  # the first byte behind `NOTE` at the beginning of a track


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.mid"


@pytest.fixture
def lenient(path):
    """Read the bytes of a file: pitches, and what is said of it."""

    def read_bytes(content):
        path.write_bytes(content)
        piece = read_midi_piece(path)
        return piece.score.pitch.tolist(), piece.warnings

    return read_bytes


STATUS = "a status is missing after a meta or system exclusive event: the last one is taken"
LEFT = ": the rest of the track is left out"
FAULTS = {
    "tempo of two bytes": ("00 ff51020f42", 0, "a tempo that cannot be is left out"),
    "tempo 0": ("00 ff5103000000", 0, "a tempo that cannot be is left out"),
    "metre of two bytes": ("00 ff58020402", 0, "a time signature that cannot be is left out"),
    "metre of no beats": ("00 ff580400021808", 0, "a time signature that cannot be is left out"),
    "metre of 2**255": ("00 ff580404ff1808", 0, "a time signature that cannot be is left out"),
    "nine sharps": ("00 ff59020900", 0, "a key signature that cannot be is left out"),
    "key of a byte": ("00 ff590100", 0, "a key signature that cannot be is left out"),
    "no mode": ("00 ff59020002", 0, "a key signature that cannot be is left out"),
    "velocity 200": ("00 904cc8 60 804c00", 2, "velocities above 127 are read as 127"),
    "pitch 200": ("00 90c850", 1, "messages of a pitch or number above 127 are left out"),
    "volume 255": ("00 b007ff", 2, "values above 127 are read as 127"),
    "timing clock": ("00 f8", 1, "messages that have no place in a file are left out"),
    "no status after sysex": ("00 f001f7 00 3c50", 4, STATUS),
    "no status after a text": ("00 ff010178 00 3c50", 5, STATUS),
    "not released": (
        "00 904050",
        None,
        "a note that is never released lasts to the end of its track",
    ),
    "two not released": (
        "00 904050 00 914050",
        None,
        "a note that is never released lasts to the end of its track (2 times)",
    ),
    "long number": ("8180808000 903c50", -1, f"a number of more than 4 bytes{LEFT}"),
    "long length": ("00 ff03 8180808000", 2, f"a number of more than 4 bytes{LEFT}"),
    "a million": ("ff" * 1_000_000 + "7f 903c50", -1, f"a number of more than 4 bytes{LEFT}"),
}


@pytest.mark.parametrize(("events", "at", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_read_over_and_its_place_said(lenient, path, events, at, said):
    content = file_bytes(f"{NOTE} {events}")
    pitches, warnings = lenient(content)
    assert 60 in pitches
    place = "track 1" if at is None else f"track 1, byte {AFTER_NOTE + 1 + at}"
    assert warnings == (f"a.mid: {place}: {said}",)
    with pytest.raises(ValueError, match=f"^a.mid: {place}: {said.partition(' (')[0]}$"):
        read(path, strict=True)


def test_a_track_that_begins_without_a_status(lenient):
    said = f"a.mid: track 1, byte {DATA_BEGIN + 1}: data without a status{LEFT}"
    assert lenient(file_bytes("00 3c50", NOTE)) == ([60], (said,))


@pytest.mark.parametrize("between", ["f0 03 0102f7", "ff01 01 78", "f8"])
def test_messages_go_on_after_another_event_without_a_status_of_their_own(lenient, between):
    content = file_bytes(f"00 903c50 00 {between} 8360 3c00 00 4050 8360 4000")
    pitches, (said,) = lenient(content)
    assert pitches == [60, 64]
    assert said.startswith("a.mid: track 1, byte ")


def test_drums_need_no_release(lenient):
    assert lenient(file_bytes(f"{NOTE} 00 992450"))[1] == (
        "a.mid: drums are left out: track 1, 1 stroke",
    )


def test_of_several_pieces_the_first_is_read(lenient, path):
    content = file_bytes("00 ff5103 0f4240", NOTE, NOTE.replace("3c", "40"), kind=2)
    pitches, (said,) = lenient(content)
    assert pitches == [60]
    assert said.startswith("a.mid: the first of 2 pieces is read")
    assert lenient(file_bytes(NOTE, kind=2)) == ([60], ())


def test_an_unknown_type_is_read_as_type_1(lenient, path):
    said = "a.mid: the unknown type 3 is read as type 1"
    assert lenient(file_bytes(NOTE.replace("3c", "40"), NOTE, kind=3)) == ([64, 60], (said,))
    with pytest.raises(ValueError, match=said):
        read(path, strict=True)


def test_a_file_that_counts_seconds_is_a_performance(lenient, path):
    pitches, (said,) = lenient(file_bytes("00 903c50 8768 803c40", division=0xE728))
    assert (pitches, read_midi_piece(path).score.duration.tolist()) == ([60], [125])
    assert said == (
        "a.mid: its ticks are of seconds: it is read as a performance, in seconds and in one voice"
    )


def test_a_fault_of_a_kind_is_said_once(lenient):
    pitches, warnings = lenient(file_bytes("00 90c850 00 903cff 00 90c850 60 803c00 00 90c850"))
    left_out, clipped = warnings
    assert left_out.endswith("left out (3 times)")
    assert "byte 29: velocities above 127 are read as 127" in clipped
    assert pitches == [60]


def test_a_velocity_above_127_is_127(path):
    path.write_bytes(file_bytes("00 903cff 60 803c00"))
    assert read_midi_piece(path).score.velocity.tolist() == [127]


def test_what_follows_a_bad_meta_event_is_read(lenient):
    pitches, _ = lenient(
        file_bytes(f"00 ff59020900 {NOTE} 00 ff58020402 {NOTE.replace('3c', '40')}")
    )
    assert pitches == [60, 64]


@pytest.mark.parametrize("kept", range(AFTER_NOTE, AFTER_NOTE + 9))
def test_a_file_that_was_cut_is_read_as_far_as_it_goes(lenient, path, kept):
    content = file_bytes(f"{NOTE} 00 904050 8360 804040")[:kept]
    pitches, (said,) = lenient(content)
    # The second note has begun once its four bytes are there, and then ends with the track.
    assert pitches == ([60, 64] if kept >= AFTER_NOTE + 4 else [60])
    expected = f"a.mid: track 1, byte {kept}: the file ends in the middle of a track"
    assert said.startswith(expected)
    with pytest.raises(ValueError, match="the file ends in the middle of a track"):
        read(path, strict=True)


def test_of_a_file_that_was_cut_the_whole_tracks_are_read(lenient):
    content = file_bytes(NOTE, NOTE.replace("3c", "40"))
    assert lenient(content[:-12])[0] == [60]
    whole = len(header(2) + chunk(bytes.fromhex(NOTE + "00ff2f00")))
    said = f"a.mid: byte {whole}: 2 tracks are announced, and 1 are there"
    assert lenient(content[:whole]) == ([60], (said,))


def test_fewer_tracks_than_are_announced(lenient):
    content = header(5) + file_bytes(NOTE)[TRACKS_BEGIN:]
    assert lenient(content) == (
        [60],
        (f"a.mid: byte {len(content)}: 5 tracks are announced, and 1 are there",),
    )


def test_more_tracks_than_are_announced(lenient):
    content = header(1) + file_bytes(NOTE, NOTE)[TRACKS_BEGIN:]
    assert lenient(content)[0] == [60, 60]


def test_a_chunk_that_nobody_knows_is_skipped_as_the_standard_says(path):
    own = chunk(b"MTrk" * 3, b"XFIH")
    path.write_bytes(header(1) + own + file_bytes(NOTE)[TRACKS_BEGIN:] + own)
    with pytest.warns(ReadingWarning, match=r"a\.mid: byte 14: a chunk 'XFIH' that is no track is"):
        piece = read(path, strict=True)  # it is no fault
    assert piece.score.pitch.tolist() == [60]


@pytest.mark.parametrize("size", [1, 8, 9, 200, 2**32 - 1])
def test_a_track_of_another_length_than_it_says(lenient, size):
    one, two = (chunk(bytes.fromhex(NOTE.replace("3c", p) + "00ff2f00")) for p in ("40", "3c"))
    wrong = b"MTrk" + struct.pack(">L", size) + one[8:]
    pitches, (said,) = lenient(header(2) + wrong + two)
    assert pitches == [64, 60]
    assert said == "a.mid: track 1, byte 14: a track is of another length than it says"


def test_bytes_between_tracks(lenient):
    content = file_bytes(NOTE, NOTE)
    end = 14 + 8 + 13
    pitches, warnings = lenient(content[:end] + b"\r\n\0\0" + content[end:])
    assert pitches == [60, 60]
    assert len(warnings) >= 1


def test_bytes_behind_the_last_track_are_nothing(lenient):
    assert lenient(file_bytes(NOTE) + b"\r\n") == ([60], ())


@pytest.mark.parametrize("before", [b"\0" * 128, b"Content-Type: audio/midi\r\n\r\n"])
def test_bytes_before_the_header(lenient, before):
    pitches, warnings = lenient(before + file_bytes(NOTE))
    assert (pitches, len(warnings)) == ([60], 1)
    assert f"{len(before)} bytes before the header are skipped" in warnings[0]


def test_a_track_without_its_end(lenient):
    data = bytes.fromhex(NOTE)
    pitches, (said,) = lenient(header(2) + chunk(data) + chunk(data + b"\0\xff\x2f\0"))
    assert (pitches, said) == ([60, 60], "a.mid: track 1, byte 31: a track has no end")


def riff(midi, *chunks):
    """Return a RIFF file with a MIDI file in it."""
    data = b"RMID" + b"".join(chunks) + b"data" + struct.pack("<L", len(midi)) + midi
    data += b"\0" * (len(midi) % 2)
    return b"RIFF" + struct.pack("<L", len(data)) + data


@pytest.mark.parametrize("note", [NOTE, NOTE + "00 ff0100"])  # of even and odd lengths
def test_a_midi_file_in_a_riff_file(lenient, note):
    sounds = b"LIST" + struct.pack("<L", 5) + b"INFO!\0"
    assert lenient(riff(file_bytes(note))) == ([60], ())
    assert lenient(riff(file_bytes(note), sounds) + sounds) == ([60], ())


def test_drums_are_left_out_and_named(lenient):
    drums = "00 ff03034b6974 00 992450 60 892440 00 992450 60 892440"
    said = ("a.mid: drums are left out: track 1 'Kit', 2 strokes",)
    assert lenient(file_bytes(drums, NOTE)) == ([60], said)
    with pytest.raises(ValueError, match=r"a\.mid: expected notes, got none but drums: track 1 'K"):
        lenient(file_bytes(drums))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_else_than_a_value_error_comes_of_noise(path, seed):
    """Bytes behind a good beginning: whatever is read, it is quick, and never another error."""
    draw = np.random.default_rng(seed)
    for size in (10, 1_000, 100_000):
        noise = draw.integers(0, 256, size, dtype=np.uint8).tobytes()
        path.write_bytes(file_bytes(NOTE)[:AFTER_NOTE] + noise)
        assert open_midi(path, Notices(path)).tracks
