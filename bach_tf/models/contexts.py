"""What voices have done lately, by name: where a memory of other pieces is looked into.

A context is what a voice has done lately: its last `n` changes, each an interval and the steps
until the next one. No pitch is part of it, so that a passage is found in every key.

Contexts are named by four polynomial hashes modulo a prime below 2^15. No product leaves 32 bits,
so every runtime computes the same names; how larger products wrap around is not defined
everywhere. Two contexts share a name once in many millions of look-ups.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import START
from bach_tf.models import repeats
from bach_tf.models.base import Tensor
from bach_tf.models.layers import taken

VOICES = 4
# Changes in a context of what the voice itself did, the shortest first.
OWN = (1, 2, 3, 4, 6, 8, 12, 16)
# Of what the first voice did, and which distances from it one step ago count too: those of all
# other voices, a chord, or that of the voice alone; of the first voice, that of the second.
NOTHING, CHORD, ALONE = 0, 1, 2
CHORDS = ((1, NOTHING), *((changes, CHORD) for changes in (1, 2, 3, 4, 6, 8, 12)))
PAIRS = tuple((changes, ALONE) for changes in (1, 2, 3, 4, 5, 6, 8, 12))
BELOW = np.array([CHORDS, PAIRS])  # (2, 8, 2)
LEVELS = len(OWN)
KINDS_OF_CONTEXT = 1 + len(BELOW)
NAMES = KINDS_OF_CONTEXT * LEVELS  # of each voice and step, those of a kind side by side
DEEPEST = max(OWN)
HOLD, BEGIN, SILENCED, FROM_SILENCE, UNCLEAR = 0, 1, 2, 3, 4  # what a voice does, but for intervals
UNISON = 128

PRIME = 32749  # the largest below 2^15
HASHES = 4
_HALF = 1 << 15  # two hashes as one number
_UNKNOWN, _OPENING = -2, -1  # instead of the row before a context: not there; begins its piece
_numbers = np.random.default_rng(20)


def _random(*shape):
    """Return random factors, one for each hash: int32 `(..., HASHES)`."""
    return _numbers.integers(1, PRIME, (*shape, HASHES)).astype(np.int32)


def _powers(base, count):
    """Return the first powers: int32 `(count, HASHES)`."""
    powers = np.ones((count, HASHES), np.int32)
    for exponent in range(1, count):
        powers[exponent] = powers[exponent - 1] * base % PRIME
    return powers


def _factors():
    """Return the factor of each distance, in each sum of distances: int32 `(4, 5, 4 * HASHES)`.

    The distances are those of the other voices from the first one a step ago, and of the second
    and third in this step. The sums are 0, and those of `NOTHING`, `CHORD` and `ALONE` with what
    is already written in this step, for each voice.
    """
    others = VOICES - 1
    chord, alone, written = _random(others), _random(), _random(others - 1)
    factors = np.zeros((VOICES, others + len(written), 4, HASHES), np.int32)
    factors[:, :others, 1 + CHORD] = chord
    for voice in range(VOICES):
        factors[voice, max(voice, 1) - 1, 1 + ALONE] = alone
        for known in range(1, voice):
            factors[voice, others + known - 1, 1:] = written[known - 1]
    return factors.reshape(VOICES, others + len(written), -1)


_BASE, _MIX, _SALTS, _FACTORS = _random(), _random(), _random(VOICES, NAMES), _factors()
# A note held for `n` steps: what multiplies the change, and what the other steps add.
_POWERS = _powers(_BASE, repeats.LONGEST + 1)
_HELD = ((np.cumsum(_POWERS, axis=0) - _POWERS) % PRIME).astype(np.int32)
# Of which depth each name is, the first voice's depths behind the voice's own, and of which sum.
_DEPTHS = np.array([*OWN, *(DEEPEST + BELOW[..., 0].ravel())], np.int32) - 1
_SUMS = np.array([0] * LEVELS + [*(1 + BELOW[..., 1].ravel())], np.int32)


def moves(last: Tensor, chords: Tensor, first: Tensor) -> Tensor:
    """Return what each voice does: int32 of the shape of `chords`, an interval above `UNISON`.

    Args:
        last: int32 `(..., 4)`, the step before.
        chords: int32 `(..., 4)`.
        first: bool, broadcast to them: whether nothing stands before.
    """
    where = _library(last).where
    return where(
        chords == last,
        where(last == START, BEGIN, where(first, UNCLEAR, HOLD)),
        interval(last, chords),
    )


def interval(lower: Tensor, upper: Tensor) -> Tensor:
    """Return the distance from one id to the other, or why there is none."""
    silent, where = SatbCodec.SILENT, _library(lower).where
    sounds = (lower > silent) & (upper > silent)
    other = where(lower == START, BEGIN, UNCLEAR)
    other = where((lower == silent) & (upper > silent), FROM_SILENCE, other)
    other = where((upper == silent) & (lower > silent), SILENCED, other)
    return where(sounds, upper - lower + UNISON, other)


def _library(x):
    """Return NumPy for its arrays, the operations of Keras for tensors."""
    return np if isinstance(x, np.ndarray) else ops


def _take(x, indices, axis=0):
    """Return the elements at the given indices of a NumPy array or a tensor."""
    if isinstance(x, np.ndarray) and isinstance(indices, np.ndarray):
        return np.take(x, indices, axis=axis)
    return taken(x, indices, axis=axis)


def contexts(steps: Tensor, held: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return the hashes of the last 1 to `DEEPEST` changes up to each step.

    The steps of pieces stand one behind another, in rows.

    Args:
        steps: int32 `(R, v)`, what `moves` says of some voices.
        held: int32 `(R, v)`, how long each note has been held, 1 to `repeats.LONGEST`.
        start: int32 `(R,)`, the row in which the piece of each row begins.

    Returns:
        int32 `(R, v, DEEPEST, HASHES)`, and int32 `(R, v, DEEPEST)`, 1 for those there are.
    """
    lib, voices = _library(steps), steps.shape[1]
    found = _of_one_change(steps, held, start)
    depth = 1
    while depth < DEEPEST:
        recent = found[:, depth - 1 : depth]
        code, factor, before = lib.split(recent, [HASHES, 2 * HASHES], axis=-1)  # (R v, 1, ...)
        older = _take(found, lib.reshape(lib.maximum(before, 0), (-1,)))
        hashes, factors, link = lib.split(older, [HASHES, 2 * HASHES], axis=-1)  # (R v, depth, ...)
        deeper = [
            (hashes * factor + code) % PRIME,
            factors * factor % PRIME,
            lib.where(before >= 0, link, np.int32(_UNKNOWN)),
        ]
        found = lib.concatenate([found, lib.concatenate(deeper, axis=-1)], axis=1)
        depth *= 2
    hashes, _, link = lib.split(found, [HASHES, 2 * HASHES], axis=-1)
    there = lib.where(link >= _OPENING, np.int32(1), np.int32(0))
    return (
        lib.reshape(hashes, (-1, voices, DEEPEST, HASHES)),
        lib.reshape(there, (-1, voices, DEEPEST)),
    )


