"""Bach's six suites for cello, BWV 1007 to 1012, a MIDI file for each movement."""

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
    without="Fetch MIDI files of the cello suites, such as cs1-1pre.mid and the 35 more at "
    "http://www.jsbach.net/midi/, into a folder and pass --data-dir FOLDER; or, if you have "
    "that archive, pass --data-dir cello_suites.tar.gz.",
)
SPLIT_FRACTIONS = (0.8, 0.1, 0.1)  # of the movements: of six whole suites there are too few
GRID = 12  # steps per quarter: sixteenths and triplets, where 98 % of the notes begin
CELLO = 42  # General MIDI program, counted from 0
# "BWV1007_05_MenuetI": the suite, the dance, and which of two.
MOVEMENT = re.compile(r"(BWV)(\d+)_\d+_([A-Za-z]+?)(I*)")


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder: notes on a grid of 12 steps per quarter.

    Args:
        data_dir: the archive, a folder that holds it, or any folder of your own pieces.

    Raises:
        ValueError: no folder where there is none in the cache yet, another archive than
            expected, or too many bad files.

    Example:
        >>> folder = prepare(Path("cello_suites.tar.gz"))  # doctest: +SKIP
    """
    if data_dir is not None and not is_archive(ARCHIVE, data_dir):
        return prepare_own("cello", data_dir, MOVEMENTS)
    return prepare_midi("cello", data_dir, ARCHIVE, read_movement, SPLIT_FRACTIONS, dances_of)


def read_movement(path: Path) -> Score:
    """Read a movement, with a title made of its name.

    Raises:
        ValueError: not a MIDI file that can be read; the message names it.
    """
    return replace(read_midi(path, steps_per_quarter=GRID), title=title_of(path.stem))


def title_of(name: str) -> str:
    """Return the title of a movement; the name where it is not of the archive.

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
    """Return the group of a movement: the first and the second menuet of a suite are one.

    Example:
        >>> dances_of("BWV1007_05_MenuetI") == dances_of("BWV1007_06_MenuetII")
        True
    """
    match = MOVEMENT.fullmatch(name)
    return name if match is None else f"{match[2]} {match[3]}"


def fitted_movement(score: Score) -> Score:
    """Return a score of a user's on the corpus's grid, with a title as `title_of` makes it.

    Args:
        score: of any file.
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
        period=3,  # the interval from the note before, the pitch, the duration
        window=32,
        stride=16,
        length=200,
        program=CELLO,
        tempo_qpm=72.0,
    ),
    takes=anything,
)
