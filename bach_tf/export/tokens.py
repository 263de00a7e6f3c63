"""What ids mean, as plain data: a program that has no codec reads pieces by it."""

from __future__ import annotations

from bach_tf.codecs import Codec
from bach_tf.codecs.base import VOICE
from bach_tf.recipes import Preset


def describe_tokens(codec: Codec, preset: Preset) -> dict:
    """Return what a program must know to read the ids of a codec, as plain JSON data.

    Its `reading` says how.

    Args:
        codec: of the run.
        preset: of the run: tempo, instrument, and the defaults of generation.

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
    "A piece is ids: `start`, then so many as `opening` says, then a token of each of `voices` in "
    "turn, again and again, until `end` or the last id; `pad` fills up behind it. Tokens of the "
    "opening say the `metre` of the piece, beats in a bar and the note value of a beat, and its "
    "`upbeat`, the steps before the first bar line. To hear it, read the tokens behind them with "
    "a clock that counts steps from 0, `steps_per_quarter` of them in a quarter note. For each "
    "token: the clock goes on by `wait`; `velocity` is that of the notes struck from now on; "
    "notes of `release` end, which are MIDI numbers, or `voice`, for all that the token's voice "
    "sounds; notes of `strike` begin; `duration` is how many steps after their onset those notes "
    "end that have no end yet; and the clock goes on by the `steps_after` of the token's voice. "
    "What a token does not have it does not do. Where `legato` is true, a voice that strikes the "
    "note which it sounds sounds it on: nothing ends and nothing begins. What has no end at the "
    "end of the piece ends there."
)


def _steps_after(codec, tokens: list[dict]) -> int:
    """Return how many steps pass after the last voice's token of each step of the codec."""
    if codec.steps_per_bar is not None:  # its steps are those of the grid
        return 1
    # Without any time in its tokens a piece is told in quarters.
    return 0 if any("wait" in token for token in tokens) else codec.steps_per_quarter


def _ends_notes(token: dict) -> bool:
    """Return whether a token says when notes that were struck before end."""
    return "duration" in token or (
        "release" in token and "strike" not in token and token["release"] != VOICE
    )


def _end_at_the_next(tokens: list[dict]) -> None:
    """Let what a voice strikes end all that it sounds, where tokens say no other end of a note."""
    for token in tokens:
        if "strike" in token:
            token["release"] = VOICE
