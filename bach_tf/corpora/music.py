"""`Music`: a kind of music as one value: how it is encoded, windowed and played."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from bach_tf._basics.settings import (
    Choice,
    Pair,
    Real,
    Settings,
    Several,
    Text,
    Whole,
    check_settings,
)
from bach_tf.codecs import CODECS
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO, PROGRAMS

MOST_STEPS = 100_000  # in a piece or window: hours of music
HOTTEST = 100  # maximum temperature, at which sampling is practically uniform
CHURCH_ORGAN = 19  # General MIDI program, counted from 0

# What new four-part pieces can be kept from; implemented in `composing.rules`.
RULES = {
    "parallels": "two voices in parallel fifths, octaves or unisons",
    "crossing": "a voice below the next lower one",
    "spacing": "more than an octave between soprano and alto, or alto and tenor",
    "range": "a voice outside the range that its singers have",
    "dissonance": "a dissonance with the bass on the beat that is less likely than a consonance",
    "motion": "a chord held for more than two bars",
    "focus": "pitches as daring as the rhythm: they are sampled at a lower temperature",
    "cadence": "an ending on anything but a tonic triad held for a quarter",
    "quotation": "more than two bars of a training piece, if the run has a memory of them",
}

# Types and bounds of the settings, except those of `encoding`, which belong to the codec.
MUSIC_SETTINGS: Settings = {
    "corpus": Text(255),
    "data_dir": Text(4096, optional=True),
    "codec": Choice(CODECS),
    "period": Whole(1, 65_536),
    "window": Whole(1, MOST_STEPS),
    "stride": Whole(1, MOST_STEPS),
    "transpose": Pair(Whole(-24, 0), Whole(0, 24)),
    "context": Whole(2, MOST_STEPS, optional=True),
    "temperature": Real(0, HOTTEST),
    "length": Whole(1, MOST_STEPS),
    "min_length": Whole(0, MOST_STEPS),
    "rules": Several(Choice(RULES), 0, len(RULES)),
    "program": Whole(0, len(PROGRAMS) - 1),
    "tempo_qpm": Real(LOWEST_TEMPO, HIGHEST_TEMPO),
}


@dataclass(frozen=True, kw_only=True)
class Music:
    """A kind of music: everything that depends on the music rather than on the model.

    Args:
        corpus: a name in `CORPORA`; `data_dir`, where it is read from, if anywhere.
        codec: a name in `CODECS`; `encoding`, its settings.
        period: number of tokens after which positions in a piece are equivalent, such as a bar.
        window: steps per training window; `stride`, steps between windows. A step is defined by
            the codec: a sixteenth, a note, a chord or an event.
        transpose: lowest and highest transposition in training, in semitones.
        context: maximum context in validation and evaluation, in steps; each evaluated token has
            at least half of it, or all that precedes it in the piece. `None` for whole pieces.
        temperature: default for generation, like the following.
        length: maximum length of a piece, in steps; `min_length`, the minimum.
        rules: names in `RULES`; only for four-part music.
        program: General MIDI instrument, 0..127.
        tempo_qpm: quarter notes per minute.

    Raises:
        ValueError: if a value does not have the type or is outside the bounds in `MUSIC_SETTINGS`
            or the codec, or the stride exceeds the window.

    Example:
        >>> Music(corpus="mine", codec="melody", window=64, stride=32).tempo_qpm
        90.0
    """

    corpus: str
    data_dir: str | None = None
    codec: str
    encoding: dict[str, Any] = field(default_factory=dict)
    period: int = 1
    window: int
    stride: int
    transpose: tuple[int, int] = (-5, 6)
    context: int | None = None
    temperature: float = 1.0
    length: int = 512
    min_length: int = 0
    rules: list[str] = field(default_factory=list)
    program: int = CHURCH_ORGAN
    tempo_qpm: float = 90.0

    def __post_init__(self):
        settings = {name: getattr(self, name) for name in MUSIC_SETTINGS}
        checked = check_settings(MUSIC_SETTINGS, settings)
        encoding = CODECS[self.codec].ENCODING
        checked["encoding"] = check_settings(encoding, self.encoding, prefix="encoding.")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.stride > self.window:
            raise ValueError(
                "`stride` must be at most `window`, or tokens between windows are never "
                f"seen. Received: stride={self.stride}, window={self.window}"
            )

    def is_like(self, other: Music) -> bool:
        """Return whether two corpora have the same kind of music, so that only their names differ.

        Args:
            other: the music of another corpus.

        Example:
            >>> music = Music(corpus="mine", codec="melody", window=64, stride=32)
            >>> music.is_like(replace(music, corpus="yours"))
            True
        """
        return replace(self, corpus=other.corpus, data_dir=other.data_dir) == other


# Four-part chorales on a grid of sixteenths. A bar of 4/4 is 64 tokens.
CHORALES = Music(
    corpus="chorales", codec="satb", period=64, window=64, stride=64, min_length=64,
    rules=["parallels", "range", "dissonance", "motion", "focus", "cadence", "quotation"],
)  # fmt: skip
