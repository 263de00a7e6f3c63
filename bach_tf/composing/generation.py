"""Write new pieces with a trained run."""

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
from bach_tf.composing.fitting import AS_IT_IS, Fit
from bach_tf.composing.primers import FROM_CORPUS, check_room
from bach_tf.composing.quotations import Quotations
from bach_tf.composing.sampling import Sampler
from bach_tf.corpora import read_split
from bach_tf.learning.runs import Run
from bach_tf.score import Score, move_places
from bach_tf.theory import metre as metres
from bach_tf.theory.keys import estimate_key, key_signature

# In one graph call, so that memory is bounded: the transformer keeps 5 MB for each piece.
PIECES_AT_ONCE = 64
TOKENS_AT_ONCE = 1 << 20
MOST_TOKENS = 1 << 27  # that `generate_ids` returns: half a gigabyte


def generate(run: Run, **how: Any) -> list[Score]:
    """Write pieces in the style of a run.

    Args:
        run: a trained one.
        **how: as `generate_ids` takes it.

    Returns:
        the pieces, without the silence before their first note.

    Raises:
        ValueError: as `generate_ids`.

    Example:
        >>> scores = generate(run, length=64, temperature=1.0, seed=1)  # doctest: +SKIP
    """
    return [decode_piece(run.codec, ids) for ids in generate_ids(run, **how)]


def decode_piece(codec: Codec, ids: np.ndarray, primer: Score | None = None) -> Score:
    """Decode ids that begin with the start token; leading silence is removed.

    Parts without a metre get an estimated one, so that bar lines stand where a musician would
    write them, and pieces without a key the signature of the estimated one.

    Args:
        codec: of the run.
        ids: int `(1 + T,)`.
        primer: what is said of the beginning, as far as it was used: it holds for all of the piece.
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
        codec: of the run.
        prompt: ids int32 `(1 + P,)`, as `make_prompt` returns them.
    """
    primer = decode_piece(codec, prompt)
    return primer.length if len(primer) else 0


def used_primer(codec: Codec, beginning: Beginning) -> Score | None:
    """Return what is said of a beginning, as far as its prompt goes; `None` where nothing is.

    Args:
        codec: of the run.
        beginning: as `begin` returns it.
    """
    if beginning.score is None:
        return None
    return beginning.score.opening(primer_steps(codec, beginning.prompt))


