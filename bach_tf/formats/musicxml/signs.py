"""Repeats, endings and jumps of a MusicXML measure."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from bach_tf.formats.notation.sheet import Signs

MOST_PASSES = 99
PASSES = re.compile(r"\d{1,2}")
# What some programs print without a <sound> that says it.
JUMPS = {
    "da_capo": re.compile(r"d\. ?c\.?( al fine)?|da capo( al fine)?", re.IGNORECASE),
    "dal_segno": re.compile(r"d\. ?s\.?( al fine)?|dal segno( al fine)?", re.IGNORECASE),
    "fine": re.compile(r"fine\.?", re.IGNORECASE),
}
SEGNO = "segno"  # the name of a sign in jumps that have none


def signs_of(measure: Element) -> Signs:
    """Return the repeats, endings and jumps of a measure."""
    found: dict = {}
    for barline in measure.iterfind("barline"):
        found |= _of_barline(barline)
    for direction in measure.iterfind("direction"):
        found |= _in_words(direction)
    for sound in measure.iter("sound"):
        found |= _of_sound(sound)
    return Signs(**found)


def _of_barline(barline: Element) -> dict:
    found: dict = {}
    repeat, ending = barline.find("repeat"), barline.find("ending")
    if repeat is not None and repeat.get("direction") == "forward":
        found["forward"] = True
    elif repeat is not None:
        times = repeat.get("times", "2").strip()
        found["backward"] = int(times) if PASSES.fullmatch(times) else 2
    if ending is not None and ending.get("type") == "start":
        found["endings"] = _passes(ending.get("number", ""))
    elif ending is not None:
        found["last_of_ending"] = True
    return found


def _passes(text: str) -> frozenset[int]:
    """Return the passes of an ending number: "1", "1, 2" or "1-3"."""
    numbers = set()
    for part in text.split(","):
        ends = [int(found) for found in PASSES.findall(part)]
        if ends:
            numbers |= set(range(ends[0], min(ends[-1], MOST_PASSES) + 1))
    return frozenset(numbers)


def _in_words(direction: Element) -> dict:
    """Return the jumps that a direction prints."""
    words = " ".join("".join(w.text or "" for w in direction.iter("words")).split())
    kinds = [kind for kind, form in JUMPS.items() if form.fullmatch(words)]
    found: dict = {kind: SEGNO if kind == "dal_segno" else True for kind in kinds}
    if direction.find("direction-type/segno") is not None:
        found["segno"] = SEGNO
    return found


def _of_sound(sound: Element) -> dict:
    named = {"segno": "segno", "coda": "coda", "tocoda": "to_coda", "dalsegno": "dal_segno"}
    found: dict = {ours: sound.get(theirs) for theirs, ours in named.items() if sound.get(theirs)}
    if sound.get("dacapo") == "yes":
        found["da_capo"] = True
    if sound.get("fine"):
        found["fine"] = True
    return found
