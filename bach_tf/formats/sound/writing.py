"""Sound files, by one of two synthesisers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bach_tf.formats.midi import CHANNELS
from bach_tf.formats.rendition import ADDITIVE, AUTO, PLAIN, SOUNDFONT, Rendition
from bach_tf.formats.sound import soundfont, synthesis
from bach_tf.formats.sound.synthesis import SAMPLE_RATE, save_wav
from bach_tf.score import Score

FRAMES_AT_ONCE = 1 << 16  # per call of the encoder, which copies them onto the stack
MAKERS = {SOUNDFONT: soundfont.play, ADDITIVE: synthesis.synthesise}


def write_wav(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as WAV: 48 kHz, 16 bits, stereo.

    Args:
        score: the piece, at most one hour.
        path: of the file.
        rendition: determines tempo, instruments, synthesiser and tuning.

    Raises:
        ValueError: a score that is too long, a tempo out of bounds, or something that the chosen
            synthesiser does not support.

    Example:
        >>> write_wav(Score.from_grid([[67, 60]]), Path("two.wav"))  # doctest: +SKIP
    """
    sound = make_sound(score, rendition)
    save_wav(sound, path)


def write_opus(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as Opus in Ogg, at about a tenth of the size of WAV.

    Args:
        score: the piece, at most one hour.
        path: of the file.
        rendition: determines tempo, instruments, synthesiser and tuning.

    Raises:
        ValueError: the extra `sound` is not installed, or as `write_wav`.

    Example:
        >>> write_opus(Score.from_grid([[67, 60]]), Path("two.opus"))  # doctest: +SKIP
    """
    check_encoder(path.suffix)
    import soundfile

    sound = make_sound(score, rendition)
    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, sound.shape[1], format="OGG", subtype="OPUS"
    ) as file:
        for start in range(0, len(sound), FRAMES_AT_ONCE):
            file.write(sound[start : start + FRAMES_AT_ONCE])


def check_encoder(ending: str) -> None:
    """Check that the encoder of compressed sound is installed.

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


def make_sound(score: Score, rendition: Rendition = PLAIN) -> np.ndarray:
    """Render a score with the chosen synthesiser: float `(frames, 2)`.

    Args:
        score: the piece.
        rendition: determines tempo, instruments, synthesiser and tuning.

    Raises:
        ValueError: as `write_wav`.
    """
    chosen = rendition.synthesiser
    if chosen == AUTO:
        playable = score.voices <= len(CHANNELS) and not soundfont.missing_packages()
        chosen = SOUNDFONT if playable and not rendition.is_tuned else ADDITIVE
    return MAKERS[chosen](score, rendition)
