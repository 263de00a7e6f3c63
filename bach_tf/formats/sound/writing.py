"""A score as a sound file, by one of two synthesisers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf.formats.midi import CHANNELS, CHURCH_ORGAN, TEMPO_QPM
from bach_tf.formats.sound import soundfont, synthesis
from bach_tf.formats.sound.synthesis import CONCERT_PITCH_HZ, SAMPLE_RATE, save_wav
from bach_tf.score import Score

EQUAL = "equal"
FRAMES_AT_ONCE = 1 << 16  # that the encoder is given; it keeps a copy of them on the stack
# What a user may ask for. `None` takes recorded instruments wherever they can play the piece.
SYNTHESISERS = {"auto": None, "soundfont": soundfont.play, "additive": synthesis.synthesise}


def write_wav(
    score: Score,
    path: Path,
    *,
    tempo_qpm: float = TEMPO_QPM,
    program: int = CHURCH_ORGAN,
    voice_names: Sequence[str] = (),
    programs: Sequence[int] = (),
    synthesiser: str = "auto",
    tuning: str = EQUAL,
    reference_hz: float = CONCERT_PITCH_HZ,
) -> None:
    """Write a score as sound: 48,000 frames a second, 16 bits, two channels.

    Args:
        score: the piece, of an hour at most.
        path: of the file.
        tempo_qpm: quarter notes a minute.
        program: General MIDI instrument, 0..127.
        voice_names: ignored.
        programs: of each voice, where they differ; `program` for those after the last one.
        synthesiser: "soundfont" for recorded instruments, "additive" for plain waves. "auto"
            takes the soundfont, and the additive one where the extra `sound` is not installed,
            where another tuning or reference is asked for, and above 15 voices.
        tuning: one of `synthesis.TUNINGS`.
        reference_hz: of the A above middle C.

    Raises:
        ValueError: a score that is too long, a tempo, program, tuning or reference that cannot
            be, or what the chosen synthesiser does not have.

    Example:
        >>> write_wav(Score.from_grid([[67, 60]]), Path("two.wav"))  # doctest: +SKIP
    """
    sound = make_sound(
        score,
        synthesiser,
        tuning,
        reference_hz,
        tempo_qpm=tempo_qpm,
        program=program,
        programs=programs,
    )
    save_wav(sound, path)


def write_opus(
    score: Score,
    path: Path,
    *,
    tempo_qpm: float = TEMPO_QPM,
    program: int = CHURCH_ORGAN,
    voice_names: Sequence[str] = (),
    programs: Sequence[int] = (),
    synthesiser: str = "auto",
    tuning: str = EQUAL,
    reference_hz: float = CONCERT_PITCH_HZ,
) -> None:
    """Write a score as sound: Opus in Ogg, about a tenth as large as `write_wav` would write it.

    Args:
        score: the piece, of an hour at most.
        path: of the file.
        tempo_qpm: quarter notes a minute.
        program: General MIDI instrument, 0..127.
        voice_names: ignored.
        programs: of each voice, where they differ; `program` for those after the last one.
        synthesiser: as `write_wav` takes it.
        tuning: one of `synthesis.TUNINGS`.
        reference_hz: of the A above middle C.

    Raises:
        ValueError: the extra `sound` is not installed, or as `write_wav`.

    Example:
        >>> write_opus(Score.from_grid([[67, 60]]), Path("two.opus"))  # doctest: +SKIP
    """
    check_encoder(path.suffix)
    import soundfile

    sound = make_sound(
        score,
        synthesiser,
        tuning,
        reference_hz,
        tempo_qpm=tempo_qpm,
        program=program,
        programs=programs,
    )
    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, sound.shape[1], format="OGG", subtype="OPUS"
    ) as file:
        for start in range(0, len(sound), FRAMES_AT_ONCE):
            file.write(sound[start : start + FRAMES_AT_ONCE])


def check_encoder(ending: str) -> None:
    """Check that there is what writes compressed sound.

    Args:
        ending: of the file.

    Raises:
        ValueError: the extra `sound` is not installed.
    """
    if find_spec("soundfile") is None:
        raise ValueError(
            f"{ending} needs soundfile, which this Python does not have. "
            f"{soundfont.HOW_TO_INSTALL} Without it there is .wav."
        )


def make_sound(
    score: Score,
    synthesiser: str = "auto",
    tuning: str = EQUAL,
    reference_hz: float = CONCERT_PITCH_HZ,
    **style,
) -> np.ndarray:
    """Return the sound of a score by the synthesiser that a user chooses: float `(frames, 2)`.

    Args:
        score: the piece.
        synthesiser: one of `SYNTHESISERS`.
        tuning: one of `synthesis.TUNINGS`.
        reference_hz: of the A above middle C.
        **style: `tempo_qpm`, `program` and `programs`.

    Raises:
        ValueError: as `write_wav`.
    """
    check_sound(synthesiser, tuning, reference_hz)
    tuned = _is_tuned(tuning, reference_hz)
    playable = not tuned and score.voices <= len(CHANNELS) and not soundfont.missing_packages()
    if synthesiser == "soundfont" or (synthesiser == "auto" and playable):
        return soundfont.play(score, **style)
    return synthesis.synthesise(score, tuning=tuning, reference_hz=reference_hz, **style)


def check_sound(synthesiser: str, tuning: str, reference_hz: float) -> None:
    """Say what is wrong with what a user asks for, before any work.

    Raises:
        ValueError: an unknown synthesiser or tuning, a reference that cannot be, or a tuning
            that the soundfont does not have.

    Example:
        >>> check_sound("auto", "werckmeister3", 415)
    """
    choose(SYNTHESISERS, synthesiser, "synthesiser")
    synthesis.frequencies(tuning, reference_hz)
    if synthesiser == "soundfont" and _is_tuned(tuning, reference_hz):
        raise ValueError(
            f"The soundfont is in equal temperament at {CONCERT_PITCH_HZ:g} Hz. Received: "
            f"tuning={tuning!r}, reference_hz={reference_hz:g}. Choose the additive synthesiser."
        )


def _is_tuned(tuning: str, reference_hz: float) -> bool:
    return tuning != EQUAL or reference_hz != CONCERT_PITCH_HZ
