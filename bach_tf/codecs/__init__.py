"""Scores as ids that a model can learn, and back.

A codec is a plain object with this interface; a test holds every entry of `CODECS` to it. A
token is what an id stands for, and a step of a codec is one or several tokens: a sixteenth, a
note, a chord, an event.

The vocabulary:

- Ids that all codecs share: `PAD` 0 fills a window behind the end of a piece, `START` 1,
  `END` 2. `codec.unknown` is the id of what training has never seen: `UNKNOWN` 3, or `None`
  for a codec that has none (satb).
- `vocab_size`, and `tokens`: a readable name for each id, no two alike. `parse_tokens` reads
  them.
- `effects`: what each id does when a piece is played, as `base.Token` says. `has_hold`: whether
  one of them lets its voice sound on.
- `counted`: bool `(vocab_size,)`, the ids whose likelihood is measured: all but padding, the
  start, the end and those of the opening.
- `opening`: bool `(H, vocab_size)`: the ids that may stand at each position before the first step,
  which say what is true of the whole piece and take no time; H is 0 for most codecs.
- `may_follow`: bool `(period, vocab_size)`: the ids that may stand at position `t` of a written
  piece (the start token has no position) are those in row `(t - H) % period`. Never padding, the
  start or the unknown. The period is the number of tokens in a step of the codec.
- `may_write`: the same of new pieces alone, which may be kept to less, such as a voice's range.
- `voice_names`, and `voice_of(positions)`: which of them a token belongs to.
- `metres`: those that a piece may open with, the commonest first; none for most codecs.
- `part_names`: of the voices of decoded scores, where they have names.
- `step_name`: what a step is. `steps_per_quarter`: the grid of the scores.
  `steps_per_bar`: steps of the codec in a bar of four quarters, `None` where it is no time.

Scores and ids:

- `encode(score) -> int32 (T,)`, from `START` to `END`. It raises `ValueError` for what the codec
  cannot hold at all; what training merely has not seen becomes the unknown, never nothing.
- `decode(ids) -> Score` takes any ids of the vocabulary in any order: padding, starts and
  unknowns are skipped, and the first end ends the piece. Its scores have no two notes of one
  voice and pitch at a time, so a MIDI file of them holds the same notes.
- `transposition(shifts) -> int32 (shifts, vocab_size)`: what each id becomes; `PAD` where a
  shift leaves the vocabulary.

How one is made:

- `fit(scores, *, transpose=(0, 0), **settings)`: the vocabulary of the training split, made
  wide enough for its transpositions by `transpose[0]` to `transpose[1]` semitones.
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
