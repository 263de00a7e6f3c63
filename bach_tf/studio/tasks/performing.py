"""What the studio asks of models: harmonising, rewriting, continuing, and new pieces."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bach_tf._basics.choices import choose
from bach_tf._basics.messages import shortened
from bach_tf.codecs import Codec, SatbCodec
from bach_tf.corpora.music import HOTTEST
from bach_tf.learning.run_files import read_settings
from bach_tf.learning.runs import SHIPPED, find_run, has_shipped_weights
from bach_tf.learning.runs import list_runs as run_folders
from bach_tf.measuring.versions import part_writing
from bach_tf.score import COLUMNS, SECONDS, STEPS_PER_QUARTER, Score
from bach_tf.studio.tasks.pieces import check_names, from_json, mapping, to_json
from bach_tf.studio.tasks.requests import text, whole

if TYPE_CHECKING:
    from bach_tf._api.run import Run

HARMONIZE, REWRITE, CONTINUE, GENERATE = KINDS = ("harmonize", "rewrite", "continue", "generate")
STEPS_PER_BAR = 4 * STEPS_PER_QUARTER  # of 4/4, in which `Run.generate` counts
MOST_BARS = 64  # of 4/4, of a piece
MOST_VERSIONS = 8
MOST_PARTICLES = 128
BARS = 8  # of a new piece
SOPRANO = "soprano"
COMMON = ("run", "num_outputs", "temperature", "candidates", "rules", "seed")
GIVEN = ("piece", "keep", "rewrite", "melody", "key", "particles")
FIELDS = {
    HARMONIZE: (*COMMON, *GIVEN),
    REWRITE: (*COMMON, *GIVEN),
    CONTINUE: (*COMMON, "piece", "bars", "particles"),
    GENERATE: (*COMMON, "bars", "metre", "particles"),
}
WARM_TUNE = (67, 71, 69, 67)
Report = Callable[[float], None]


def list_runs() -> list[dict[str, Any]]:
    """Return the runs that can be used, the shipped one first, then the newest.

    Returns:
        for each, `name`, `preset`, `corpus`, `can` (some of `KINDS`) and its `temperature`.
    """
    shipped = [find_run(SHIPPED)] if has_shipped_weights() else []
    found = []
    for folder in [*shipped, *reversed(run_folders())]:
        try:
            preset, codec = read_settings(folder)
        except (ValueError, OSError):  # being written, or of another version
            continue
        name = SHIPPED if folder in shipped else folder.name
        found.append(
            {
                "name": name,
                "preset": preset.recipe,
                "corpus": preset.music.corpus,
                "can": can(codec),
                "temperature": preset.music.temperature,
            }
        )
    return found


def can(codec: Codec) -> list[str]:
    """Return what a run with this codec can do."""
    writes_four = isinstance(codec, SatbCodec)
    return [kind for kind in KINDS if writes_four or kind in (CONTINUE, GENERATE)]


class Performer:
    """Does the work of the models; runs are loaded once.

    Example:
        >>> performer = Performer()
        >>> answer = performer.perform("generate", {"bars": 4}, print)  # doctest: +SKIP
        >>> answer["versions"][0]["piece"]["notes"]  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._runs: dict[Path, Run] = {}

    @cached_property
    def default(self) -> str:
        """Name of the run that is used if a request names none."""
        return SHIPPED

    def warm_up(self, name: str | None = None) -> None:
        """Load a run and compile what it needs, so that the first request is as quick as others.

        Args:
            name: of the run; the default one if it is `None`.
        """
        run = self.run(name or self.default)
        if HARMONIZE not in can(run.codec):
            run.generate(bars=1, seed=0)
            return
        tune = Score.from_grid([[pitch] for pitch in WARM_TUNE for _ in range(STEPS_PER_QUARTER)])
        for versions in (1, 2):  # a version, and several, are compiled separately
            piece, *_ = run.harmonize(tune, particles=2, seed=0, num_outputs=versions)
        run.log_likelihood(piece)

    def run(self, name: str) -> Run:
        """Return a run by its name; runs outside `tb_logs` are refused.

        Raises:
            ValueError: if there is no such run.
        """
        from bach_tf._api.opening import load

        folders = {folder.name: folder for folder in run_folders()}
        if has_shipped_weights():
            folders[SHIPPED] = find_run(SHIPPED)
        folder = choose(folders, name, "run")
        if folder not in self._runs:
            self._runs[folder] = load(folder)
        return self._runs[folder]

    def perform(self, kind: str, request: Mapping[str, Any], progress: Report) -> dict[str, Any]:
        """Do a job.

        Args:
            kind: one of `KINDS`.
            request: a run's name in `run`, options, and the piece, as `FIELDS` names them.
            progress: called with the fraction done; stops the work by raising.

        Returns:
            `versions`, each with `piece`, `given` (spans of given notes), `facts` (empty if it
            cannot be measured) and `seed`.

        Raises:
            ValueError: if the request is invalid, or the run cannot do it.
        """
        choose(dict.fromkeys(KINDS), kind, "kind of job")
        check_names("request", mapping("request", request), FIELDS[kind])
        run = self.run(text(request, "run", self.default))
        if kind not in can(run.codec):
            raise ValueError(
                f"The run {request['run']} cannot {kind}: it does not write four voices."
            )
        seed = whole(request, "seed", secrets.randbelow(2**31))
        how = {**options(request), "seed": seed, "progress": progress}
        versions = (
            _given(run, kind, request, how)
            if kind in (HARMONIZE, REWRITE)
            else _new(run, kind, request, how)
        )
        return {"versions": [{**version, "seed": seed} for version in versions]}


