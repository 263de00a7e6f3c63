"""Bach's six cello suites, BWV 1007 to 1012, with one MIDI file per movement."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bach_tf.corpora.corpus import Corpus, anything
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.downloads import Archive, is_archive
from bach_tf.corpora.preparation.kinds import on_beats, pieces_on
from bach_tf.corpora.preparation.midi_files import prepare_midi
from bach_tf.corpora.preparation.own_files import prepare_own
from bach_tf.formats.midi import read_midi
from bach_tf.score import Score

ARCHIVE = Archive(
    name="cello_suites.tar.gz",
    sha256="213dfe83b0c39a754f107a24709954c46f0f2b58134055175ca990376686fed4",
    without="Download MIDI files of the cello suites, such as cs1-1pre.mid and 35 others from "
    "http://www.jsbach.net/midi/, into a folder and pass --data-dir FOLDER; or, if you have "
    "the archive, pass --data-dir cello_suites.tar.gz.",
)
SPLIT_FRACTIONS = (0.8, 0.1, 0.1)  # by movement, because there are only six suites
GRID = 12  # steps per quarter: sixteenths and triplets, where 98 % of the notes begin
CELLO = 42  # General MIDI program, counted from 0
# "BWV1007_05_MenuetI": suite, dance, and which one of two.
MOVEMENT = re.compile(r"(BWV)(\d+)_\d+_([A-Za-z]+?)(I*)")


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder: notes on a grid of 12 steps per quarter.

    Args:
        data_dir: the archive, a folder with it, or any folder of your own pieces.

    Raises:
        ValueError: if no folder is given and none is cached, the archive is not the expected
            one, or too many files are bad.

    Example:
        >>> folder = prepare(Path("cello_suites.tar.gz"))  # doctest: +SKIP
    """
    if data_dir is not None and not is_archive(ARCHIVE, data_dir):
        return prepare_own("cello", data_dir, MOVEMENTS)
    return prepare_midi("cello", data_dir, ARCHIVE, read_movement, SPLIT_FRACTIONS, dances_of)


def read_movement(path: Path) -> Score:
    """Read a movement, with a title derived from its file name.

    Raises:
        ValueError: if the MIDI file cannot be read; the message names it.
    """
    return replace(read_midi(path, steps_per_quarter=GRID), title=title_of(path.stem))


def title_of(name: str) -> str:
    """Return the title of a movement; the file name if it is not one of the archive's.

    Example:
        >>> title_of("BWV1007_05_MenuetI")
        'BWV 1007: Menuet I'
    """
    match = MOVEMENT.fullmatch(name)
    if match is None:
        return name
    catalogue, number, dance, which = match.groups()
    dance = dance.replace("Gique", "Gigue")  # as the archive spells it
    return f"{catalogue} {number}: {dance} {which}".strip()


def dances_of(name: str) -> str:
    """Return the group of a movement: both menuets of a suite are in one group.

    Example:
        >>> dances_of("BWV1007_05_MenuetI") == dances_of("BWV1007_06_MenuetII")
        True
    """
    match = MOVEMENT.fullmatch(name)
    return name if match is None else f"{match[2]} {match[3]}"


def fitted_movement(score: Score) -> Score:
    """Return a user's score on the corpus's grid, with a title as in `title_of`.

    Args:
        score: a score from any file.
    """
    return replace(on_beats(score, GRID), title=title_of(score.title))


MOVEMENTS = replace(
    pieces_on(GRID, SPLIT_FRACTIONS),
    fitted=fitted_movement,
    labels=lambda path, score: [dances_of(path.stem)] * bool(MOVEMENT.fullmatch(path.stem)),
)
CORPUS = Corpus(
    prepare=prepare,
    music=Music(
        corpus="cello",
        codec="pitches",
        encoding={"rhythm": True, "max_notes": None, "longest_quarters": 8},
        period=3,  # interval from the previous note, pitch, duration
        window=32,
        stride=16,
        length=200,
        program=CELLO,
        tempo_qpm=72.0,
    ),
    kind=MOVEMENTS,
    takes=anything,
)
