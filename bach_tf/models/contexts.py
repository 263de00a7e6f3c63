"""What voices have done lately, by name: where a memory of other pieces is looked into.

A context is what a voice has done lately: its last `n` changes, each an interval and the steps
until the next one. No pitch is part of it, so that a passage is found in every key.

Contexts are named by two hashes of 32 bits. One says where to look, the other whether it is there;
that two contexts are confused happens once in many millions of look-ups. All of it is whole
numbers: a step at a time comes to the same as a whole piece.
"""

from __future__ import annotations

import numpy as np
from keras import ops

from bach_tf.codecs import SatbCodec
from bach_tf.codecs.base import START
from bach_tf.models import repeats
from bach_tf.models.base import Tensor

VOICES = 4
# Changes in a context of what the voice itself did, the shortest first.
OWN = (1, 2, 3, 4, 6, 8, 12, 16)
# Of what the first voice did, and which distances from it one step ago count too: those of all
# other voices, a chord, or that of the voice alone; of the first voice, that of the second.
NOTHING, CHORD, ALONE = 0, 1, 2
CHORDS = ((1, NOTHING), *((changes, CHORD) for changes in (1, 2, 3, 4, 6, 8, 12)))
PAIRS = tuple((changes, ALONE) for changes in (1, 2, 3, 4, 5, 6, 8, 12))
BELOW = np.array([CHORDS, PAIRS])  # (2, 8, 2)
KINDS_OF_CONTEXT = 1 + len(BELOW)
DEEPEST = max(OWN)
HOLD, BEGIN, SILENCED, FROM_SILENCE, UNCLEAR = 0, 1, 2, 3, 4  # what a voice does, but for intervals
UNISON = 128
# Odd numbers without further meaning, and their inverses modulo 2^32.
BASES = np.array([0x2C1B3C6D, 0x297A2D39], np.uint32)
INVERSES = np.array([pow(int(base), -1, 1 << 32) for base in BASES], np.uint32).view(np.int32)
BASES = BASES.view(np.int32)
_DRAWN = np.random.default_rng(20)
SALTS = _DRAWN.integers(-(2**31), 2**31, (VOICES, KINDS_OF_CONTEXT, len(OWN), 2)).astype(np.int32)
FACTORS = (_DRAWN.integers(-(2**30), 2**30, (2, 2 * VOICES, 2)) * 2 + 1).astype(np.int32)
POWERS = 20  # bits of a place in a piece


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


