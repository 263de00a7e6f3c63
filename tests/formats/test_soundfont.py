"""Recorded instruments, and which synthesiser makes the sound of a file."""

import builtins
import sys
import wave
from dataclasses import replace

import numpy as np
import pytest

from bach_tf.corpora import CORPORA, read_prepared
from bach_tf.formats.rendition import Rendition
from bach_tf.formats.sound import soundfont
from bach_tf.formats.sound.synthesis import PEAK, SAMPLE_RATE, frequencies, synthesise
from bach_tf.formats.sound.writing import make_sound, write_opus, write_wav
from bach_tf.score import Score

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("midirenderer")
pytest.importorskip("pretty_midi")

QUARTER_A_SECOND = 60.0  # tempo
HARPSICHORD, ORGAN, VIOLIN, PIANO, FLUTE = 6, 19, 40, 0, 73
ADDITIVE = Rendition(synthesiser="additive")
CHORD = Score.from_grid([[72, 67, 64, 48]] * 16)


def cents_off(sound, hertz):
    """Return by how much the strongest sine within a semitone of a frequency is beside it."""
    length = 4 * len(sound)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), length))
    bins = np.arange(len(spectrum)) * SAMPLE_RATE / length
    off = 1200 * np.log2(np.maximum(bins, 1e-9) / hertz)
    inside = np.flatnonzero(np.abs(off) < 100)
    return off[inside[np.argmax(spectrum[inside])]]


