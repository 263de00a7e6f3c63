"""German folk songs of the Erk collection, one voice each: 1,781 of them come with music21.

They are part of the Essen folk song collection (H. Schaffrath, E. Dahlig-Turek; in ABC by
S. Schlien), which music21 may distribute for non-commercial use. The same songs in Humdrum
`**kern`, or others in that notation, can be read from a zip archive or a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from bach_tf._basics.files import is_hidden, read_limited, read_once
from bach_tf._basics.messages import shortened
from bach_tf.corpora.corpus import Corpus, anything
from bach_tf.corpora.music import Music
from bach_tf.corpora.preparation.archives import read_zip, sha256_of_archive
from bach_tf.corpora.preparation.embedded import embedded_files
from bach_tf.corpora.preparation.kinds import MELODIES, melody
from bach_tf.corpora.preparation.naming import untaken_names
from bach_tf.corpora.preparation.own_files import Labels, prepare_own
from bach_tf.corpora.preparation.prepared import Collection, Pieces
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.corpora.preparation.reasons import few_reasons
from bach_tf.corpora.preparation.splits import FEWEST
from bach_tf.corpora.preparation.tune_groups import (
    HELD_OUT,
    groups_by_label,
    split_groups,
    variant_groups,
)
from bach_tf.formats.abc_tunes import read_abc, split_tunes
from bach_tf.formats.kern import read_kern
from bach_tf.formats.notation.text import decode
from bach_tf.formats.tunes import OffGridError
from bach_tf.score import Score

SONG_NUMBER = r"([A-Z]\d+)[A-Z]*"  # a final letter distinguishes variants of a song
ABC_NUMBER = re.compile(rf"^N:\s*({SONG_NUMBER})\b", re.MULTILINE)
KERN_NUMBER = re.compile(rf"^!!!SCT:\s*({SONG_NUMBER})\b", re.MULTILINE)
MOST_UNREADABLE = 0.1  # fraction of the tunes; above it, the archive is probably something else
MOST_BYTES = 1_000_000  # of a file with many tunes
MOST_TUNE_BYTES = 100_000  # of a file with one tune, which usually has a hundredth of it
ENDINGS = (".krn",)
CHOIR = 52  # General MIDI program, counted from 0
MAJOR_THIRD, MINOR_THIRD = 4, 3


class Found(NamedTuple):
    """A tune that has not been parsed yet."""

    name: str
    song: str  # its number without the letter of the variant; "" if it has none
    text: str
    problem: str = ""  # why there is no text


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder of the folk songs, building it the first time (in seconds).

    Args:
        data_dir: a zip archive of `.krn` files, or a folder of user files in any readable format,
            of which the melodies are used. By default the songs in music21.

    Raises:
        ValueError: if the path is neither a zip archive nor a folder, the archive is suspicious,
            more than a tenth of it cannot be read, or there are fewer than three melodies.

    Example:
        >>> folder = prepare()  # doctest: +SKIP
    """
    if data_dir is None:
        return prepare_folder(
            "folk", lambda: collection_of(find_abc_tunes(abc_files()), read_erk_abc)
        )
    if not data_dir.is_file():
        return prepare_own("folk", data_dir, TUNES)
    return prepare_folder(
        f"folk-{sha256_of_archive(data_dir)[:16]}",
        lambda: collection_of(find_kern_members(data_dir), read_erk_kern),
    )


def collection_of(found: Iterable[Found], read: Callable[[str], Score]) -> Collection:
    """Read tunes and split them, keeping all variants of a song together.

    Tunes that cannot be read or written in sixteenths are left out.

    Args:
        found: tunes with unique names.
        read: parses the text of a tune.

    Raises:
        ValueError: if more than a tenth cannot be read, or there are fewer than three melodies.
    """
    scores, songs, left_out, unreadable = {}, {}, {}, {}
    for tune in found:
        try:
            if tune.problem:
                raise ValueError(tune.problem)
            scores[tune.name] = read(tune.text)
            songs[tune.name] = tune.song
        except OffGridError as error:
            left_out[tune.name] = str(error)
        except ValueError as error:
            left_out[tune.name] = unreadable[tune.name] = str(error)
    total = len(scores) + len(left_out)
    if len(unreadable) > MOST_UNREADABLE * total:
        raise ValueError(
            f"Expected at least nine in ten tunes to be readable, got {len(unreadable)} of {total} "
            f"that are not: {few_reasons(unreadable)}. Repair or remove them."
        )
    labels = {name: {songs[name], score.title} - {""} for name, score in scores.items()}
    pieces = split_groups(scores, variant_groups(scores, labels))
    return Collection(pieces, layout="notes", left_out=left_out)