def contexts(steps: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Return the hashes of the last 1 to `DEEPEST` changes up to each step.

    Args:
        steps: int32 `(B, N, 4)`, what `moves` says.
        held: int32 `(B, N, 4)`, how long each note has been held; the first change was before.

    Returns:
        int32 `(B, N, 4, DEEPEST, 2)`, and bool `(B, N, 4, DEEPEST)`, which of them there are.
    """
    length = ops.shape(steps)[1]
    place = ops.arange(length, dtype="int32")
    up, down = _powers(place, BASES), _powers(place, INVERSES)  # (N, 2)
    sums = ops.cumsum((steps[..., None] + 1) * down[:, None], axis=1)  # (B, N, 4, 2)
    before = repeats.behind(sums, 1)
    begins = place[:, None] - held + 1  # of the note that sounds
    linked = held < repeats.LONGEST
    begin, there, hashes, exist = begins, linked, [], []
    for _ in range(DEEPEST):
        hashes.append((sums - _at(before, begin)) * up[:, None])
        exist.append(there)
        previous = begin - 1  # the last step of the note before
        there = there & (previous >= 0) & _at(linked, previous)
        begin = _at(begins, previous)
    return ops.stack(hashes, axis=3), ops.stack(exist, axis=3)


def _powers(exponents, bases):
    """Return the powers of two numbers modulo 2^32: int32 `(N, 2)`."""
    result = ops.ones_like(exponents)[:, None] * np.ones(2, np.int32)
    factor = bases.view(np.uint32).astype(np.uint64)
    for bit in range(POWERS):
        set_ = (exponents // 2**bit % 2 == 1)[:, None]
        result = result * ops.where(set_, factor.astype(np.uint32).view(np.int32), 1)
        factor = factor * factor % (1 << 32)
    return result


def _at(x, places):
    """Return the rows of `x`, `(B, N, 4, ...)`, at places `(B, N, 4)` of each voice."""
    places = ops.maximum(places, 0)
    wide = ops.reshape(places, (*ops.shape(places), *(1 for _ in x.shape[3:])))
    if x.shape[3:]:
        wide = ops.broadcast_to(wide, (*ops.shape(places), *x.shape[3:]))
    return ops.take_along_axis(x, wide, axis=1)


def advance(
    state: tuple[Tensor, Tensor], steps: Tensor, held: Tensor, held_before: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what `contexts` does, one step after the other.

    Args:
        state: of the step before: hashes int32 `(B, 4, DEEPEST, 2)`, and how many there are,
            int32 `(B, 4)`.
        steps: int32 `(B, 4)`, what `moves` says of this step.
        held: int32 `(B, 4)`, 1 where a note begins.
        held_before: int32 `(B, 4)`, of the step before.
    """
    hashes, known = state
    code = (steps + 1)[..., None, None] * np.ones(2, np.int32)  # (B, 4, 1, 2)
    longer = hashes * BASES + code
    shifted = ops.concatenate([code, longer[:, :, :-1]], axis=2)
    begins = held == 1
    linked = ops.where(held_before < repeats.LONGEST, known, 0)
    return (
        ops.where(begins[..., None, None], shifted, longer),
        ops.where(begins, ops.minimum(linked + 1, DEEPEST), known),
    )


def existing(known: Tensor, held: Tensor) -> Tensor:
    """Return which contexts there are, bool `(B, 4, DEEPEST)`, of what `advance` counts."""
    return (np.arange(DEEPEST) < known[..., None]) & (held < repeats.LONGEST)[..., None]


def own_names(found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the names of what each voice did: int32 `(..., 4, 8, 2)`, and which there are.

    Args:
        found: hashes `(..., 4, DEEPEST, 2)` up to the step before, and which there are.
    """
    names, there = _chosen(found, np.array(OWN) - 1)
    return names * FACTORS[0, 0] + SALTS[:, 0], there


def names_below(first: tuple[Tensor, Tensor], last: Tensor) -> tuple[Tensor, Tensor]:
    """Return the names of what the first voice did, with the chord that stood, where it counts.

    Args:
        first: hashes `(..., DEEPEST, 2)` of the first voice, and which there are.
        last: int32 `(..., 4)`, the step before.

    Returns:
        int32 `(..., 2, 8, 2)`, and which there are; for `with_those_before`.
    """
    names, there = _chosen(first, BELOW[..., 0] - 1)
    stands = (BELOW[..., 1:] == CHORD).astype(np.int32)  # (2, 8, 1)
    others = _weighted(interval(last[..., :1], last[..., 1:]), FACTORS[0, 1:VOICES])
    return names + ops.multiply(stands, _for_each(others)), there


def with_those_before(names: Tensor, last: Tensor, chords: Tensor, voice: int) -> Tensor:
    """Return the names for a voice, with what is already written in the step.

    Args:
        names: as `names_below` returns them, for a voice that is not the first one up to this step.
        last: int32 `(..., 4)`, the step before.
        chords: int32 `(..., 4)`, this step.
        voice: that is to write.

    Returns:
        int32 `(..., 2, 8, 2)`.
    """
    partner = max(voice, 1)
    stood = _weighted(interval(last[..., :1], last[..., partner : partner + 1]), FACTORS[1, 4:5])
    alone = (BELOW[..., 1:] == ALONE).astype(np.int32)
    names = names + ops.multiply(alone, _for_each(stood))
    if voice > 1:
        known = interval(chords[..., :1], chords[..., 1:voice])
        names = names + _for_each(_weighted(known, FACTORS[1, 1:voice]))
    return names * FACTORS[0, 0] + SALTS[voice, 1:]


def keys(
    before: tuple[Tensor, Tensor], now: tuple[Tensor, Tensor], last: Tensor, chords: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the names of all contexts of a step: int32 `(..., 4, 3, 8, 2)`, and which there are.

    Args:
        before: hashes `(..., 4, DEEPEST, 2)` up to the step before, and which there are.
        now: the same up to this step, of the first voice alone: `(..., DEEPEST, 2)`.
        last: int32 `(..., 4)`, the step before.
        chords: int32 `(..., 4)`, this step.
    """
    own, own_there = own_names(before)
    # The first voice does not know yet what it does; the others know what it has done.
    outer, inner = (names_below(each, last) for each in (first_voice(before), now))
    each = [inner if voice else outer for voice in range(VOICES)]
    below = [with_those_before(names, last, chords, voice) for voice, (names, _) in enumerate(each)]
    names = ops.concatenate([ops.expand_dims(own, -3), ops.stack(below, axis=-4)], axis=-3)
    below_there = ops.stack([there for _, there in each], axis=-3)  # (..., 4, 2, 8)
    return names, ops.concatenate([ops.expand_dims(own_there, -2), below_there], axis=-2)


def first_voice(found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the hashes of the first voice, and which there are, of those of all."""
    return ops.take(found[0], 0, axis=-3), ops.take(found[1], 0, axis=-2)


def _for_each(x):
    """Return `(..., 2)` as `(..., 1, 1, 2)`; by no slice, which LiteRT has for few dimensions."""
    return ops.expand_dims(ops.expand_dims(x, -2), -2)


def _chosen(found, depths):
    """Return the hashes of some depths, and which there are."""
    return ops.take(found[0], depths, axis=-2), ops.take(found[1], depths, axis=-1)


def _weighted(distances, factors):
    """Return one number for some distances: int32 `(..., 2)`."""
    return ops.sum((distances[..., None] + 1) * factors, axis=-2)


def named(last: Tensor, chords: Tensor) -> tuple[Tensor, Tensor]:
    """Return the names of all contexts of all steps, and which there are.

    Args:
        last: int32 `(B, N, 4)`, the step before each.
        chords: int32 `(B, N, 4)`.
    """
    first = ops.equal(ops.arange(ops.shape(chords)[1]), 0)[:, None]
    # TensorFlow does not know the rank of what is chosen by a tensor of open length.
    steps = ops.reshape(moves(last, chords, first), ops.shape(chords))
    hashes, there = contexts(steps, repeats.held_lengths(chords))
    earlier = repeats.behind(hashes, 1), repeats.behind(ops.cast(there, "int32"), 1) > 0
    return keys(earlier, first_voice((hashes, there)), last, chords)
