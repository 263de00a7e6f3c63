"""Layers of a part as voices: two singers on a staff are two, an occasional divisi is one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from bach_tf.formats.midi.names import rank_of
from bach_tf.formats.notation.sheet import Head
from bach_tf.formats.reading import Notices

LineKey = TypeVar("LineKey", bound=Hashable)
OFTEN = 0.5  # fraction of the bars with notes; a layer with more is a voice
SHARED = re.compile(r"(?P<name>.*\D)\s(?P<one>\d|I+)\s?(?:[,/&+-]|and)\s?(?P<other>\d|I+)")
SEPARATORS = ("\n", "/", ",", "&", " and ")


def voices_of_lines(
    bars: Mapping[LineKey, set[int]], staves: Mapping[LineKey, int]
) -> dict[LineKey, int]:
    """Return the voice of each layer of a part, counted from 0.

    Layers that run through are voices. Occasional layers are merged into the first voice on their
    staff, or else into the first voice.

    Args:
        bars: the bars in which each layer has notes, in the order of layers.
        staves: the staff of each layer.

    Example:
        >>> voices_of_lines({"1": {0, 1, 2}, "2": {2}}, {"1": 1, "2": 1})
        {'1': 0, '2': 0}
        >>> voices_of_lines({"1": {0, 1, 2}, "2": {1, 2}}, {"1": 1, "2": 1})
        {'1': 0, '2': 1}
    """
    played = set().union(*bars.values()) if bars else set()
    own = [line for line, mine in bars.items() if len(mine) > OFTEN * len(played)]
    own = own or list(bars)[:1]
    voices = {line: number for number, line in enumerate(own)}
    for line in bars:
        if line not in voices:
            beside = [other for other in own if staves[other] == staves[line]]
            voices[line] = voices[(beside or own)[0]]
    return voices


def names_of_voices(name: str, voices: int) -> list[str]:
    r"""Return the names of the voices of a part.

    Args:
        name: of the part; it may name each voice: "Soprano\nAlto", "S A", "Tenor/Bass".
        voices: their number.

    Example:
        >>> names_of_voices("Soprano/Alto", 2), names_of_voices("Piano", 2)
        (['Soprano', 'Alto'], ['Piano 1', 'Piano 2'])
        >>> names_of_voices("Trumpet 1, 2", 2)
        ['Trumpet 1', 'Trumpet 2']
    """
    if voices == 1:
        return [" ".join(name.split())]
    for names in _in_pieces(name):
        if len(names) == voices and all(names) and not any(each.isdigit() for each in names):
            return names
    plain = " ".join(name.split())
    shared = SHARED.fullmatch(plain)
    if shared and voices == 2:
        return [f"{shared['name']} {shared[number]}" for number in ("one", "other")]
    return [f"{plain} {number + 1}" if plain else "" for number in range(voices)]


def tell_of_voices(names: Sequence[str], part: str, place: str, notices: Notices) -> None:
    """Report that a part was read as several voices, unless its own name says so.

    Args:
        names: of the voices.
        part: the name of the part.
        place: the part in words.
        notices: of the file.
    """
    if len(names) > 1 and not (part and all(name in part for name in names)):
        notices.remark(f"{len(names)} layers run through this part: each is read as a voice", place)


def _in_pieces(name: str) -> Iterator[list[str]]:
    for separator in SEPARATORS:
        yield [each.strip() for each in name.split(separator)]
    initials = name.replace(" ", "")
    if initials.isalpha() and initials.isupper():
        yield list(initials)  # SA, T B


def singers_named(name: str) -> list[str]:
    """Return the voices of a choir in the name of a part, else the name itself.

    Example:
        >>> singers_named("Soprano/Alto"), singers_named("TB"), singers_named("Flute/Oboe")
        (['Soprano', 'Alto'], ['T', 'B'], ['Flute/Oboe'])
    """
    for names in _in_pieces(name):
        ranks = [rank_of(each) for each in names]
        if len(names) > 1 and None not in ranks and len({*ranks}) == len(ranks):
            return names
    return names_of_voices(name, 1)


def sung(heads: Iterable[Head], voices: int) -> list[Head]:
    """Distribute a layer of chords to several singers.

    The first singer has the highest note. All sing single notes, and the last singer has any
    surplus notes.
    """
    chords: dict[Fraction, list[Head]] = {}
    for head in heads:
        chords.setdefault(head.start, []).append(head)
    found = []
    for chord in chords.values():
        chord.sort(key=lambda head: -head.pitch)
        for place in range(max(len(chord), voices)):
            head = chord[min(place, len(chord) - 1)]
            found.append(head._replace(voice=min(place, voices - 1)))
    return found


def in_order(lines: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Sort layers by staff, then by name, with numbers in numerical order.

    Example:
        >>> in_order([(1, "10"), (2, "1"), (1, "2")])
        [(1, '2'), (1, '10'), (2, '1')]
    """
    return sorted(lines, key=lambda line: (line[0], not line[1].isdigit(), line[1].zfill(9)))