def left_and_right(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 48_000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.reshape(-1, 2) / 32_767


@pytest.fixture
def without_packages(monkeypatch):
    """Hide the packages of the extra `sound`."""
    for name in (*soundfont.PACKAGES, "soundfile"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("program", [ORGAN, PIANO, VIOLIN, HARPSICHORD, FLUTE])
@pytest.mark.parametrize("pitch", [60, 72])
def test_a_note_has_its_frequency(program, pitch):
    note = Score.from_grid([[pitch]] * 8)
    sound = soundfont.play(note, Rendition(tempo_qpm=QUARTER_A_SECOND, program=program)).sum(axis=1)
    assert abs(cents_off(sound[: 2 * SAMPLE_RATE], frequencies()[pitch])) < 12


def test_the_held_chord_of_a_real_chorale_has_its_frequencies(real_data, tmp_path, monkeypatch):
    monkeypatch.setenv("BACH_TF_HOME", str(tmp_path))
    score = read_prepared(CORPORA["jsb"].prepare(real_data / "jsb_chorales.tgz"))["valid"][0]
    write_wav(score, tmp_path / "a.wav", Rendition(tempo_qpm=QUARTER_A_SECOND))
    samples = left_and_right(tmp_path / "a.wav")
    assert len(samples) == (score.length / 4 + 1) * SAMPLE_RATE
    assert np.abs(samples).max() == pytest.approx(PEAK, abs=1e-4)
    grid = score.to_grid(4)
    changes = np.flatnonzero((np.diff(grid, axis=0) != 0).any(axis=1)) + 1
    starts, ends = np.array([0, *changes]), np.array([*changes, len(grid)])
    longest = np.argmax(ends - starts)
    start, end = starts[longest], ends[longest]
    held = samples[start * SAMPLE_RATE // 4 : end * SAMPLE_RATE // 4].sum(axis=1)
    for pitch in set(grid[start]) - {0}:
        assert abs(cents_off(held, frequencies()[pitch])) < 25


@pytest.mark.parametrize("program", [ORGAN, PIANO])
def test_a_sound_is_as_long_and_as_loud_as_it_should_be(program):
    sound = soundfont.play(CHORD, Rendition(tempo_qpm=120, program=program))
    assert sound.shape == (3 * SAMPLE_RATE, 2)
    assert np.abs(sound).max() == pytest.approx(PEAK)
    assert np.abs(sound[: SAMPLE_RATE // 5]).max() > 0.1
    assert not sound[-1].any()  # what still rings has faded
    assert np.abs(sound[-SAMPLE_RATE // 10 :]).max() < 0.02


def test_each_voice_has_its_instrument():
    low = Score.from_grid([[0, 48]] * 8)  # the first voice is silent
    alone = soundfont.play(low, Rendition(program=PIANO, programs=(FLUTE, ORGAN)))
    np.testing.assert_array_equal(alone, soundfont.play(low, Rendition(program=ORGAN)))
    np.testing.assert_array_equal(
        soundfont.play(low, Rendition(program=ORGAN, programs=(FLUTE,))),
        soundfont.play(low, Rendition(program=ORGAN)),
    )
    assert not np.array_equal(alone, soundfont.play(low, Rendition(program=FLUTE)))


def test_voices_stand_from_left_to_right():
    left, right = np.square(soundfont.play(Score.from_grid([[72, 0]] * 4 + [[0, 48]]))).sum(axis=0)
    assert left > 2 * right


def test_silence():
    assert not soundfont.play(Score.from_grid([[0]] * 4)).any()
    assert not soundfont.play(Score.from_grid(np.zeros((0, 1), int))).any()


def test_the_same_score_sounds_the_same():
    np.testing.assert_array_equal(soundfont.play(CHORD), soundfont.play(CHORD))


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({"tempo_qpm": 0}, r"`tempo_qpm` must be in 4..1000. Received: 0"),
        ({"program": 128}, r"`program` must be in 0..127. Received: 128"),
        ({"programs": (3, -1)}, r"`program` must be in 0..127. Received: -1"),
    ],
)
def test_a_style_that_cannot_be(style, message):
    with pytest.raises(ValueError, match=message):
        soundfont.play(CHORD, Rendition(**style))


def test_what_cannot_be_played():
    with pytest.raises(ValueError, match=r"at most 3600 s .* Received: 3660 s at 90"):
        soundfont.play(replace(CHORD, length=4 * 90 * 61), Rendition(tempo_qpm=90))
    with pytest.raises(ValueError, match=r"Expected at most 15 voices. Received: 16"):
        soundfont.play(Score.from_grid([[60] * 16]))


# Which synthesiser makes the sound.


def test_recorded_instruments_are_the_default():
    np.testing.assert_array_equal(make_sound(CHORD), soundfont.play(CHORD))
    np.testing.assert_array_equal(make_sound(CHORD, ADDITIVE), synthesise(CHORD))


@pytest.mark.parametrize("tuned", [{"tuning": "werckmeister3"}, {"reference_hz": 415.0}])
def test_another_tuning_is_for_the_additive_synthesiser(tuned):
    np.testing.assert_array_equal(
        make_sound(CHORD, Rendition(**tuned)), synthesise(CHORD, Rendition(**tuned))
    )
    with pytest.raises(ValueError, match=r"equal temperament at 440 Hz. Received: tuning='"):
        Rendition(synthesiser="soundfont", **tuned)


def test_more_voices_than_channels_are_for_the_additive_synthesiser():
    crowd = Score.from_grid([[40 + voice for voice in range(16)]] * 4)
    np.testing.assert_array_equal(make_sound(crowd), synthesise(crowd))


def test_without_the_packages_the_additive_synthesiser_is_taken(without_packages, tmp_path):
    assert soundfont.missing_packages() == ["midirenderer", "pretty_midi"]
    np.testing.assert_array_equal(make_sound(CHORD), synthesise(CHORD))
    write_wav(CHORD, tmp_path / "a.wav", Rendition(tempo_qpm=QUARTER_A_SECOND))
    samples = left_and_right(tmp_path / "a.wav")
    assert len(samples) == 5 * SAMPLE_RATE
    assert abs(cents_off(samples[:, 0], frequencies()[48])) < 1
    with pytest.raises(
        ValueError, match=r"need midirenderer and pretty_midi, .* pip install '.\[so"
    ):
        make_sound(CHORD, Rendition(synthesiser="soundfont"))
    with pytest.raises(ValueError, match=r"\.opus needs soundfile, .* pip install '.\[sound"):
        write_opus(CHORD, tmp_path / "a.opus")
    assert not (tmp_path / "a.opus").exists()


def test_nothing_of_the_extra_is_imported_without_need(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        assert name.split(".")[0] not in ("pretty_midi", "soundfile", "midirenderer")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    make_sound(CHORD, ADDITIVE)


def test_a_synthesiser_that_is_none():
    with pytest.raises(ValueError, match=r"Unknown synthesiser 'fm'. Choose from: additive, auto"):
        Rendition(synthesiser="fm")
    with pytest.raises(ValueError, match=r"Unknown tuning 'just'"):
        Rendition(tuning="just")
    with pytest.raises(ValueError, match=r"`reference_hz` must be in 300..600. Received: 44"):
        Rendition(synthesiser="additive", reference_hz=44)


# Opus.


@pytest.mark.parametrize("synthesiser", ["soundfont", "additive"])
def test_opus_sounds_as_the_wav_file_does(synthesiser, tmp_path):
    write_opus(
        CHORD, tmp_path / "a.opus", Rendition(tempo_qpm=QUARTER_A_SECOND, synthesiser=synthesiser)
    )
    write_wav(
        CHORD, tmp_path / "a.wav", Rendition(tempo_qpm=QUARTER_A_SECOND, synthesiser=synthesiser)
    )
    about = soundfile.info(tmp_path / "a.opus")
    assert (about.format, about.subtype, about.channels) == ("OGG", "OPUS", 2)
    opus, rate = soundfile.read(tmp_path / "a.opus")
    samples = left_and_right(tmp_path / "a.wav")
    assert (rate, len(opus)) == (SAMPLE_RATE, len(samples))
    alike = np.sum(opus * samples) / np.sqrt(np.sum(opus**2) * np.sum(samples**2))
    assert alike > 0.98
    smaller = (tmp_path / "a.opus").stat().st_size / (tmp_path / "a.wav").stat().st_size
    assert smaller < 0.15
