"""The options of generation with bounds and defaults, for the command line and Python.

Imports no TensorFlow, so that mistakes are reported quickly.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf._basics.settings import Real, Settings, Text, Whole
from bach_tf.codecs import Codec, SatbCodec
from bach_tf.composing.primers import steps_of
from bach_tf.corpora.music import HOTTEST, MOST_STEPS, RULES
from bach_tf.formats.grid_csv import VOICES
from bach_tf.formats.rendition import Rendition
from bach_tf.recipes import Music, Preset
from bach_tf.recipes.tables import SEEDS
from bach_tf.score import Score
from bach_tf.theory.instruments import HIGHEST_TEMPO, LOWEST_TEMPO, find_program
from bach_tf.theory.note_names import note_number

# These bound the memory of a piece; memory does not grow with the number of pieces.
MOST_BARS = 5_000
LARGEST_TOP_K = 1_000_000  # more than the tokens of any codec
LONGEST_RULES = 255  # characters
NO_RULES = "none"
CADENCE, QUOTATION = "cadence", "quotation"
LONGEST_METRE = 255  # characters; valid metres depend on the codec
LONGEST_UPBEAT = 64  # quarters
MOST_TUNES = 1_000_000  # maximum number of a tune in a book
PARTICLES, MOST_PARTICLES = 32, 1024  # per version of a harmonisation
MOST_CANDIDATES = 64
LONGEST_RANGE = 255  # characters
MOST_PIECES = 10_000  # per call, so that a mistyped number does not run for hours

# `None` stands for the preset's value, a random seed, or one piece.
OPTIONS: Settings = {
    "num_outputs": Whole(1, MOST_PIECES, optional=True),
    "bars": Whole(1, MOST_BARS, optional=True),
    "length": Whole(1, MOST_STEPS, optional=True),
    "min_bars": Whole(0, MOST_BARS, optional=True),
    "seed": Whole(0, SEEDS, optional=True),
    "temperature": Real(0, HOTTEST, optional=True),
    "top_k": Whole(0, LARGEST_TOP_K),
    "top_p": Real(0, 1, above=True),
    "primer_length": Whole(1, MOST_STEPS, optional=True),
    "tune": Whole(0, MOST_TUNES, optional=True),
    "tempo": Real(LOWEST_TEMPO, HIGHEST_TEMPO, optional=True),
    "metre": Text(LONGEST_METRE, optional=True),
    "upbeat": Real(0, LONGEST_UPBEAT, optional=True),
    "rules": Text(LONGEST_RULES, optional=True),
    "particles": Whole(1, MOST_PARTICLES, optional=True),
    "candidates": Whole(1, MOST_CANDIDATES, optional=True),
}
RANGE = re.compile(r"(\w+)\s*=\s*([A-Ga-g]?[#b]?\d{1,3})\s*-\s*([A-Ga-g]?[#b]?\d{1,3})")


def resolve_options(music: Music, codec: Codec, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `generate_batches`, filling in defaults.

    Args:
        music: the music of the run's preset, with default lengths and temperature.
        codec: the run's codec.
        asked: values of `OPTIONS`, already checked. Others are ignored.

    Raises:
        ValueError: if the length is given both in steps and in bars, or in bars although steps
            have no fixed duration; if the minimum exceeds the maximum; or if several pieces
            would be identical.

    Example:
        >>> from bach_tf.codecs import MelodyCodec
        >>> from bach_tf.recipes import PRESETS
        >>> asked = dict.fromkeys(OPTIONS) | {"bars": 2, "top_k": 0, "seed": 1}
        >>> options = resolve_options(PRESETS["folk"].music, MelodyCodec(60, 72), asked)
        >>> options["length"], options["ends"]
        (32, False)
    """
    temperature, seed = asked["temperature"], asked["seed"]
    options = {
        **_lengths(music, codec, asked),
        "temperature": music.temperature if temperature is None else temperature,
        "num_outputs": 1 if asked["num_outputs"] is None else asked["num_outputs"],
        "top_k": asked["top_k"],
        "top_p": asked["top_p"],
        "rules": rules_of(music, codec, asked["rules"]),
        "seed": secrets.randbelow(SEEDS + 1) if seed is None else seed,
    }
    options["ends"] = _ends(codec, asked, options["rules"])
    _check_distinct({**options, "num_outputs": options["num_outputs"] * candidates_of(asked)})
    return options


