"""German folk songs of the Erk collection, one voice each: 1,781 of them come with music21.

They are the Essen folk song collection's (H. Schaffrath, E. Dahlig-Turek; in ABC by S. Schlien),
which music21 has leave to distribute for use that is not commercial. The same songs in Humdrum
`**kern`, or others in that notation, are read out of a zip archive or a folder.
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
from bach_tf.corpora.preparation.prepared import Collection, Pieces, few_reasons
from bach_tf.corpora.preparation.prepared import prepare as prepare_folder
from bach_tf.corpora.preparation.splits import FEWEST
from bach_tf.corpora.preparation.tune_groups import (
    groups_by_label,
    split_groups,
    variant_groups,
)
from bach_tf.formats.abc_tunes import read_abc, split_tunes
from bach_tf.formats.kern import read_kern
from bach_tf.formats.notation.text import decode
from bach_tf.formats.tunes import OffGridError
from bach_tf.score import Score

SONG_NUMBER = r"([A-Z]\d+)[A-Z]*"  # a letter at its end tells variants of a song apart
ABC_NUMBER = re.compile(rf"^N:\s*({SONG_NUMBER})\b", re.MULTILINE)
KERN_NUMBER = re.compile(rf"^!!!SCT:\s*({SONG_NUMBER})\b", re.MULTILINE)
MOST_UNREADABLE = 0.1  # of the tunes; with more, they are not what this reads
MOST_BYTES = 1_000_000  # of a file of many tunes
MOST_TUNE_BYTES = 100_000  # of a file of one, which has a hundredth of it
ENDINGS = (".krn",)
CHOIR = 52  # General MIDI program, counted from 0
MAJOR_THIRD, MINOR_THIRD = 4, 3


class Found(NamedTuple):
    """A tune that is yet to be read."""

    name: str
    song: str  # its number without the letter of the variant; "" where it has none
    text: str
    problem: str = ""  # why there is no text


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder of the folk songs; the first time it is built, in seconds.

    Args:
        data_dir: a zip archive of `.krn` files, or a folder of a user's own files in any format
            that can be read, of which the melodies are taken; one for each content. The songs in
            music21 when `None`.

    Raises:
        ValueError: neither a zip archive nor a folder, an archive that is not to be trusted or of
            which more than a tenth cannot be read, or fewer than three melodies.

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
    """Read tunes and split them, all variants of a song together.

    A tune that cannot be written in sixteenths or that cannot be read is left out.

    Args:
        found: tunes, each with a name of its own.
        read: makes a score of the text of a tune.

    Raises:
        ValueError: more than a tenth cannot be read, or there are fewer than three melodies.
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
            f"that are not: {few_reasons(unreadable)}. Repair them or take them out."
        )
    labels = {name: {songs[name], score.title} - {""} for name, score in scores.items()}
    pieces = split_groups(scores, variant_groups(scores, labels))
    return Collection(pieces, layout="notes", left_out=left_out)


def abc_files() -> list[Path]:
    """Return the files of the Erk collection that music21 carries.

    Raises:
        ValueError: there are none.
    """
    paths = embedded_files("essenFolksong")
    paths = [path for path in paths if re.fullmatch(r"erk\d+\.abc", path.name)]
    if not paths:
        raise ValueError("Expected erk10.abc and others in music21, got none. Install it again.")
    return paths


def find_abc_tunes(paths: list[Path]) -> Iterator[Found]:
    """Yield the tunes of ABC files under their numbers in the collection, such as E0001A."""
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
        ValueError: not a zip archive, one without `.krn` files, or one that is not to be trusted:
            with a member that would leave the folder, or with more than a collection has.
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
    """Read a tune of music21's files, with what is odd in them put right: title and key."""
    score = read_abc(text)
    return replace(score, title=clean_title(score.title), key_signature=written_key(score))


def read_erk_kern(text: str) -> Score:
    """Read a tune in `**kern`, with what is odd in the title put right."""
    score = read_kern(text)
    return replace(score, title=clean_title(score.title))


def clean_title(title: str) -> str:
    """Return a title without what a conversion of the collection did to it.

    Example:
        >>> clean_title("STEH NUR AUF DU HANDWF[ERK3SGESELL")
        'STEH NUR AUF DU HANDWERKSGESELL'
    """
    return re.sub(r"F\[ERK\d", "ERK", title)


def written_key(score: Score) -> int | None:
    """Return the key signature of an ABC tune of the collection as a singer would write it.

    The files name the major key on the keynote even for a tune in minor and lower its third
    by accidentals. Where the minor third is there more often than the major one, it is minor.
    This gives the signature that the same tunes have in `**kern` for 99 % of them; the files'
    own are the same for 94 %.
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
    """Return what a tune of a user's has in common with its variants: its title, and its number.

    Args:
        path: of its file.
        score: as it was read.
    """
    number = None
    if path.suffix.lower() == ".krn":
        number = KERN_NUMBER.search(decode(read_once(path, MOST_BYTES)))
    found = {score.title, number[2] if number else ""}
    return found - {"", clean_title(path.stem)}  # the file's name where there is no title


def split_tunes_of_users(scores: Mapping[str, Score], labels: Labels) -> Pieces:
    """Split melodies, all variants of one together.

    Where that leaves fewer than three, as in a small book of tunes much alike, copies alone are
    kept together.
    """
    groups = variant_groups(scores, labels)
    return split_groups(scores, groups if len(groups) >= FEWEST else groups_by_label(labels))


TUNES = replace(
    MELODIES,
    fitted=lambda score: replace(melody(score), title=clean_title(score.title)),
    labels=labels_of,
    split=split_tunes_of_users,
)
CORPUS = Corpus(
    prepare=prepare,
    music=Music(
        corpus="folk",
        codec="melody",
        encoding={"header": True},
        period=16,  # a bar of four quarters
        window=64,
        stride=32,
        temperature=0.6,
        min_length=32,
        program=CHOIR,
        tempo_qpm=100.0,
    ),
    takes=anything,
)
