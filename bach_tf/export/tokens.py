"""The meaning of ids as plain data, for programs without a codec."""

from __future__ import annotations

from bach_tf.codecs import Codec
from bach_tf.codecs.base import VOICE
from bach_tf.recipes import Preset


def describe_tokens(codec: Codec, preset: Preset) -> dict:
    """Return what a program needs to interpret the ids of a codec, as plain JSON data.

    Its `reading` explains how.

    Args:
        codec: the run's codec.
        preset: the run's preset: tempo, instrument, and the defaults of generation.

    Example:
        >>> from bach_tf.codecs import MelodyCodec
        >>> from bach_tf.recipes import PRESETS
        >>> about = describe_tokens(MelodyCodec(60, 72), PRESETS["folk"])
        >>> about["tokens"][6], about["steps_after"]
        ({'id': 6, 'name': 'C4', 'strike': [60], 'release': 'voice'}, [1])
    """
    tokens = [
        {"id": number, "name": name, **effect}
        for number, (name, effect) in enumerate(zip(codec.tokens, codec.effects))
    ]
    if not any(map(_ends_notes, tokens)):
        _end_at_the_next(tokens)
    voices = len(codec.voice_names)
    return {
        "format": "bach_tf tokens, version 1",
        "reading": READING,
        "start": codec.START,
        "end": codec.END,
        "pad": 0,
        "opening": len(codec.opening),
        "voices": list(codec.voice_names),
        "steps_per_quarter": codec.steps_per_quarter,
        "steps_after": [0] * (voices - 1) + [_steps_after(codec, tokens)],
        "legato": codec.steps_per_bar is not None and not codec.has_hold,
        "velocity": 80,
        "tempo_qpm": preset.music.tempo_qpm,
        "program": preset.music.program,
        "defaults": {
            "prompt": [codec.START],
            "length": codec.tokens_in(preset.music.length),
            "temperature": preset.music.temperature,
            "top_k": 0,
            "top_p": 1.0,
            "num_outputs": 1,
        },
        "tokens": tokens,
    }


READING = (
    "A piece is a sequence of ids: `start`, then as many as `opening` says, then one token for "
    "each of `voices` in turn, again and again, until `end` or the last id; `pad` follows. Tokens "
    "of the opening give the `metre` of the piece (beats per bar and note value of a beat) and "
    "its `upbeat`, the steps before the first bar line. To play it, process the tokens after them "
    "with a clock that counts steps from 0, with `steps_per_quarter` of them in a quarter note. "
    "For each token: the clock advances by `wait`; `velocity` applies to all notes struck from "
    "now on; notes in `release` end, which are MIDI numbers, or `voice` for all notes that the "
    "token's voice sounds; notes in `strike` begin; after `duration` steps from their onset, "
    "those notes end that have no end yet; and the clock advances by the `steps_after` of the "
    "token's voice. A missing field has no effect. If `legato` is true, a voice that strikes the "
    "note it already sounds just holds it: nothing ends and nothing begins. Notes without an end "
    "stop at the end of the piece."
)


def _steps_after(codec, tokens: list[dict]) -> int:
    """Return the steps that pass after the last voice's token of each step of the codec."""
    if codec.steps_per_bar is not None:  # its steps are those of the grid
        return 1
    # If the tokens have no duration at all, each one lasts a quarter.
    return 0 if any("wait" in token for token in tokens) else codec.steps_per_quarter


def _ends_notes(token: dict) -> bool:
    """Return whether a token determines when notes struck earlier end."""
    return "duration" in token or (
        "release" in token and "strike" not in token and token["release"] != VOICE
    )


def _end_at_the_next(tokens: list[dict]) -> None:
    """Make each stroke end the voice's previous notes, for codecs without any note ends."""
    for token in tokens:
        if "strike" in token:
            token["release"] = VOICE