def generate_ids(run: Run, *, length: int, num_outputs: int = 1, **how: Any) -> np.ndarray:
    """Write pieces in the style of a run, as ids.

    Args:
        run: a trained one.
        length: as `generate_batches` takes it.
        num_outputs: as `generate_batches` takes it.
        **how: as `generate_batches` takes it.

    Returns:
        int32 `(num_outputs, 1 + length in tokens)`. The end token stands in a piece that the model
        has ended, and padding behind it; one without was cut.

    Raises:
        ValueError: as `generate_batches`, or more than `MOST_TOKENS` in all.
    """
    tokens = run.codec.tokens_in(length)
    if num_outputs * tokens > MOST_TOKENS:
        raise ValueError(
            f"Expected at most {MOST_TOKENS:,} tokens in all. Received: `num_outputs` "
            f"{num_outputs:,} of {tokens:,} tokens each. Take them from `generate_batches`."
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
    sampler: Sampler | None = None,
) -> Iterator[np.ndarray]:
    """Write pieces in the style of a run, as ids, in batches.

    Args:
        run: a trained one.
        length: maximum length in steps of the codec, including the prompt.
        temperature: divides the logits; above 1 is more daring, 0 takes the most probable
            tokens, and writes the same piece each time.
        seed: piece `n` depends on it and on `n` alone.
        num_outputs: number of pieces.
        min_length: minimum length in steps, including the prompt. A model trained on short windows
            now and then ends a piece after a few notes.
        prompt: ids int32 `(1 + P,)` with which each piece begins, as `make_prompt` returns them.
            The first one is the start token or what stands before the others.
        top_k: restrict sampling to so many of the most probable ids; 0 for all.
        top_p: restrict sampling to the fewest ids with this total probability.
        rules: names of the rules that pieces of four voices keep.
        sampler: of the run's model and codec and these rules, to compile it once for several
            calls; a fresh one when `None`.

    Yields:
        int32 `(N, 1 + length in tokens)`, of at most `PIECES_AT_ONCE` pieces and about
        `TOKENS_AT_ONCE` tokens, however many pieces there are.

    Raises:
        ValueError: no step or piece requested, a prompt that leaves no room, or an invalid
            temperature, `top_k` or `top_p`.
    """
    codec = run.codec
    prompt = np.array([codec.START]) if prompt is None else prompt
    check_room(codec, prompt, length)
    if num_outputs < 1:
        raise ValueError(f"`num_outputs` must be at least 1. Received: {num_outputs}")
    at_once = max(1, min(PIECES_AT_ONCE, TOKENS_AT_ONCE // codec.tokens_in(length)))
    sampler = Sampler(run.model, codec, rules) if sampler is None else sampler
    memory = getattr(run.model, "memory", None) if "quotation" in rules else None
    quotations = None if memory is None or temperature == 0 else Quotations(memory.pieces)

    def draw(first: int, count: int, seed: int) -> np.ndarray:
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
        )

    for first in range(0, num_outputs, at_once):
        batch = draw(first, min(at_once, num_outputs - first), seed)
        if quotations is not None:
            again = partial(_draw_one, draw, first)
            batch = quotations.redrawn(batch, len(prompt) - 1, seed, again)
        yield batch


def _draw_one(
    draw: Callable[[int, int, int], np.ndarray], first: int, number: int, seed: int
) -> np.ndarray:
    """Return one piece of the batch that begins with number `first`."""
    return draw(first + number, 1, seed)


def begin(
    run: Run,
    primer: str | None,
    seed: int = 0,
    length: int | None = None,
    wish: Wish = NO_WISH,
    fit: Fit = AS_IT_IS,
) -> Beginning:
    """Return what pieces begin with.

    Args:
        run: gives the codec, and the corpus.
        primer: a file of one of `bach_tf.formats.READERS`, such as .mid or .musicxml; "corpus" for
            a passage of the training split, drawn at random; or tokens of the codec, separated by
            spaces. `None` for a piece from its beginning.
        seed: of the passage that is drawn.
        length: use only this many steps of the primer; when `None`, a training window for
            "corpus", otherwise all of it.
        wish: where the bar lines stand, if that is not as the primer says, or as the model chooses.
        fit: how the music of a file may be changed so that it fits the run.

    Raises:
        ValueError: as `read_beginning` and `as_wished`.
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
    """Return the ids that pieces begin with: int32 `(1 + P,)`. The arguments are those of `begin`.

    Raises:
        ValueError: as `begin`.
    """
    return begin(run, primer, seed, length, wish).prompt


def _passage_of_corpus(run: Run, seed: int, length: int) -> Beginning:
    """Return a passage of the training split, of `length` steps if the piece is that long.

    It begins where a training window may begin: there the model sees positions in a bar as it does
    at the beginning of a piece; and at the beginning itself where that says the metre.
    """
    # Imported here, since the pipeline takes its time to import.
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
    # The first id is the one before the passage, as in a training window.
    prompt = piece[start : start + 1 + codec.tokens_in(length)]
    if codec.steps_per_bar is None:
        return Beginning(prompt)
    passage, whole = codec.decode(prompt[1:]), read_split(corpus, "train")[number]
    return Beginning(prompt, _as_within(passage, whole, start // tokens_per_step))


def _as_within(passage: Score, whole: Score, start: int) -> Score:
    """Return a passage with the bar lines and the key that it has in its piece.

    Args:
        passage: of a piece.
        whole: the piece.
        start: the step at which the passage begins.
    """
    places = move_places(whole.metres, lambda step: max(0, step - start))
    passage = replace(
        passage,
        metres=tuple(place for place in places if place[0] < passage.length),
        upbeat=whole.steps_to_bar_line(start) if places else 0,
        key_signature=whole.key_signature_at(start),
    )
    return passage.without_leading_silence()
