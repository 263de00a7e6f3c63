"""A score as a sound file, by one of two synthesisers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bach_tf.formats.midi import CHANNELS
from bach_tf.formats.rendition import ADDITIVE, AUTO, PLAIN, SOUNDFONT, Rendition
from bach_tf.formats.sound import soundfont, synthesis
from bach_tf.formats.sound.synthesis import SAMPLE_RATE, save_wav
from bach_tf.score import Score

FRAMES_AT_ONCE = 1 << 16  # that the encoder is given; it keeps a copy of them on the stack
MAKERS = {SOUNDFONT: soundfont.play, ADDITIVE: synthesis.synthesise}


def write_wav(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as sound: 48,000 frames a second, 16 bits, two channels.

    Args:
        score: the piece, of an hour at most.
        path: of the file.
        rendition: says the tempo, the instruments, the synthesiser and the tuning.

    Raises:
        ValueError: a score that is too long, of a tempo that cannot be, or with what the chosen
            synthesiser does not have.

    Example:
        >>> write_wav(Score.from_grid([[67, 60]]), Path("two.wav"))  # doctest: +SKIP
    """
    sound = make_sound(score, rendition)
    save_wav(sound, path)


def write_opus(score: Score, path: Path, rendition: Rendition = PLAIN) -> None:
    """Write a score as sound: Opus in Ogg, about a tenth as large as `write_wav` would write it.

    Args:
        score: the piece, of an hour at most.
        path: of the file.
        rendition: says the tempo, the instruments, the synthesiser and the tuning.

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


def make_sound(score: Score, rendition: Rendition = PLAIN) -> np.ndarray:
    """Return the sound of a score by the synthesiser that a user chooses: float `(frames, 2)`.

    Args:
        score: the piece.
        rendition: says the tempo, the instruments, the synthesiser and the tuning.

    Raises:
        ValueError: as `write_wav`.
    """
    chosen = rendition.synthesiser
    if chosen == AUTO:
        playable = score.voices <= len(CHANNELS) and not soundfont.missing_packages()
        chosen = SOUNDFONT if playable and not rendition.is_tuned else ADDITIVE
    return MAKERS[chosen](score, rendition)
