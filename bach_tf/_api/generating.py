"""New pieces of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bach_tf._api.arguments import as_rendered, grid_of, names_of, path_of, report_of, score_of
from bach_tf._api.options import Options
from bach_tf._api.piece import Piece
from bach_tf._basics.settings import check_settings
from bach_tf.composing import generation
from bach_tf.composing.beginnings import Beginning, Wish, as_wished, beginning_of
from bach_tf.composing.fitting import Fit, fitted
from bach_tf.composing.options import (
    NO_RULES,
    OPTIONS,
    candidates_of,
    check_quotation,
    make_rendition,
    resolve_options,
)
from bach_tf.formats import reading
from bach_tf.score import Score

if TYPE_CHECKING:
    from bach_tf.composing.finishing import Finisher
    from bach_tf.composing.sampling import Sampler
    from bach_tf.learning.runs import Run
    from bach_tf.measuring.likelihood import Scorer


def generated(
    run: Run,
    num_outputs: int | None,
    how: Options,
    sampler_of: Callable[[tuple[str, ...], bool], Sampler | Finisher],
    scorer_of: Callable[[], Scorer],
) -> list[Piece]:
    """Return what `Run.generate` is asked for, as a list.

    Args:
        run: a trained run.
        num_outputs: number of pieces; `None` for one.
        how: all other options.
        sampler_of: returns the run's sampler for rules, and for whether pieces end exactly.
        scorer_of: returns the run's scorer, to choose from candidates.

    Raises:
        ValueError: as `Run.generate`.
    """
    rules, progress = how["rules"], report_of(how["progress"])
    asked = {name: how[name] for name in OPTIONS if name in how}  # type: ignore[literal-required]
    asked |= {
        "num_outputs": num_outputs,
        "rules": None if rules is None else names_of("rules", rules) or NO_RULES,
    }
    check_settings(OPTIONS, asked)
    music, codec = run.preset.music, run.codec
    make_rendition(music, how["tempo"], how["program"])
    options = resolve_options(music, codec, asked)
    check_quotation(run.preset, asked["rules"])
    beginning = _beginning(run, how, options["seed"])
    used = generation.used_primer(codec, beginning)
    sampler = sampler_of(tuple(options["rules"]), options["ends"])
    rendition = make_rendition(music, how["tempo"], how["program"], used)
    given = generation.primer_steps(codec, beginning.prompt)
    rendition = replace(rendition, primer_steps=given)
    count = candidates_of(asked)
    options |= {"num_outputs": options["num_outputs"] * count, "prompt": beginning.prompt}
    batches = generation.generate_batches(run, **options, sampler=sampler, progress=progress)
    if count > 1:
        from bach_tf.measuring.candidates import best_of

        batches = best_of(batches, count, codec, scorer_of())
    every = (ids for batch in batches for ids in batch)
    pieces = [Piece(generation.decode_piece(codec, ids, used), rendition) for ids in every]
    progress(1.0)
    return pieces


def _beginning(run: Run, how: Options, seed: int) -> Beginning:
    """Return the beginning of new pieces."""
    primer, length = how["primer"], how["primer_length"]
    wish = Wish(how["metre"], how["upbeat"])
    fit = Fit(how["quantize"], how["transpose"], unfold=how["unfold"], tune=how["tune"])
    if primer is None:
        return generation.begin(run, None, seed, length, wish)
    if isinstance(primer, reading.Piece | Score):
        score = as_rendered(score_of("primer", primer, grid_of(run.codec)), primer)
        score = fitted(run.codec, score, fit)
        return as_wished(run.codec, beginning_of(run.codec, score, length), wish)
    named = path_of("primer", primer, "tokens", "a piece", "a score")
    primer = primer if isinstance(primer, str) else str(named)
    return generation.begin(run, primer, seed, length, wish, fit)