def _of_one_change(steps, held, start):
    """Return the contexts of one change: int32 `(R v, 1, 2 * HASHES + 1)`.

    Columns: the hashes, the factors for whatever precedes them, and the index in `(R v,)` of the
    step before the change.
    """
    lib, voices = _library(steps), steps.shape[1]
    rows = lib.arange(lib.shape(steps)[0], dtype="int32")[:, None]
    before = rows - held
    columns = np.arange(voices, dtype=np.int32)
    changes = lib.reshape((before + 1) * voices + columns, (-1,))
    link = lib.where(before >= start[:, None], before * voices + columns, np.int32(_OPENING))
    link = lib.where(held < repeats.LONGEST, link, np.int32(_UNKNOWN))
    held = lib.reshape(held, (-1,))
    code = lib.reshape(_take(lib.reshape(steps, (-1,)), changes) + 1, (-1, 1))
    hashes = (code * _take(_POWERS, held - 1) + _take(_HELD, held - 1)) % PRIME
    link = lib.reshape(link, (-1, 1))
    return lib.concatenate([hashes, _take(_POWERS, held), link], axis=-1)[:, None]


def advance(
    state: tuple[Tensor, Tensor], steps: Tensor, held: Tensor, held_before: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what `contexts` does, one step after the other.

    Args:
        state: of the step before: hashes int32 `(B, v, DEEPEST, HASHES)`, and how many there are,
            int32 `(B, v)`.
        steps: int32 `(B, v)`, what `moves` says of this step.
        held: int32 `(B, v)`, 1 where a note begins.
        held_before: int32 `(B, v)`, of the step before.
    """
    hashes, known = state
    code = ops.reshape(steps + 1, (-1, steps.shape[1], 1, 1))
    longer = (hashes * _BASE + code) % PRIME
    new = code * np.ones(HASHES, np.int32)
    shifted = ops.concatenate([new, longer[:, :, :-1]], axis=2)
    begins = held == 1
    linked = ops.where(held_before < repeats.LONGEST, known, 0)
    return (
        ops.where(ops.reshape(begins, (-1, steps.shape[1], 1, 1)), shifted, longer),
        ops.where(begins, ops.minimum(linked + 1, DEEPEST), known),
    )


def existing(known: Tensor, held: Tensor) -> Tensor:
    """Return 1 for the contexts there are, of what `advance` counts: int32 `(B, v, DEEPEST)`."""
    counted = ops.where(held < repeats.LONGEST, known, 0)
    depths = np.arange(DEEPEST, dtype=np.int32)
    return ops.cast(depths < ops.expand_dims(counted, -1), "int32")


def names(
    own: tuple[Tensor, Tensor],
    melody: tuple[Tensor, Tensor],
    last: Tensor,
    chords: Tensor,
    voices: slice | Tensor = slice(None),
) -> tuple[Tensor, Tensor]:
    """Return the names of the contexts of each voice in a step, two integers each.

    Args:
        own: hashes of each voice up to the previous step, int32 `(R, v, DEEPEST, HASHES)`, and a
            mask of those that exist, int32 `(R, v, DEEPEST)`.
        melody: the same of the first voice, up to the latest step that each voice sees.
        last: int32 `(R, 4)`, the previous step.
        chords: int32 `(R, 4)`, this step.
        voices: which voices the columns are, or an int32 scalar for one voice.

    Returns:
        int32 `(R, v, NAMES, 2)`, below 2^30, and a mask of those that exist, int32
        `(R, v, NAMES)`.
    """
    lib = _library(last)
    both = (lib.concatenate(pair, axis=2) for pair in zip(own, melody))
    hashes, there = (_take(x, _DEPTHS, axis=2) for x in both)
    factors, salts = (_of_voices(x, voices) for x in (_FACTORS, _SALTS))
    earlier, now = (interval(x[:, :1], x[:, 1:]) for x in (last, chords[:, :-1]))
    distances = lib.concatenate([earlier, now], axis=1) + 1  # (R, 5)
    sums = lib.sum(lib.reshape(distances, (-1, 1, factors.shape[1], 1)) * factors, axis=2)
    sums = lib.reshape(sums, (-1, factors.shape[0], 4, HASHES))
    named = (hashes * _MIX + _take(sums, _SUMS, axis=2) + salts) % PRIME
    high, low = lib.split(named, 2, axis=-1)
    return high * _HALF + low, there


def _of_voices(table, voices):
    """Return the rows of a table for a slice of voices, or for one voice given as a tensor."""
    return table[voices] if isinstance(voices, slice) else taken(table, voices)[None]


def behind(found: tuple[Tensor, Tensor], first: Tensor) -> tuple[Tensor, Tensor]:
    """Return the contexts up to the previous row; none at the beginning of a piece.

    Args:
        found: hashes `(R, v, DEEPEST, HASHES)`, and which there are.
        first: bool `(R,)`, where a piece begins.
    """
    lib = _library(first)
    hashes, there = (lib.concatenate([x[:1], x[:-1]], axis=0) for x in found)
    return hashes, lib.where(lib.reshape(first, (-1, 1, 1)), np.int32(0), there)


def named(last: Tensor, chords: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Return the names of all contexts of all steps, and which there are.

    Args:
        last: int32 `(B, N, 4)`, the step before each.
        chords: int32 `(B, N, 4)`.
        held: int32 `(B, N, 4)`, how long each note of `chords` has been held.

    Returns:
        int32 `(B N, 4, NAMES, 2)` and int32 `(B N, 4, NAMES)`, as `names` has them.
    """
    length = ops.shape(chords)[1]
    last, chords, held = (ops.reshape(x, (-1, VOICES)) for x in (last, chords, held))
    rows = ops.arange(ops.shape(chords)[0], dtype="int32")
    place = rows % length
    first = place == 0
    # TensorFlow does not know the rank of what is chosen by a tensor of open length.
    steps = ops.reshape(moves(last, chords, first[:, None]), (-1, VOICES))
    now = contexts(steps, held, rows - place)
    own = behind(now, first)
    # The first voice does not know yet what it does; the others know what it has done.
    melody = (
        ops.concatenate([before[:, :1], *[after[:, :1]] * (VOICES - 1)], axis=1)
        for before, after in zip(own, now)
    )
    return names(own, tuple(melody), last, chords)


def named_next(
    state: tuple[Tensor, Tensor],
    last: Tensor,
    chord: Tensor,
    held: Tensor,
    place: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the names of the contexts of one voice in the next step.

    Args:
        state: what `advance` gave for the step before.
        last: int32 `(B, 4)`, the step before.
        chord: int32 `(B, 4)`, this step, 0 for what is not written.
        held: int32 `(B, 4)`, how long each note of the step before has been held.
        place: which voice, an int32 scalar, and whether this is the first step, a bool one.

    Returns:
        int32 `(B, NAMES, 2)` and int32 `(B, NAMES)`, as `names` has them.
    """
    voice, first = place
    there = existing(state[1], held)
    own = tuple(ops.expand_dims(taken(x, voice, axis=1), 1) for x in (state[0], there))
    before, after, lasted = last[:, :1], chord[:, :1], held[:, :1]
    begins = first | (after != before)
    now = ops.where(begins, 1, ops.minimum(lasted + 1, repeats.LONGEST))
    hashes, known = advance(
        tuple(x[:, :1] for x in state), moves(before, after, first), now, lasted
    )
    melody = (
        ops.where(voice > 0, new, old[:, :1])
        for new, old in ((hashes, state[0]), (existing(known, now), there))
    )
    found, there = names(own, tuple(melody), last, chord, voice)
    return found[:, 0], there[:, 0]