def candidates_of(asked: Mapping[str, Any]) -> int:
    """Return the number of pieces from which each new one is chosen.

    Example:
        >>> candidates_of({"candidates": None})
        1
    """
    return asked.get("candidates") or 1


def rules_of(music: Music, codec: Codec, asked: str | None) -> list[str]:
    """Return the names of the rules enforced on new pieces.

    Args:
        music: the music of the run's preset, with the default rules.
        codec: the run's codec.
        asked: names of `RULES` separated by commas, or "none".

    Raises:
        ValueError: if a rule is unknown, or the run does not write four-part music.

    Example:
        >>> from bach_tf.codecs import SatbCodec
        >>> from bach_tf.recipes import PRESETS
        >>> rules_of(PRESETS["chorale"].music, SatbCodec(36, 81), "parallels,crossing")
        ['parallels', 'crossing']
    """
    if asked is None:  # a preset's own are dropped where they cannot apply
        return list(music.rules) if isinstance(codec, SatbCodec) else []
    if asked.strip() == NO_RULES:
        return []
    names = [name.strip() for name in asked.split(",")]
    for name in names:
        choose(RULES, name, "rule")
    if not isinstance(codec, SatbCodec):
        raise ValueError(
            f"Rules apply to four-part music. Received: `rules` {', '.join(names)} for a run "
            f"that writes {codec.step_name}s. Leave them out."
        )
    return list(dict.fromkeys(names))


def check_quotation(preset: Preset, asked: str | None) -> None:
    """Check that a run can keep to the rule "quotation", if a user names it.

    Args:
        preset: the run's preset.
        asked: as for `rules_of`; the preset's own rules are ignored where they cannot apply.

    Raises:
        ValueError: if the rule is named and the run has no memory of its training split.
    """
    if _names_quotation(asked) and not preset.model.settings.get("memory"):
        raise ValueError(
            f"The rule {QUOTATION} compares new pieces with the memory of a run. Received: a run "
            "without a memory of its training pieces. Leave the rule out."
        )


def _names_quotation(asked: str | None) -> bool:
    return asked is not None and QUOTATION in map(str.strip, asked.split(","))


def harmonizing_options(music: Music, codec: Codec, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `harmonizing.harmonize`, with defaults for missing options.

    Versions may quote the training split, since the given melody itself may be in it: the rule
    "quotation" is dropped from a preset's rules, and refused in those of a user.

    Args:
        music: the music settings of the run's preset.
        codec: the run's codec.
        asked: checked values of `OPTIONS`, and `range` as for `ranges_in`. Others are ignored.

    Raises:
        ValueError: if a rule, voice or range is invalid, the rule "quotation" is named, or several
            versions would be identical.
    """
    if _names_quotation(asked["rules"]):
        raise ValueError(
            f"The rule {QUOTATION} applies to new pieces only: a melody may come from a training "
            "piece. Leave it out."
        )
    temperature, seed = asked["temperature"], asked["seed"]
    options: dict[str, Any] = {
        "temperature": music.temperature if temperature is None else temperature,
        "num_outputs": asked["num_outputs"] or 1,
        "particles": asked["particles"] or PARTICLES,
        "candidates": asked["candidates"] or 1,
        "rules": [name for name in rules_of(music, codec, asked["rules"]) if name != QUOTATION],
        "ranges": ranges_in(asked["range"] or {}),
        "seed": secrets.randbelow(SEEDS + 1) if seed is None else seed,
    }
    pieces = options["num_outputs"] * options["candidates"]
    _check_distinct({**options, "num_outputs": pieces, "top_k": 0})
    return options


def ranges_in(asked: str | Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the lowest and the highest pitch of each voice that a user names.

    Args:
        asked: such as "soprano=60-79,alto=F3-D5", or `{"soprano": (60, 79)}`.

    Raises:
        ValueError: no ranges, an unknown voice, or a range that ends below its beginning.

    Example:
        >>> ranges_in("soprano=60-79, alto=F3-D5")
        {'soprano': (60, 79), 'alto': (53, 74)}
    """
    if isinstance(asked, Mapping):
        asked = ",".join(f"{voice}={_ends_of(pair)}" for voice, pair in asked.items())
    ranges = {}
    for part in str(asked).split(",") if asked else ():
        match = RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f"Expected ranges such as soprano=60-79 or alto=F3-D5, got: {shortened(asked)}"
            )
        choose(dict.fromkeys(VOICES), match[1], "voice")
        low, high = (note_number(name[:1].upper() + name[1:]) for name in match.groups()[1:])
        if low > high:
            raise ValueError(f"Expected a range from low to high, got: {shortened(match[0])}")
        ranges[match[1]] = (low, high)
    return ranges


