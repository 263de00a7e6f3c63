"""German folk songs of the Erk collection, one voice each: 1,781 of them come with music21.

They are the Essen folk song collection's (H. Schaffrath, E. Dahlig-Turek; in ABC by S. Schlien),
which music21 has leave to distribute for use that is not commercial. The same songs in Humdrum
`**kern`, or others in that notation, are read out of a zip archive or a folder.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from bach_tf.corpora.abc_tunes import read_abc, split_tunes
from bach_tf.corpora.embedded import embedded_files
from bach_tf.corpora.kern import read_kern
from bach_tf.corpora.prepared import Collection, few_reasons, hash_of_files, sha256_of
from bach_tf.corpora.prepared import prepare as prepare_folder
from bach_tf.corpora.tune_groups import split_groups, variant_groups
from bach_tf.corpora.tunes import OffGridError
from bach_tf.score import Score

SONG_NUMBER = r"([A-Z]\d+)[A-Z]*"  # a letter at its end tells variants of a song apart
ABC_NUMBER = re.compile(rf"^N:\s*({SONG_NUMBER})\b", re.MULTILINE)
KERN_NUMBER = re.compile(rf"^!!!SCT:\s*({SONG_NUMBER})\b", re.MULTILINE)
MOST_UNREADABLE = 0.1  # of the tunes; with more, they are not what this reads
MOST_MEMBERS = 100_000
MOST_BYTES = 1_000_000  # of one tune
MAJOR_THIRD, MINOR_THIRD = 4, 3


class Found(NamedTuple):
    """A tune that is yet to be read."""

    name: str
    song: str  # its number without the letter of the variant; "" where it has none
    text: str


def prepare(data_dir: Path | None = None) -> Path:
    """Return the prepared folder of the folk songs; the first time it is built, in seconds.

    Args:
        data_dir: a zip archive or a folder of `.krn` files, one for each content. The songs in
            music21 when `None`.

    Raises:
        ValueError: neither a zip archive nor a folder of `.krn` files, an archive that is not
            to be trusted, or more than a tenth of the tunes cannot be read.

    Example:
        >>> folder = prepare()  # doctest: +SKIP
    """
    if data_dir is None:
        return prepare_folder(
            "folk", lambda: collection_of(find_abc_tunes(abc_files()), read_erk_abc)
        )
    if data_dir.is_dir():
        content = hash_of_files(data_dir, kern_files(data_dir))
        found = find_kern_files(data_dir)
    elif data_dir.is_file():
        content, found = sha256_of(data_dir), find_kern_members(data_dir)
    else:
        raise ValueError(f"Expected a zip archive or a folder of .krn files, got no {data_dir}.")
    return prepare_folder(f"folk-{content[:16]}", lambda: collection_of(found, read_erk_kern))


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
            f"that are not: {few_reasons(unreadable)}"
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
    names: set[str] = set()
    for path in paths:
        for position, text in enumerate(split_tunes(decode(path.read_bytes())), start=1):
            number = ABC_NUMBER.search(text)
            name = number[1] if number else f"{path.stem}-{position}"
            yield Found(_unused(name, names), number[2] if number else "", text)


def kern_files(folder: Path) -> list[Path]:
    """Return the `.krn` files below a folder, in the order of their names."""
    return sorted(path for path in folder.rglob("*.krn") if path.is_file() and _is_tune(path))


def find_kern_files(folder: Path) -> Iterator[Found]:
    """Yield the `.krn` files below a folder.

    Raises:
        ValueError: there are none, or one is too large for a tune.
    """
    paths = kern_files(folder)
    if not paths:
        raise ValueError(f"Expected .krn files in {folder}, got none.")
    names: set[str] = set()
    for path in paths:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        yield _found_kern(path, _checked_size(f"{path}", content), names)


def find_kern_members(archive: Path) -> Iterator[Found]:
    """Yield the `.krn` files in a zip archive. They are read in memory; nothing is unpacked.

    Raises:
        ValueError: not a zip archive, a damaged one, one without `.krn` files, or one that is
            not to be trusted: with a member that would leave the folder, is too large for a
            tune, or with very many members.
    """
    names: set[str] = set()
    try:
        with zipfile.ZipFile(archive) as members:
            for member in _tunes_in(archive, members.infolist()):
                with members.open(member) as file:
                    content = file.read(MOST_BYTES + 1)
                path = PurePosixPath(member.filename)
                yield _found_kern(path, _checked_size(f"{archive.name}: {path}", content), names)
    # RuntimeError: a member with a password. NotImplementedError: an unknown compression.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"{archive.name}: expected a zip archive of .krn files, got: {error}"
        ) from error


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


def decode(content: bytes) -> str:
    r"""Return the text of a file in UTF-8, or with the umlauts of DOS or of Latin 1.

    Example:
        >>> decode(b"gef\x81hlsm\x84\xe1ig"), decode(b"Tr\xe4ume")
        ('gefühlsmäßig', 'Träume')
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Latin 1 has no letters from 0x80 to 0x9f, where DOS has its umlauts.
        is_dos = any(0x80 <= byte <= 0x9F for byte in content)
        return content.decode("cp437" if is_dos else "latin-1")


def _tunes_in(archive: Path, members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """Return the members that are tunes, in the order of their names."""
    if len(members) > MOST_MEMBERS:
        raise ValueError(
            f"{archive.name}: expected at most {MOST_MEMBERS} members, got {len(members)}. "
            "Do not trust this archive."
        )
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise ValueError(
                f"{archive.name}: expected members inside the folder, got {member.filename!r}. "
                "Do not trust this archive."
            )
    tunes = [member for member in members if _is_tune(PurePosixPath(member.filename))]
    if not tunes:
        raise ValueError(f"{archive.name}: expected .krn files in the archive, got none.")
    return sorted(tunes, key=lambda member: member.filename)


def _is_tune(path: Path | PurePosixPath) -> bool:
    # Archives made on a Mac hold a second file for each, which begins with "._".
    return path.suffix == ".krn" and path.name[:2] != "._" and "__MACOSX" not in path.parts


def _checked_size(name: str, content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"{name}: expected a tune of at most {MOST_BYTES} bytes, got a larger file."
        )
    return content


def _found_kern(path: Path | PurePosixPath, content: bytes, names: set[str]) -> Found:
    text = decode(content)
    number = KERN_NUMBER.search(text)
    return Found(_unused(path.stem, names), number[2] if number else "", text)


def _unused(name: str, names: set[str]) -> str:
    """Return `name`, with a number if it is one of `names` already, and add it to them."""
    # Without regard to capitals, because some file systems know no difference.
    number, unused = 1, name
    while unused.casefold() in names:
        number += 1
        unused = f"{name}-{number}"
    names.add(unused.casefold())
    return unused
