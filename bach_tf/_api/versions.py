"""Versions of a piece with given notes, and their measurements."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bach_tf._api.arguments import given_score, names_in, names_of, report_of
from bach_tf._api.options import HarmonizingOptions, Primer
from bach_tf._api.piece import Version
from bach_tf._basics.settings import check_settings
from bach_tf.composing.fitting import Fit
from bach_tf.composing.harmonizing import harmonize
from bach_tf.composing.options import NO_RULES, OPTIONS, harmonizing_options, make_rendition
from bach_tf.composing.requests import Asked, outline_of
from bach_tf.measuring.versions import cost_of_faults, recommended, version_record

if TYPE_CHECKING:
    from bach_tf.composing.outlines import Outline
    from bach_tf.composing.particles import ParticleSampler
    from bach_tf.formats.rendition import Rendition
    from bach_tf.learning.runs import Run


def harmonized(
    run: Run,
    piece: Primer,
    num_outputs: int | None,
    how: HarmonizingOptions,
    sampler_of: Callable[[tuple[str, ...]], ParticleSampler],
) -> list[Version]:
    """Return what `Run.harmonize` is asked for, as a list.

    Args:
        run: a trained run that writes four voices.
        piece: the melody or piece.
        num_outputs: number of versions; `None` for one.
        how: all other options.
        sampler_of: returns the run's sampler for rules.

    Raises:
        ValueError: as `Run.harmonize`.
    """
    rules, keep, primer = how["rules"], how["keep"], how["primer"]
    asked = dict.fromkeys(OPTIONS) | {name: how[name] for name in OPTIONS if name in how}  # type: ignore[literal-required]
    asked |= {"num_outputs": num_outputs, "top_k": 0, "top_p": 1.0}
    asked["rules"] = None if rules is None else names_of("rules", rules) or NO_RULES
    check_settings(OPTIONS, asked)
    music, fit = run.preset.music, Fit(how["quantize"])
    options = harmonizing_options(music, run.codec, {**asked, "range": how["range"]})
    options["progress"] = report_of(how["progress"])
    request = Asked(
        voice=how["voice"],
        keep=None if keep is None else names_in("keep", keep),
        rewrite=how["rewrite"],
        key=how["key"],
        primer=None if primer is None else given_score("primer", primer, fit),
        fit=fit,
    )
    score = given_score("piece", piece, replace(fit, unfold=how["unfold"], tune=how["tune"]))
    try:
        outline = outline_of(run.codec, music, score, request)
    except ValueError as error:
        if not isinstance(piece, str | os.PathLike):
            raise
        raise ValueError(f"{Path(piece).name}: {error}") from None
    parts = outline.source_with_parts
    rendition = make_rendition(music, how["tempo"], how["program"], parts)
    rendition = replace(rendition, given=outline.spans)
    return versions_of(run, outline, options, rendition, sampler_of(tuple(options["rules"])))


def versions_of(
    run: Run,
    outline: Outline,
    options: dict[str, Any],
    rendition: Rendition,
    sampler: ParticleSampler,
) -> list[Version]:
    """Generate versions of a piece, each with its measurements.

    Args:
        run: a trained run that writes four voices.
        outline: the given notes.
        options: the arguments of `harmonizing.harmonize`.
        rendition: rendition of the written files.
        sampler: a sampler for the run and the rules.
    """
    faults = partial(cost_of_faults, tonic=outline.tonic, given=outline.is_given)
    found = list(harmonize(run, outline, **options, faults=faults, sampler=sampler))
    records = [
        version_record(each.grid, each.nats, outline.tonic, outline.is_given) for each in found
    ]
    chosen, _ = recommended(records)
    return [
        Version(
            version.score,
            rendition,
            facts={
                **record,
                "given_nats": version.given_nats,
                "interventions": version.interventions,
                "recommended": number == chosen,
            },
        )
        for number, (version, record) in enumerate(zip(found, records), start=1)
    ]
