import time
import wave
from dataclasses import replace

import numpy as np
import pytest

from bach_tf.formats.rendition import Rendition
from bach_tf.formats.sound.synthesis import PEAK, SAMPLE_RATE, save_wav, synthesise, timbre_of
from bach_tf.score import Score
from bach_tf.theory.tunings import TUNINGS, frequencies, werckmeister3

QUARTER_A_SECOND = 60.0  # tempo
HARPSICHORD, ORGAN, VIOLIN, PIANO, VOICE = 6, 19, 40, 0, 52


def long_note(pitch, seconds=4, **about):
    return Score.from_grid([[pitch]] * 4 * seconds, **about)


def write_wav(score, path, **style):
    save_wav(synthesise(score, Rendition(**style)), path)


def cents(hertz, expected):
    return 1200 * np.log2(hertz / expected)


def fundamental(sound, near):
    """Return the frequency of the strongest sine within a semitone of `near`, in hertz."""
    window = np.hanning(len(sound))
    length = 8 * len(sound)
    spectrum = np.log(np.abs(np.fft.rfft(sound * window, length)) + 1e-12)
    bins = np.arange(len(spectrum)) * SAMPLE_RATE / length
    inside = np.flatnonzero(np.abs(cents(bins[1:], near)) < 100) + 1
    top = inside[np.argmax(spectrum[inside])]
    left, middle, right = spectrum[top - 1 : top + 2]
    between = 0.5 * (left - right) / (left - 2 * middle + right)  # of the parabola through them
    return (top + between) * SAMPLE_RATE / length


def loudness_db(sound):
    return 20 * np.log10(np.sqrt(np.mean(np.square(sound))) + 1e-12)


@pytest.mark.parametrize("program", [ORGAN, PIANO, VIOLIN, HARPSICHORD])
@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (60, 261.6256), (36, 65.4064)])
def test_a_note_has_its_frequency_to_a_cent(program, pitch, hertz):
    sound = synthesise(long_note(pitch), Rendition(tempo_qpm=QUARTER_A_SECOND, program=program))[
        :, 0
    ]
    assert abs(cents(fundamental(sound, hertz), hertz)) < 1


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize("reference_hz", [440.0, 415.0])
def test_notes_of_a_chord_have_the_frequencies_of_the_tuning(tuning, reference_hz):
    chord = Score.from_grid([[72, 67, 64, 48]] * 16)
    sound = synthesise(
        chord,
        Rendition(tempo_qpm=QUARTER_A_SECOND, tuning=tuning, reference_hz=reference_hz),
    ).sum(axis=1)
    hertz = frequencies(tuning, reference_hz)
    for pitch in (64, 48):  # the others fall together with harmonics of these
        assert abs(cents(fundamental(sound, hertz[pitch]), hertz[pitch])) < 1


def test_werckmeisters_third():
    # Cents above C, as the handbooks give them, C to B.
    expected = [0, 90.225, 192.18, 294.135, 390.225, 498.045,
                588.27, 696.09, 792.18, 888.27, 996.09, 1092.18]  # fmt: skip
    np.testing.assert_allclose(werckmeister3(), expected, atol=0.005)


def test_werckmeisters_fifths_are_pure_or_a_quarter_comma_narrow():
    hertz = frequencies("werckmeister3", 415.0)
    fifths = {pitch % 12: cents(hertz[pitch + 7] / hertz[pitch], 3 / 2) for pitch in range(60, 72)}
    narrow = {0, 2, 7, 11}  # C, D, G, B
    for degree, off in fifths.items():
        assert off == pytest.approx(-23.46 / 4 if degree in narrow else 0, abs=0.01)
    assert hertz[69] == pytest.approx(415.0)
    assert hertz[57] == pytest.approx(207.5)


def test_equal_temperament():
    hertz = frequencies()
    assert hertz[69] == 440.0
    assert hertz[60] == pytest.approx(261.6256, abs=1e-4)
    np.testing.assert_allclose(hertz[1:] / hertz[:-1], 2 ** (1 / 12))