def options(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of all kinds of jobs.

    Raises:
        ValueError: if one is out of bounds.
    """
    found: dict[str, Any] = {"num_outputs": _at_most(request, "num_outputs", 1, MOST_VERSIONS)}
    temperature = request.get("temperature")
    if temperature is not None:
        if type(temperature) not in (int, float) or not abs(temperature) <= HOTTEST:
            raise ValueError(
                f"`temperature` must be a number of at most {HOTTEST:g}. "
                f"Received: {shortened(temperature, quote=True)}"
            )
        found["temperature"] = float(temperature)
    if request.get("candidates") is not None:
        found["candidates"] = _at_most(request, "candidates", 1, MOST_VERSIONS)
    if request.get("rules") is not None:
        found["rules"] = text(request, "rules")
    return found


def _at_most(request: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = whole(request, name, default)
    if not 1 <= value <= most:
        raise ValueError(f"`{name}` must be in 1..{most}. Received: {shortened(value)}")
    return value


def _given(
    run: Run, kind: str, request: Mapping[str, Any], how: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield versions of a piece with given notes."""
    score = _piece(request)
    keep = request.get("keep")
    if keep is not None and not (
        isinstance(keep, list) and all(isinstance(name, str) for name in keep)
    ):
        raise ValueError(f"`keep` must be a list of voices. Received: {shortened(keep)}")
    rewrite = text(request, "rewrite")
    if kind == REWRITE and rewrite is None:
        raise ValueError('Expected the bars to rewrite, such as "rewrite": "5-6". Received: none')
    how |= {"voice": text(request, "melody", SOPRANO), "key": text(request, "key")}
    if keep:
        how["keep"] = keep
    if rewrite is not None:
        how["rewrite"] = rewrite
    if request.get("particles") is not None:
        how["particles"] = _at_most(request, "particles", 1, MOST_PARTICLES)
    for version in run.harmonize(score, **how):
        given = [list(span) for span in version.rendition.given]
        parallels = _measured(version.score).get("parallels", [])
        facts = {**_plain(version.facts), "parallels": parallels}
        yield {"piece": to_json(version.score), "given": given, "facts": facts}


def _new(
    run: Run, kind: str, request: Mapping[str, Any], how: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield new pieces, or continuations."""
    bars = _at_most(request, "bars", BARS, MOST_BARS)
    primer = _piece(request) if kind == CONTINUE else None
    if text(request, "metre") is not None:
        how["metre"] = text(request, "metre")
    if run.codec.timing != SECONDS:
        own = 0 if primer is None else _bars_of(primer)
        how["bars"] = min(math.ceil(own + bars), MOST_BARS)
        if own >= MOST_BARS:
            raise ValueError(f"A piece on the page has at most {MOST_BARS} bars of 4/4.")
    for piece in run.generate(primer=primer, **how):
        given = [] if primer is None else _spans(piece.score, piece.rendition.primer_steps)
        facts = _measured(piece.score)
        if facts and HARMONIZE in can(run.codec):
            likely = run.log_likelihood(piece)
            facts["nats_per_token"] = -float(likely.nats.mean())
        score = piece.score
        if primer is not None:
            score = with_beginning(score, primer, piece.rendition.primer_steps)
        yield {"piece": to_json(score), "given": given, "facts": facts}


def with_beginning(score: Score, primer: Score, steps: int) -> Score:
    """Return a continuation with the notes of its primer as they were given.

    A model's grid holds notes that are repeated, and cannot tell how loud they are.

    Args:
        score: the continuation. It is returned as it is if other pitches sound in its beginning,
            as in a primer that was moved.
        primer: what was given.
        steps: how many of its steps the continuation begins with.

    Example:
        >>> columns = {"onset": [0, 2], "duration": [2, 2], "pitch": [60, 60], "voice": [0, 0]}
        >>> primer = Score(**columns, velocity=[80, 80], length=4)
        >>> longer = Score.from_grid([[60]] * 6)
        >>> with_beginning(longer, primer, 4).duration.tolist()
        [2, 2, 2]
    """
    if (primer.steps_per_quarter, primer.voices) != (score.steps_per_quarter, score.voices):
        return score
    try:
        same = np.array_equal(primer.to_grid()[:steps], score.to_grid()[:steps])
    except ValueError:  # chords within a voice
        return score
    if not same or steps > min(primer.length, score.length):
        return score
    parts = [_between(primer, 0, steps), _between(score, steps, score.length)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    return replace(score, **columns)


def _between(score: Score, start: int, end: int) -> dict[str, np.ndarray]:
    """Return the columns of the notes that sound between two steps, cut at these."""
    ends = score.onset + score.duration
    kept = (score.onset < end) & (ends > start)
    columns = {name: getattr(score, name)[kept] for name in COLUMNS}
    onset = np.maximum(columns["onset"], start)
    return {**columns, "onset": onset, "duration": np.minimum(ends[kept], end) - onset}


def _piece(request: Mapping[str, Any]) -> Score:
    """Return the piece of a request, of a length that the page can hold."""
    score = from_json(request.get("piece"))
    if not len(score):
        raise ValueError("The piece has no notes yet. Write or open a melody first.")
    if score.timing != SECONDS and _bars_of(score) > MOST_BARS:
        raise ValueError(
            f"The studio takes pieces of up to {MOST_BARS} bars of 4/4. "
            f"Received: {_bars_of(score):.0f}. Use bach-tf harmonize for longer ones."
        )
    return score


def _bars_of(score: Score) -> float:
    """Return the length of a score in bars of 4/4."""
    return score.length / (4 * score.steps_per_quarter)


def _spans(score: Score, steps: int) -> list[list[int]]:
    """Return the spans of a primer in all voices."""
    return [[0, steps, voice] for voice in range(score.voices)] if steps else []


def _measured(score: Score) -> dict[str, Any]:
    """Return the measurements of a piece; none if its part-writing cannot be measured."""
    if score.voices != 4:
        return {}
    try:
        return part_writing(score)
    except ValueError:
        return {}


def _plain(value: Any) -> Any:
    """Return a value with Python's own numbers."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value.item() if isinstance(value, np.generic) else value