def _ends_of(pair: object) -> str:
    """Return a range as text; whatever is no list of two notes fails to be read later."""
    ends = pair if isinstance(pair, Sequence) and not isinstance(pair, str) else [pair]
    return "-".join(map(str, ends))


def make_rendition(
    music: Music, tempo: float | None, program: int | str | None, primer: Score | None = None
) -> Rendition:
    """Return how pieces are to be rendered: as requested, or as in the primer or the preset.

    Args:
        music: the music of the run's preset.
        tempo: quarter notes per minute; by default the primer's, or else the preset's.
        program: General MIDI instrument, by name or number 0..127; by default those of the
            primer's parts, or else the preset's.
        primer: the beginning of the pieces, if it has a score.

    Raises:
        ValueError: if the instrument is unknown or the tempo out of bounds.
    """
    if primer is not None and primer.tempi and tempo is None:
        tempo_qpm = None
    else:
        tempo_qpm = music.tempo_qpm if tempo is None else tempo
    programs: tuple[int, ...] = ()
    if primer is not None and program is None:
        said = [part.program for part in primer.parts]
        programs = tuple(music.program if each is None else each for each in said)
    return Rendition(
        tempo_qpm=tempo_qpm,
        program=music.program if program is None else find_program(str(program)),
        programs=programs,
    )


def _lengths(music: Music, codec: Codec, asked: Mapping[str, Any]) -> dict[str, int]:
    """Return maximum and minimum length of a piece in steps."""
    most = steps_of(codec, asked["length"], asked["bars"], music.length)
    fewest = steps_of(codec, None, asked["min_bars"], music.min_length)
    if asked["min_bars"] is not None and codec.steps_per_bar and fewest > most:
        raise ValueError(
            f"Expected a minimum not above the maximum. Received: a piece of at least "
            f"{asked['min_bars']} bars and at most {most} steps "
            f"({most / codec.steps_per_bar:g} bars). Ask for a longer piece."
        )
    return {"length": most, "min_length": fewest}


def _ends(codec: Codec, asked: Mapping[str, Any], rules: Sequence[str]) -> bool:
    """Return whether pieces end in the bar that was asked for, instead of being truncated.

    A minimum leaves it to the model where to end; other options have no exact form.
    """
    exact = asked["bars"] is not None and asked["min_bars"] is None
    plain = not asked["top_k"] and asked["top_p"] in (None, 1)
    return exact and plain and CADENCE in rules and isinstance(codec, SatbCodec)


def _check_distinct(options: Mapping[str, Any]) -> None:
    """Raise `ValueError` if several pieces would be identical."""
    advice = {"Temperature 0": "a temperature above 0", "Top-k 1": "a top-k above 1"}
    greedy = {"Temperature 0": options["temperature"] == 0, "Top-k 1": options["top_k"] == 1}
    if options["num_outputs"] > 1 and any(greedy.values()):
        setting = next(name for name, chosen in greedy.items() if chosen)
        raise ValueError(
            f"{setting} always takes the most probable token: the {options['num_outputs']} pieces "
            f"would be identical. Ask for one piece, or for {advice[setting]}."
        )
