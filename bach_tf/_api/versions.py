"""Versions of a piece with given notes, and their measurements."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bach_tf._api.piece import Version
from bach_tf.composing.harmonizing import harmonize
from bach_tf.measuring.versions import cost_of_faults, recommended, version_record

if TYPE_CHECKING:
    from bach_tf.composing.outlines import Outline
    from bach_tf.composing.particles import ParticleSampler
    from bach_tf.formats.rendition import Rendition
    from bach_tf.learning.runs import Run


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
