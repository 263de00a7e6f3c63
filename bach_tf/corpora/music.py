"""What kind of music a corpus holds, as one value: how it is encoded, cut and played."""

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

MOST_STEPS = 100_000  # of a piece or a window: hours of music
HOTTEST = 100  # temperature: hardly less even than chance
CHURCH_ORGAN = 19  # General MIDI program, counted from 0

# What a new piece of four voices may be kept from; `composing.rules` says how.
RULES = {
    "parallels": "two voices in parallel fifths, octaves or unisons",
    "crossing": "a voice below the next lower one",
    "spacing": "more than an octave between soprano and alto, or alto and tenor",
    "range": "a voice outside the range that its singers have",
    "dissonance": "a dissonance with the bass on the beat that is less likely than a consonance",
    "motion": "a chord held for over two bars",
    "focus": "pitches that are as daring as the rhythm: they are drawn at a lower temperature",
    "cadence": "an end on another chord than a triad on the tonic of the piece, held for a quarter",
    "quotation": "over two bars of a piece of the training split, if the run has a memory of it",
}

# What each setting may be, but for `encoding`, whose settings are those of the codec.
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
    """A kind of music: all that depends on it rather than on a model.

    Args:
        corpus: a name in `CORPORA`; `data_dir` where it reads from, if anywhere.
        codec: a name in `CODECS`; `encoding` its settings.
        period: number of tokens after which positions in a piece are alike, such as a bar.
        window: steps in a training window; `stride` from one window to the next. What a step is,
            the codec says: a sixteenth, a note, a chord or an event.
        transpose: the lowest and the highest shift of a training piece, in semitones.
        context: the longest context in validation and evaluation, in steps: at least half of it
            stands before each token that is measured, if the piece has so much. The whole piece
            when `None`.
        temperature: the default of generation; so are
        length: of a piece, in steps, and `min_length`, before which none ends;
        rules: names in `RULES` that new pieces keep; of four voices alone;
        program: the General MIDI instrument, 0..127;
        tempo_qpm: quarter notes per minute.

    Raises:
        ValueError: a value that is not of the type, or not within the bounds, of
            `MUSIC_SETTINGS` or the codec; or a stride longer than the window.

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
                "`stride` must be at most `window`, or tokens between the windows are never "
                f"seen. Received: stride={self.stride}, window={self.window}"
            )

    def is_like(self, other: Music) -> bool:
        """Return whether two corpora hold the same kind of music: they differ in the name alone.

        Args:
            other: that of another corpus.

        Example:
            >>> music = Music(corpus="mine", codec="melody", window=64, stride=32)
            >>> music.is_like(replace(music, corpus="yours"))
            True
        """
        return replace(self, corpus=other.corpus, data_dir=other.data_dir) == other


# Four-part chorales on a grid of sixteenths. A bar of four quarters is 64 tokens.
CHORALES = Music(
    corpus="chorales", codec="satb", period=64, window=64, stride=64, min_length=64,
    rules=["parallels", "dissonance", "motion", "focus", "cadence", "quotation"],
)  # fmt: skip
