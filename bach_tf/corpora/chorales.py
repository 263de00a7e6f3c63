"""Bach's four-part chorales, from the scores that come with music21: nothing to download.

They are read once and cached. Left out are scores without exactly four singing parts, chorales
with instrumental interludes, and duplicates.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from bach_tf._basics.cores import usable_cores
from bach_tf.corpora.corpus import Corpus
from bach_tf.corpora.music import CHORALES
from bach_tf.corpora.preparation.chorale_scores import SOPRANO, chorale_files, read_chorale
from bach_tf.corpora.preparation.prepared import Collection, Pieces
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.formats.grid_csv import VOICES
from bach_tf.score import SILENCE, Score

MOST_PROCESSES = 8  # each one imports music21, for a few hundred scores in total
SPLIT_FRACTIONS = {"train": 0.6, "valid": 0.2, "test": 0.2}
# Without a salt the fractions are 66, 15 and 19 %, because whole groups move and the largest has 13
# settings. This is the first salt for which each is within two points of 60, 20 and 20.
SALT = "3"
LONGEST_SILENCE_BARS = 1.5
TURN = 6  # intervals; many tunes share shorter figures, such as a scale of five notes
SHARED_TURNS = 0.4


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder of the chorales, building it the first time.

    Args:
        data_dir: must be `None`, because the scores come with music21.

    Raises:
        ValueError: if a folder is given, or a score in music21 cannot be read.

    Example:
        >>> folder = prepare()  # doctest: +SKIP
    """
    if data_dir is not None:
        raise ValueError(
            "The corpus 'chorales' comes with music21 and takes no folder. "
            f"Received: data_dir={data_dir}. For your own chorales use `--corpus jsb` "
            "or `--corpus folder`."
        )
    return prepare_folder("chorales", build)


def build() -> Collection:
    """Read the chorales and split them by melody into train, valid and test."""
    scores = read_chorales(chorale_files())
    scores = {name: score for name, score in scores.items() if not is_interrupted(score)}
    return Collection(split_by_melody(without_duplicates(scores)))


def read_chorales(paths: list[Path]) -> dict[str, Score]:
    """Read the scores with four singing parts, as `{name: score}`, in one process per core.

    Raises:
        ValueError: if a score cannot be read; the message names it.
        RuntimeError: if a process dies, perhaps for lack of memory.
    """
    scores = {}
    # "spawn", because forks of a process with TensorFlow can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes(), mp_context=context) as pool:
        with _main_hidden():
            results = pool.map(read_chorale, paths, chunksize=4)
        try:
            for path, score in zip(paths, _with_progress(results, len(paths))):
                if score is not None:
                    scores[path.stem] = score
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"Expected {len(paths)} scores of music21, but a process reading them died "
                f"after {len(scores)}. Try again with more free memory."
            ) from error
    return scores


def processes() -> int:
    """Return the number of processes that read scores."""
    return min(usable_cores(), MOST_PROCESSES)


def is_interrupted(score: Score) -> bool:
    """Return whether all voices are silent for more than a bar and a half.

    Instruments play there, and without them the chorale is incomplete. Most of these few are in
    music21 a second time, as an extract of the vocal parts without the interludes.
    """
    sounding = np.flatnonzero(score.to_grid(len(VOICES)).any(axis=1))
    ends = np.concatenate([[-1], sounding, [score.length]])
    return int(np.diff(ends).max()) - 1 > LONGEST_SILENCE_BARS * score.steps_per_bar


def without_duplicates(scores: dict[str, Score]) -> dict[str, Score]:
    """Drop scores that equal an earlier one up to transposition.

    Rests at both ends do not matter. The order is that of the names.
    """
    kept: dict[bytes, str] = {}
    for name in sorted(scores):
        kept.setdefault(_music(scores[name].to_grid(len(VOICES))), name)
    return {name: scores[name] for name in kept.values()}