def abc_files() -> list[Path]:
    """Return music21's files of the Erk collection.

    Raises:
        ValueError: if there are none.
    """
    paths = embedded_files("essenFolksong")
    paths = [path for path in paths if re.fullmatch(r"erk\d+\.abc", path.name)]
    if not paths:
        raise ValueError("Expected erk10.abc and others in music21, got none. Reinstall music21.")
    return paths


def find_abc_tunes(paths: list[Path]) -> Iterator[Found]:
    """Yield the tunes of ABC files, named by their numbers in the collection, such as E0001A."""
    found = []
    for path in paths:
        content = read_limited(path, MOST_BYTES)
        for position, text in enumerate(split_tunes(decode(content)), start=1):
            number = ABC_NUMBER.search(text)
            name = number[1] if number else f"{path.stem}-{position}"
            found.append(Found(name, number[2] if number else "", text))
    for tune, name in zip(found, untaken_names(tune.name for tune in found)):
        yield tune._replace(name=name)


def find_kern_members(archive: Path) -> Iterator[Found]:
    """Yield the `.krn` files in a zip archive. They are read in memory; nothing is unpacked.

    Raises:
        ValueError: if it is not a zip archive or has no `.krn` files, or is suspicious: with
            members that would leave the folder, or larger than any collection.
    """
    members = list(read_zip(archive, _is_tune, MOST_TUNE_BYTES))
    if not members:
        raise ValueError(f"{archive.name}: expected .krn files in the archive, got none.")
    for member, name in zip(members, untaken_names(member.path.stem for member in members)):
        if member.problem:
            problem = f"{archive.name}: {shortened(member.path)}: {member.problem}"
            yield Found(name, "", "", problem=problem)
        else:
            yield _found_kern(name, member.content)


def read_erk_abc(text: str) -> Score:
    """Read a tune of music21's files, correcting oddities of title and key."""
    score = read_abc(text)
    return replace(score, title=clean_title(score.title), key_signature=written_key(score))


def read_erk_kern(text: str) -> Score:
    """Read a tune in `**kern`, correcting oddities of the title."""
    score = read_kern(text)
    return replace(score, title=clean_title(score.title))


def clean_title(title: str) -> str:
    """Return a title without the artefacts of a conversion of the collection.

    Example:
        >>> clean_title("STEH NUR AUF DU HANDWF[ERK3SGESELL")
        'STEH NUR AUF DU HANDWERKSGESELL'
    """
    return re.sub(r"F\[ERK\d", "ERK", title)


def written_key(score: Score) -> int | None:
    """Return the key signature of one of the collection's ABC tunes as a singer would write it.

    The files give the major key on the tonic even for tunes in minor, whose thirds they lower by
    accidentals. A tune is taken to be in minor if its minor third is more frequent than the major
    one. The result equals the signature of the same tune in `**kern` for 99 % of the tunes; that
    in the files does for 94 %.
    """
    if score.key_signature is None:
        return None
    degrees = (score.pitch - 7 * score.key_signature) % 12
    minor = np.sum(degrees == MINOR_THIRD) > np.sum(degrees == MAJOR_THIRD)
    lowered = score.key_signature - 3
    return lowered if minor and lowered >= -7 else score.key_signature


def _is_tune(path: PurePosixPath) -> bool:
    return path.suffix.lower() in ENDINGS and not is_hidden(path)


def _found_kern(name: str, content: bytes) -> Found:
    text = decode(content)
    number = KERN_NUMBER.search(text)
    return Found(name, number[2] if number else "", text)


def labels_of(path: Path, score: Score) -> set[str]:
    """Return what a user's tune has in common with its variants: its title and its number.

    Args:
        path: its file.
        score: the tune.
    """
    number = None
    if path.suffix.lower() == ".krn":
        number = KERN_NUMBER.search(decode(read_once(path, MOST_BYTES)))
    found = {score.title, number[2] if number else ""}
    return found - {"", clean_title(path.stem)}  # the file name replaces a missing title


def split_tunes_of_users(scores: Mapping[str, Score], labels: Labels) -> Pieces:
    """Split melodies, keeping all variants of one together.

    If fewer than three groups remain, as in a small book of similar tunes, only copies are kept
    together.
    """
    groups = variant_groups(scores, labels)
    return split_groups(scores, groups if len(groups) >= FEWEST else groups_by_label(labels))


TUNES = replace(
    MELODIES,
    fitted=lambda score: replace(melody(score), title=clean_title(score.title)),
    fractions=(1 - 2 * HELD_OUT, HELD_OUT, HELD_OUT),  # where variants are not searched for
    labels=labels_of,
    split=split_tunes_of_users,
)
CORPUS = Corpus(
    prepare=prepare,
    music=Music(
        corpus="folk",
        codec="melody",
        encoding={"header": True},
        period=16,  # a bar of 4/4
        window=64,
        stride=32,
        temperature=0.6,
        min_length=32,
        program=CHOIR,
        tempo_qpm=100.0,
    ),
    kind=TUNES,
    takes=anything,
)