@pytest.mark.parametrize("program", [ORGAN, PIANO, VIOLIN, HARPSICHORD, VOICE, 73, 14, 60])
def test_a_file_is_as_long_and_as_loud_as_it_should_be(tmp_path, program):
    score = Score.from_grid([[72, 60]] * 4 + [[0, 0]] * 12 + [[74, 59]] * 4)  # 5 quarters
    write_wav(score, tmp_path / "a.wav", tempo_qpm=120, program=program)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 48_000)
        assert file.getnframes() == 2.5 * SAMPLE_RATE + SAMPLE_RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(samples.astype(int)).max() == round(32_767 * PEAK)
    sounding = np.concatenate([samples[: SAMPLE_RATE // 2], samples[2 * SAMPLE_RATE :]]) / 32_767
    assert loudness_db(sounding) > -30
    # From 0.4 s after the first notes have ended until the next ones.
    assert not samples[round(0.9 * SAMPLE_RATE) : 2 * SAMPLE_RATE].any()
    assert not samples[-SAMPLE_RATE // 2 :].any()


@pytest.mark.parametrize("program", range(0, 128, 3))
def test_nothing_clicks(program):
    # The second note ends while the first goes on; one step is shorter than some attacks.
    score = Score.from_grid([[69, 0], [69, 45], [69, 0], [0, 0], [57, 0]])
    sound = synthesise(score, Rendition(tempo_qpm=200, program=program))
    steps = np.abs(np.diff(sound, axis=0, prepend=np.zeros((1, 2))))
    # A sine of 440 Hz at full scale with its harmonics moves less; a jump moves at once.
    assert steps.max() < 0.35
    assert np.abs(sound[:3]).max() < 0.03


def test_velocity_is_loudness():
    score = Score.from_grid([[60]] * 8 + [[0]] * 8 + [[60]] * 8)
    score = replace(score, velocity=np.array([30, 120]))
    sound = synthesise(score, Rendition(tempo_qpm=QUARTER_A_SECOND))
    soft, loud = (loudness_db(sound[s * SAMPLE_RATE : (s + 1) * SAMPLE_RATE]) for s in (0, 4))
    assert loud - soft == pytest.approx(40 * np.log10(120 / 30), abs=0.5)


def decay_db(program):
    """Return by how much a note is softer after two seconds than after a half."""
    sound = synthesise(
        long_note(60, seconds=3), Rendition(tempo_qpm=QUARTER_A_SECOND, program=program)
    )
    early, late = (sound[round(s * SAMPLE_RATE) :][: SAMPLE_RATE // 4] for s in (0.5, 2.0))
    return loudness_db(early) - loudness_db(late)


def test_families_decay_each_in_its_way():
    assert abs(decay_db(ORGAN)) < 0.1
    assert decay_db(VIOLIN) < -0.1  # swells
    assert decay_db(VOICE) < -0.1
    assert 5 < decay_db(PIANO) < decay_db(HARPSICHORD) - 3
    assert timbre_of(45) is timbre_of(HARPSICHORD)  # pizzicato strings


def test_voices_stand_from_left_to_right():
    balance = []
    for voice in range(4):
        row = [0] * 4
        row[voice] = 60
        score = Score.from_grid([row] * 8 + [[60] * 4])
        left, right = np.square(synthesise(score)[: SAMPLE_RATE // 2]).sum(axis=0)
        balance.append(right / left)
    assert balance == sorted(balance)
    assert balance[0] == pytest.approx(1 / balance[3], rel=1e-3)
    left, right = synthesise(long_note(60)).T
    np.testing.assert_array_equal(left, right)


def test_high_notes_have_no_harmonics_that_fold_back():
    sound = synthesise(long_note(127, seconds=1), Rendition(tempo_qpm=QUARTER_A_SECOND))[:, 0]
    spectrum = np.abs(np.fft.rfft(sound))
    assert spectrum[:12_000].max() < 0.01 * spectrum.max()


@pytest.mark.parametrize("score", [Score.from_grid(np.zeros((0, 1), int)), Score.from_grid([[0]])])
def test_silence(score, tmp_path):
    assert not synthesise(score).any()
    write_wav(score, tmp_path / "a.wav")
    assert (tmp_path / "a.wav").stat().st_size > 4 * SAMPLE_RATE


def test_the_same_score_sounds_the_same():
    score = Score.from_grid([[67, 60]] * 8)
    np.testing.assert_array_equal(synthesise(score), synthesise(score))


def test_a_minute_of_four_voices_takes_seconds():
    rows = [[60 + (step * 5 + voice * 3) % 24 for voice in range(4)] for step in range(90)]
    score = Score.from_grid(np.repeat(rows, 4, axis=0))
    started = time.process_time()
    sound = synthesise(score, Rendition(tempo_qpm=90))
    assert len(sound) == 61 * SAMPLE_RATE
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({"tempo_qpm": 0}, r"`tempo_qpm` must be in 4..1000. Received: 0"),
        ({"program": 128}, r"`program` must be in 0..127. Received: 128"),
        ({"tuning": "meantone"}, r"Unknown tuning 'meantone'. Choose from: equal, werckmeister3"),
        ({"reference_hz": 44}, r"`reference_hz` must be in 300..600. Received: 44"),
        ({"reference_hz": float("nan")}, r"`reference_hz` must be in 300..600. Received: nan"),
    ],
)
def test_a_style_that_cannot_be(style, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_wav(long_note(60), tmp_path / "a.wav", **style)
    assert not (tmp_path / "a.wav").exists()


def test_a_score_of_hours_is_refused(tmp_path):
    score = replace(long_note(60), length=4 * 90 * 61)
    with pytest.raises(ValueError, match=r"at most 3600 s .* Received: 3660 s at 90"):
        write_wav(score, tmp_path / "a.wav", tempo_qpm=90)