def split_by_melody(scores: dict[str, Score]) -> Pieces:
    """Split into 60 % train, 20 % valid and 20 % test, keeping all settings of a melody together.

    The split of a group is a hash of its smallest melody, so that neither the order of the files
    nor additional melodies affect it.
    """
    # A melody in two splits is a leak: Bach set the same soprano up to a dozen times.
    pieces: Pieces = {split: {} for split in SPLIT_FRACTIONS}
    melodies = {name: melody_of(score) for name, score in scores.items()}
    for group in melody_groups(melodies):
        split = split_of(min(melodies[name].line for name in group))
        pieces[split] |= {name: scores[name] for name in group}
    return pieces


class Melody(NamedTuple):
    """What settings of the same hymn have in common."""

    hymn: str  # letters of the title; "" if unknown
    line: tuple[int, ...]  # intervals between the soprano's notes on the beats
    turns: frozenset[tuple[int, ...]]  # all runs of `TURN` intervals in `line`


def melody_of(score: Score) -> Melody:
    """Return the soprano's line without what differs between settings.

    Key, repeated notes, rests and notes between the beats are dropped.
    """
    soprano = score.to_grid(len(VOICES))[:, SOPRANO]
    beat = score.steps_per_quarter
    on_beats = soprano[score.upbeat % beat :: beat]
    intervals = np.diff(on_beats[on_beats != SILENCE])
    line = tuple(intervals[intervals != 0].tolist())
    turns = frozenset(line[start : start + TURN] for start in range(len(line) - TURN + 1))
    _, _, title = score.title.partition(":")
    return Melody("".join(re.findall(r"\w", title.lower())), line, turns)


def is_same_melody(one: Melody, other: Melody) -> bool:
    """Return whether two settings are of the same hymn.

    They are if the titles are equal, or if they share at least two fifths of the runs of the
    line with fewer runs, because some settings have written-out repeats. In these chorales,
    settings of one tune share 0.4 to 1 of their runs, except for a few ornamented ones, which the
    title identifies; different tunes rarely share more than 0.35. Groups that are too large cost
    little, while groups that are too small leak.
    """
    if one.line == other.line or (one.hymn and one.hymn == other.hymn):
        return True
    fewer = min(len(one.turns), len(other.turns))
    return fewer > 0 and len(one.turns & other.turns) >= SHARED_TURNS * fewer


def melody_groups(melodies: dict[str, Melody]) -> list[list[str]]:
    """Group names so that each setting is with all others that resemble it."""
    groups: list[list[str]] = []
    for name in sorted(melodies):
        alike, others = [], []
        for group in groups:
            matches = any(is_same_melody(melodies[name], melodies[member]) for member in group)
            (alike if matches else others).append(group)
        groups = [*others, [member for group in alike for member in group] + [name]]
    return groups


def split_of(line: tuple[int, ...]) -> str:
    """Return the split of a melody, from a stable hash of its intervals."""
    text = f"{SALT}{','.join(map(str, line))}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    position = int(digest, 16) / 16 ** len(digest)  # uniform in 0..1
    if position < SPLIT_FRACTIONS["train"]:
        return "train"
    return "valid" if position < SPLIT_FRACTIONS["train"] + SPLIT_FRACTIONS["valid"] else "test"


def _music(grid: np.ndarray) -> bytes:
    """Return a key that is equal for grids with the same music in any key."""
    sounding = np.flatnonzero(grid.any(axis=1))
    grid = grid[sounding[0] : sounding[-1] + 1] if sounding.size else grid
    lowest = grid[grid != SILENCE].min(initial=127)
    return np.where(grid != SILENCE, grid - lowest + 1, SILENCE).astype(np.int8).tobytes()


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep worker processes from importing the running script.

    It would load TensorFlow in each of them, fail for scripts read from standard input, and never
    end for scripts without `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _with_progress(results: Iterable, total: int) -> Iterable:
    """Yield the results with a progress bar on a terminal, or one line elsewhere."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    text = f"Reading {total} Bach scores from music21 (once)"
    if console.is_terminal:
        return track(results, text, total=total, console=console)
    text = f"{text}, about 40 s of work for {processes()} processes ..."
    console.print(text, soft_wrap=True, highlight=False)
    return results


CORPUS = Corpus(prepare=prepare, music=CHORALES, shows_progress=True)
