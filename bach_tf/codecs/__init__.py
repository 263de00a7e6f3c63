"""Codecs turn scores into integer tokens and back.

A codec is a plain object with the following interface; contract tests run for every entry of
`CODECS`. A step of a codec (a sixteenth, a note, a chord, an event) is one or several tokens.

Vocabulary:

- Ids shared by all codecs: `PAD` 0 fills a window beyond the end of a piece, `START` 1, `END` 2.
  `codec.unknown` is the id for what the training split does not contain: `UNKNOWN` 3, or `None`
  for a codec without one (satb).
- `vocab_size`, and `tokens`: a unique, readable name for each id, understood by `parse_tokens`.
- `effects`: what each id does in performance, see `base.Token`. `has_hold`: whether the
  vocabulary has a token that sustains the current note.
- `counted`: bool `(vocab_size,)`, the ids included in likelihoods: all but padding, start, end
  and the ids of the opening.
- `opening`: bool `(H, vocab_size)`: the ids allowed at each position before the first step. They
  describe the whole piece and take no time; H is 0 for most codecs.
- `may_follow`: bool `(period, vocab_size)`: row `(t - H) % period` has the ids allowed at position
  `t` of a piece (not counting the start token). Padding, start and unknown never are. The period
  is the number of tokens per step.
- `may_write`: the same for generated pieces, which may be restricted further, such as to the
  range of each voice.
- `voice_names`, and `voice_of(positions)`: the index of a token's voice among them.
- `metres`: those that can begin a piece, most frequent first; empty for most codecs.
- `part_names`: names of the voices of decoded scores, if they have any.
- `step_name`: what a step is. `steps_per_quarter`: resolution of the scores.
  `steps_per_bar`: codec steps per bar of 4/4, `None` if steps have no fixed duration.

Encoding and decoding:

- `encode(score) -> int32 (T,)`, from `START` to `END`. Raises `ValueError` for what the codec
  cannot represent; what is merely absent from the training split becomes the unknown token.
- `decode(ids) -> Score` accepts any ids in any order: padding, start and unknown tokens are
  skipped, and the first end token ends the piece. Notes of one voice and pitch never overlap in
  the result, so that a MIDI file of it has the same notes.
- `transposition(shifts) -> int32 (shifts, vocab_size)`: what each id becomes; `PAD` where a
  shift leaves the vocabulary.

Construction:

- `fit(scores, *, transpose=(0, 0), **settings)`: builds the vocabulary of the training split,
  extended to cover transpositions by `transpose[0]` to `transpose[1]` semitones.
- `to_config() -> dict` of plain JSON data, and `from_config(dict)`.
"""

from __future__ import annotations

from bach_tf.codecs.base import END, PAD, START, UNKNOWN, Codec, parse_tokens
from bach_tf.codecs.events import EventCodec
from bach_tf.codecs.melody import MelodyCodec
from bach_tf.codecs.notes import ChordCodec, PitchCodec
from bach_tf.codecs.satb import VELOCITIES, SatbCodec

__all__ = [
    "CODECS",
    "END",
    "PAD",
    "START",
    "UNKNOWN",
    "VELOCITIES",
    "ChordCodec",
    "Codec",
    "EventCodec",
    "MelodyCodec",
    "PitchCodec",
    "SatbCodec",
    "parse_tokens",
]

CODECS: dict[str, type[Codec]] = {
    "satb": SatbCodec,
    "melody": MelodyCodec,
    "pitches": PitchCodec,
    "chords": ChordCodec,
    "events": EventCodec,
}
