"""Generate new pieces with a trained run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bach_tf.codecs import Codec
from bach_tf.composing.beginnings import (
    NO_WISH,
    Beginning,
    Wish,
    as_wished,
    continued,
    read_beginning,
)
from bach_tf.composing.finishing import Finisher
from bach_tf.composing.fitting import AS_IT_IS, Fit
from bach_tf.composing.particles import ParticleSampler
from bach_tf.composing.primers import FROM_CORPUS, check_room
from bach_tf.composing.progress import Report, halving, part, unheard
from bach_tf.composing.quotations import Quotations
from bach_tf.composing.sampling import Sampler
from bach_tf.corpora import read_split
from bach_tf.learning.runs import Run
from bach_tf.score import Score, move_places
from bach_tf.theory import metre as metres
from bach_tf.theory.keys import estimate_key, key_signature

# Per graph call, to bound memory: the transformer keeps 5 MB for each piece.
PIECES_AT_ONCE = 64
TOKENS_AT_ONCE = 1 << 20
BEFORE_QUOTATIONS = 0.9  # fraction of the work done before pieces are drawn again
MOST_TOKENS = 1 << 27  # returned by `generate_ids`: half a gigabyte


def generate(run: Run, **how: Any) -> list[Score]:
    """Generate pieces in the style of a run.

    Args:
        run: a trained run.
        **how: see `generate_ids`.

    Returns:
        the pieces, without silence before their first note.

    Raises:
        ValueError: as for `generate_ids`.

    Example:
        >>> scores = generate(run, length=64, temperature=1.0, seed=1)  # doctest: +SKIP
    """
    return [decode_piece(run.codec, ids) for ids in generate_ids(run, **how)]


def decode_piece(codec: Codec, ids: np.ndarray, primer: Score | None = None) -> Score:
    """Decode ids that begin with the start token; leading silence is removed.

    Codecs with named parts get an estimated metre if they have none, so that bar lines are where
    musicians would write them, and pieces without a key get an estimated signature.

    Args:
        codec: the run's codec.
        ids: int `(1 + T,)`.
        primer: the part of the primer that was used; its properties hold for the whole piece.
    """
    score = codec.decode(ids[1:]).without_leading_silence()
    score = continued(score, primer)
    score = metres.with_metre(score) if codec.part_names else score
    if score.key_signature is None and estimate_key(score) is not None:
        score = replace(score, key_signature=key_signature(score))
    return score


def primer_steps(codec: Codec, prompt: np.ndarray) -> int:
    """Return the number of steps in a piece's score that come from its prompt.

    Args:
        codec: the run's codec.
        prompt: ids int32 `(1 + P,)`, as returned by `make_prompt`.
    """
    primer = decode_piece(codec, prompt)
    return primer.length if len(primer) else 0


def used_primer(codec: Codec, beginning: Beginning) -> Score | None:
    """Return the score of a beginning as far as its prompt goes; `None` if it has no score.

    Args:
        codec: the run's codec.
        beginning: as returned by `begin`.
    """
    if beginning.score is None:
        return None
    return beginning.score.opening(primer_steps(codec, beginning.prompt))


def generate_ids(run: Run, *, length: int, num_outputs: int = 1, **how: Any) -> np.ndarray:
    """Generate pieces in the style of a run, as ids.

    Args:
        run: a trained run.
        length: see `generate_batches`.
        num_outputs: see `generate_batches`.
        **how: see `generate_batches`.

    Returns:
        int32 `(num_outputs, 1 + length in tokens)`. Pieces ended by the model have an end token
        followed by padding; those without were truncated.

    Raises:
        ValueError: as for `generate_batches`, or if there are more than `MOST_TOKENS` in total.
    """
    tokens = run.codec.tokens_in(length)
    if num_outputs * tokens > MOST_TOKENS:
        raise ValueError(
            f"Expected at most {MOST_TOKENS:,} tokens in total. Received: `num_outputs` "
            f"{num_outputs:,} of {tokens:,} tokens each. Use `generate_batches` instead."
        )
    batches = generate_batches(run, length=length, num_outputs=num_outputs, **how)
    return np.concatenate(list(batches))


def generate_batches(
    run: Run,
    *,
    length: int,
    temperature: float,
    seed: int,
    num_outputs: int = 1,
    min_length: int = 0,
    prompt: np.ndarray | None = None,
    top_k: int = 0,
    top_p: float = 1.0,
    rules: Sequence[str] = (),
    ends: bool = False,
    sampler: Sampler | Finisher | None = None,
    progress: Report = unheard,
) -> Iterator[np.ndarray]:
    """Generate pieces in the style of a run, as batches of ids.

    Args:
        run: a trained run.
        length: maximum length in steps of the codec, including the prompt.
        temperature: divides the logits; above 1 is more daring, 0 takes the most probable
            tokens, which always gives the same piece.
        seed: random seed; piece `n` depends only on it and on `n`.
        num_outputs: number of pieces.
        min_length: minimum length in steps, including the prompt. Models trained on short windows
            occasionally end a piece after a few notes.
        prompt: ids int32 `(1 + P,)` with which each piece begins, as returned by `make_prompt`.
        top_k: restrict sampling to this many of the most probable ids; 0 for all.
        top_p: restrict sampling to the fewest ids with this total probability.
        rules: names of the rules enforced on four-part pieces.
        ends: whether pieces of four voices are exactly `length` long and end with a cadence;
            `top_k` and `top_p` then do not apply.
        sampler: a sampler for the run's model and codec and these rules, so that it is compiled
            only once for several calls, a `Finisher` if pieces end; by default a new one.
        progress: called with the fraction done; an exception in it stops the work.

    Yields:
        int32 `(N, 1 + length in tokens)`, with at most `PIECES_AT_ONCE` pieces and about
        `TOKENS_AT_ONCE` tokens; one more token, the end, if pieces end.

    Raises:
        ValueError: if no step or piece is requested, the prompt leaves no room, or temperature,
            `top_k` or `top_p` is invalid.
    """
    codec = run.codec
    prompt = np.array([codec.START]) if prompt is None else prompt
    check_room(codec, prompt, length)
    if num_outputs < 1:
        raise ValueError(f"`num_outputs` must be at least 1. Received: {num_outputs}")
    at_once = max(1, min(PIECES_AT_ONCE, TOKENS_AT_ONCE // codec.tokens_in(length)))
    if sampler is None:
        sampler = make_sampler(run, rules, ends)
    memory = getattr(run.model, "memory", None) if "quotation" in rules else None
    quotations = None if memory is None or temperature == 0 else Quotations(memory.pieces)

    def draw(first: int, count: int, seed: int, progress: Report) -> np.ndarray:
        return sampler.sample(
            prompt,
            length=codec.tokens_in(length),
            temperature=temperature,
            seed=seed,
            num_outputs=count,
            first=first,
            min_length=codec.tokens_in(min_length),
            top_k=top_k,
            top_p=top_p,
            allowed=codec.may_write,
            progress=progress,
        )

    for first in range(0, num_outputs, at_once):
        count = min(at_once, num_outputs - first)
        share = part(progress, first / num_outputs, (first + count) / num_outputs)
        # Nobody knows how many pieces will have to be drawn again.
        drawing = part(share, 0, 1 if quotations is None else BEFORE_QUOTATIONS)
        batch = draw(first, count, seed, drawing)
        if quotations is not None:
            again = partial(_draw_one, draw, first, halving(share, BEFORE_QUOTATIONS))
            batch = quotations.redrawn(batch, len(prompt) - 1, seed, again)
        yield batch


def make_sampler(run: Run, rules: Sequence[str] = (), ends: bool = False) -> Sampler | Finisher:
    """Return a sampler for `generate_batches`, not yet compiled.

    Args:
        run: a trained run.
        rules: names of the rules enforced on four-part pieces.
        ends: whether pieces end after their last step.
    """
    if ends:
        return Finisher(ParticleSampler(run.model, run.codec, rules))
    return Sampler(run.model, run.codec, rules)


def _draw_one(
    draw: Callable[[int, int, int, Report], np.ndarray],
    first: int,
    reports: Iterator[Report],
    number: int,
    seed: int,
) -> np.ndarray:
    """Return one piece of the batch that begins with number `first`."""
    return draw(first + number, 1, seed, next(reports))


def begin(
    run: Run,
    primer: str | None,
    seed: int = 0,
    length: int | None = None,
    wish: Wish = NO_WISH,
    fit: Fit = AS_IT_IS,
) -> Beginning:
    """Return the beginning of new pieces.

    Args:
        run: provides the codec and the corpus.
        primer: a file with an ending in `bach_tf.formats.READERS`, such as .mid or .musicxml;
            "corpus" for a random passage of the training split; or tokens of the codec,
            separated by spaces. `None` for no primer.
        seed: determines the random passage.
        length: number of steps of the primer to use; by default a training window for "corpus",
            otherwise all.
        wish: bar lines, if they should differ from the primer's or the model's.
        fit: how the music of a file may be changed to fit the run.

    Raises:
        ValueError: as for `read_beginning` and `as_wished`.
    """
    if length is not None and length < 1:
        raise ValueError(f"The length of a primer must be at least 1. Received: {length}")
    if primer == FROM_CORPUS:
        passage = _passage_of_corpus(run, seed, length or run.preset.music.window)
        return as_wished(run.codec, passage, wish)
    return as_wished(run.codec, read_beginning(run.codec, primer, length, fit), wish)


def make_prompt(
    run: Run, primer: str | None, seed: int = 0, length: int | None = None, wish: Wish = NO_WISH
) -> np.ndarray:
    """Return the ids at the beginning of new pieces: int32 `(1 + P,)`. For arguments see `begin`.

    Raises:
        ValueError: as for `begin`.
    """
    return begin(run, primer, seed, length, wish).prompt


def _passage_of_corpus(run: Run, seed: int, length: int) -> Beginning:
    """Return a random passage of the training split, of `length` steps if the piece is long enough.

    It begins where a training window could, so that the model sees its position in the bar as in
    training; with an opening, at the beginning of the piece, which has the metre.
    """
    # Imported here because the pipeline is slow to import.
    from bach_tf.learning import prepare_corpus
    from bach_tf.learning.windows import load_split

    corpus = prepare_corpus(run.preset)
    pieces = load_split(corpus, "train", run.codec).arrays()
    numbers = np.random.default_rng(seed % 2**32)
    number = numbers.integers(len(pieces))
    piece = pieces[number]
    codec, tokens_per_step = run.codec, len(run.codec.may_follow)
    steps = (len(piece) - 2 - len(codec.opening)) // tokens_per_step
    length = min(length, steps)
    every = math.lcm(tokens_per_step, run.preset.model.period)
    last = 0 if len(codec.opening) else tokens_per_step * (steps - length)
    start = every * numbers.integers(last // every + 1)
    # The first id precedes the passage, as in a training window.
    prompt = piece[start : start + 1 + codec.tokens_in(length)]
    if codec.steps_per_bar is None:
        return Beginning(prompt)
    passage, whole = codec.decode(prompt[1:]), read_split(corpus, "train")[number]
    return Beginning(prompt, _as_within(passage, whole, start // tokens_per_step))


def _as_within(passage: Score, whole: Score, start: int) -> Score:
    """Give a passage the bar lines and the key that it has within its piece.

    Args:
        passage: a passage of the piece.
        whole: the whole piece.
        start: first step of the passage.
    """
    places = move_places(whole.metres, lambda step: max(0, step - start))
    passage = replace(
        passage,
        metres=tuple(place for place in places if place[0] < passage.length),
        upbeat=whole.steps_to_bar_line(start) if places else 0,
        key_signature=whole.key_signature_at(start),
    )
    return passage.without_leading_silence()
