"""How the readers agree with music21's own, note for note, on the scores that it carries.

    python -m benchmarks.reading
    python -m benchmarks.reading --kinds original,abc --every 10

Compared are the notes of each voice (onset, duration and pitch, ties joined), the first metre, the
upbeat, the key signature, and the steps with a fermata; of ABC the notes alone. Kinds:

    original   the MusicXML files of Bach's works that music21 ships, read by both
    musicxml   the same, read by music21, written by it as MusicXML, and read by us
    again      what we read of the originals, written by us as MusicXML, and read by us
    midi       the same as MIDI, which has no fermatas, against music21's own reading
    foreign    read and written as MIDI by music21, which plays repeats out, does not say upbeats,
               and leaves the order of the voices to their pitch
    channel    what we read of the originals, all voices on one channel: the share of the notes
               that come back in their voice, in scores of four parts and in all
    kern       Palestrina's masses and a few others in Humdrum, read by both
    abc        books of tunes in ABC, read by both, by music21 without slurs and ornaments
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import mido

from bach_tf._basics.choices import choose
from bach_tf._basics.cores import usable_cores
from bach_tf.corpora.preparation.embedded import embedded_files
from bach_tf.formats import read, write
from bach_tf.formats.abc_tunes import read_abc_tunes, split_tunes
from bach_tf.formats.notation.text import decode
from bach_tf.score import Score

UNSAID = {"upbeat", "fermatas"}  # of music21's MIDI files
CHANNEL = "channel"  # the kind whose outcome is a share
SIGNS = re.compile(r"\{[^}]*\}|\"[^\"]*\"|![^!\s]*!|\((?!\d)|[).~`HLMOPSTuvk]")  # of ABC
FIELD = re.compile(r"[A-Za-z]:")
SMALLEST = 64  # music21 keeps most times as floats: the denominator that they stand for
Differences = list[list[str]]  # of each piece of a file


def original(path: Path, scratch: Path) -> Differences:
    """Return in what we and music21 differ on a file."""
    return [differences(_ours(path), *_streams(path))]


def musicxml(path: Path, scratch: Path) -> Differences:
    """Return in what we differ, on what music21 writes, from what it has read."""
    (stream,) = _streams(path)
    copy = scratch / f"{path.stem}.musicxml"
    stream.write("musicxml", copy)
    return [differences(_ours(copy), stream)]


def again(path: Path, scratch: Path) -> Differences:
    """Return in what a score differs when it is written and read again."""
    score = _ours(path)
    copy = scratch / f"{path.stem}.musicxml"
    write(score, copy)
    reread = _ours(copy)
    about = ("onset", "duration", "pitch", "voice", "length", "metres", "upbeat", "fermatas")
    ours, theirs = ({name: _quarters(each, name) for name in about} for each in (score, reread))
    return [[name for name in about if ours[name] != theirs[name]]]


def tunes(path: Path, scratch: Path) -> Differences:
    """Return in what we and music21 differ on each tune of a file."""
    found = []
    copy = scratch / path.name
    texts = split_tunes(decode(path.read_bytes()))
    for ours, text in zip(read_abc_tunes(path).values(), texts, strict=True):
        copy.write_text(_without_signs(text), encoding="utf-8")
        (stream,) = _streams(copy)
        if isinstance(ours, ValueError):
            found.append(["unreadable"])
            continue
        notes = sorted(note[:3] for note in _notes(ours.score))
        theirs = sorted(chain(*_voices_of(stream)))
        same_rhythm = [note[:2] for note in notes] == [note[:2] for note in theirs]
        found.append([] if notes == theirs else ["pitches" if same_rhythm else "rhythm"])
    return found


def midi(path: Path, scratch: Path) -> Differences:
    """Return in what a score differs from music21's when it is written as MIDI and read."""
    copy = scratch / f"{path.stem}.mid"
    write(_ours(path), copy)
    found = differences(_ours(copy), *_streams(path))
    return [[each for each in found if each != "fermatas"]]


def foreign(path: Path, scratch: Path) -> Differences:
    """Return in what the MIDI file of music21 differs, as we read it, from what it has read."""
    (stream,) = _streams(path)
    if any(stream.recurse().getElementsByClass("RepeatMark")):
        stream = stream.expandRepeats()
    copy = scratch / f"{path.stem}.mid"
    stream.write("midi", copy)
    score = _ours(copy)
    found = set(differences(score, stream)) - UNSAID
    same = sorted(_voices_in(score)) == sorted(_voices_of(stream))
    return [sorted(found - ({"voices"} if same else set()))]


def channel(path: Path) -> tuple[int, int, int]:
    """Return the parts of a score, its notes, and how many do not come back of one channel."""
    score = _ours(path)
    file = mido.MidiFile(ticks_per_beat=480, tracks=[mido.MidiTrack()])
    events = sorted(chain.from_iterable(map(_events_of, _notes(score))), key=itemgetter(0, 1))
    for (before, *_), (tick, _, message) in zip([(0,), *events], events):
        file.tracks[0].append(message.copy(time=tick - before))
    with tempfile.TemporaryDirectory() as scratch:
        file.save(Path(scratch) / "a.mid")
        found = set(_notes(_ours(Path(scratch) / "a.mid")))
    return score.voices, len(score), sum(note not in found for note in _notes(score))


def _print_shares(counts: list[tuple[int, int, int]]) -> None:
    """Print the share of notes that are in their voice, of what `channel` has returned."""
    for kind, chosen in (("of four parts", [c for c in counts if c[0] == 4]), ("in all", counts)):
        notes, wrong = (sum(each[column] for each in chosen) for column in (1, 2))
        share = 1 - wrong / max(1, notes)
        print(
            f"{CHANNEL}: {share:.1%} of {notes} notes in their voice, {len(chosen)} scores {kind}"
        )


def _events_of(note: tuple[Fraction, Fraction, int, int]) -> list[tuple[int, int, mido.Message]]:
    """Return a release and a strike: tick, what comes first at one, and the message."""
    start, end, pitch, _ = note
    kinds = ("note_off", "note_on")
    return [
        (round(480 * time), order, mido.Message(kinds[order], note=pitch))
        for order, time in enumerate((end, start))
    ]


def _without_signs(tune: str) -> str:
    """Return a tune without slurs, ornaments, fermatas, texts and grace notes.

    music21 loses notes and dotted rhythms beside some of them.
    """
    lines = tune.splitlines()
    return "\n".join(line if FIELD.match(line) else SIGNS.sub("", line) for line in lines)


class Kind(NamedTuple):
    """A comparison, and the files of music21 that it is made with."""

    compare: Callable[[Path, Path], Differences]
    collections: tuple[str, ...] = ("bach",)
    endings: tuple[str, ...] = (".mxl", ".xml")


KINDS = {
    "original": Kind(original),
    "musicxml": Kind(musicxml),
    "again": Kind(again),
    "midi": Kind(midi),
    "foreign": Kind(foreign),
    "kern": Kind(original, ("palestrina", "beethoven", "bach", "chopin"), (".krn",)),
    "abc": Kind(tunes, ("airdsAirs", "oneills1850", "ryansMammoth"), (".abc",)),
}


def differences(score: Score, stream: Any) -> list[str]:
    """Return what differs between a score and a `music21.stream.Score`, in words of one kind."""
    theirs, ours = _voices_of(stream), _voices_in(score)
    found = []
    if sorted(chain(*ours)) != sorted(chain(*theirs)):
        found.append("notes")
    elif len(ours) != len(theirs):
        found.append("more voices than parts")
    elif ours != theirs:
        found.append("voices")
    facts = _facts_of(stream)
    mine = {
        "metre": score.time_signature,
        "upbeat": Fraction(score.upbeat, score.steps_per_quarter),
        "key": score.key_signature,
        "fermatas": [Fraction(step, score.steps_per_quarter) for step in score.fermatas],
    }
    return found + [name for name in mine if mine[name] != facts[name]]


def _ours(path: Path) -> Score:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(path).score


def _streams(path: Path) -> list[Any]:
    """Return the scores of a file as music21 reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from music21 import converter, stream

        parsed = converter.parse(path, forceSource=True)
        scores = list(parsed.scores) if isinstance(parsed, stream.Opus) else [parsed]
        return [score.toSoundingPitch() for score in scores]


def _voices_in(score: Score) -> list[list[tuple[Fraction, Fraction, int]]]:
    """Return the notes of each voice, in order."""
    notes = _notes(score)
    return [sorted(n[:3] for n in notes if n[3] == voice) for voice in range(score.voices)]


def _notes(score: Score) -> list[tuple[Fraction, Fraction, int, int]]:
    """Return start and end in quarters, pitch and voice of each note."""
    steps = score.steps_per_quarter
    columns = (score.onset, score.onset + score.duration, score.pitch, score.voice)
    return [
        (Fraction(start, steps), Fraction(end, steps), pitch, voice)
        for start, end, pitch, voice in zip(*(column.tolist() for column in columns))
    ]


def _quarters(score: Score, name: str) -> list:
    value = getattr(score, name)
    if name in ("pitch", "voice"):
        return value.tolist()
    if name == "metres":
        return [(Fraction(step, score.steps_per_quarter), *metre) for step, *metre in value]
    steps = [value] if isinstance(value, int) else value
    return [Fraction(int(step), score.steps_per_quarter) for step in steps]


def _voices_of(stream: Any) -> list[list[tuple[Fraction, Fraction, int]]]:
    """Return the notes of each part that has any, ties joined, in order."""
    voices = [_joined(part) for part in stream.parts]
    return [voice for voice in voices if voice]


def _joined(part: Any) -> list[tuple[Fraction, Fraction, int]]:
    heads = sorted(_heads(part), key=lambda head: head[:3])
    notes: list[tuple[Fraction, Fraction, int]] = []
    ending: dict[tuple[int, Fraction], int] = {}
    for start, end, pitch, from_tie in heads:
        place = ending.pop((pitch, start), None) if from_tie else None
        if place is None:
            place = len(notes)
            notes.append((start, end, pitch))
        else:
            notes[place] = (notes[place][0], end, pitch)
        ending[pitch, end] = place
    return sorted({(start, pitch): (start, end, pitch) for start, end, pitch in notes}.values())


def _heads(part: Any) -> Iterator[tuple[Fraction, Fraction, int, bool]]:
    for element in part.flatten().notes:
        if element.duration.isGrace or "ChordSymbol" in element.classes:
            continue
        start, length = _exact(element.offset), _exact(element.quarterLength)
        for note in element.notes if element.isChord else [element]:
            if hasattr(note, "pitch") and length:
                from_tie = note.tie is not None and note.tie.type in ("stop", "continue")
                yield start, start + length, note.pitch.midi, from_tie


def _exact(quarters: float | Fraction) -> Fraction:
    return Fraction(quarters).limit_denominator(SMALLEST)


def _facts_of(stream: Any) -> dict[str, Any]:
    """Return the first metre, the upbeat, the key that most parts have, and the fermatas."""
    measure = stream.parts[0].getElementsByClass("Measure").first()
    metre = measure.timeSignature
    length = _exact(measure.highestTime)
    whole = _exact(metre.barDuration.quarterLength) if metre else length
    keys = Counter(
        found.sharps
        for part in stream.parts
        if (found := part.recurse().getElementsByClass("KeySignature").first()) is not None
    )
    return {
        "metre": (metre.numerator, metre.denominator) if metre else None,
        "upbeat": length if length < whole else Fraction(0),
        "key": keys.most_common(1)[0][0] if keys else None,
        "fermatas": _fermatas_of(stream),
    }


def _fermatas_of(stream: Any) -> list[Fraction]:
    """Return where notes with a fermata begin; of those that sound together, the highest part's."""
    kept: list[tuple[Fraction, Fraction, int]] = []
    for number, part in enumerate(stream.parts):
        for start, end in _with_fermata(part):
            if not any(a < end and start < b for a, b, other in kept if other < number):
                kept.append((start, end, number))
    return sorted({start for start, _, _ in kept})


def _with_fermata(part: Any) -> Iterator[tuple[Fraction, Fraction]]:
    begun: dict[tuple[int, Fraction], Fraction] = {}  # where a tied note began
    for element in part.flatten().notes:
        if element.duration.isGrace:
            continue
        start = _exact(element.offset)
        end = start + _exact(element.quarterLength)
        from_tie = element.tie is not None and element.tie.type in ("stop", "continue")
        key = (element.pitches[0].midi, start)
        first = begun.get(key, start) if from_tie else start
        begun[element.pitches[0].midi, end] = first
        if any("Fermata" in each.classes for each in element.expressions):
            yield first, end


def _measured(kind: str, path: Path) -> list[tuple[str, str]]:
    """Return the name of a file for each of its pieces, and in what readers differ on that."""
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = KINDS[kind].compare(path, Path(scratch))
        except Exception as error:  # of either reader: it is counted, with its words
            found = [[f"{type(error).__name__}: {error}"[:100]]]
    return [(path.name, ", ".join(differs)) for differs in found]


def main() -> None:
    """Compare, and print how many pieces agree, and in what the others differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    kinds = ",".join((*KINDS, CHANNEL))
    parser.add_argument("--kinds", default=kinds, help="separated by commas")
    parser.add_argument("--every", type=int, default=1, help="look at every tenth file, say")
    args = parser.parse_args()
    for kind in args.kinds.split(","):
        kinds_of_files = {**KINDS, CHANNEL: KINDS["original"]}
        _, collections, endings = choose(kinds_of_files, kind, "kind")
        paths = [path for each in collections for path in embedded_files(each)]
        paths = [path for path in paths if path.suffix in endings][:: args.every]
        with ProcessPoolExecutor(usable_cores()) as pool:
            if kind == CHANNEL:
                _print_shares(list(pool.map(channel, paths, chunksize=4)))
                continue
            pieces = list(chain(*pool.map(partial(_measured, kind), paths, chunksize=4)))
        counts = Counter(differs for _, differs in pieces)
        print(f"{kind}: {counts.pop('', 0)} of {len(pieces)} agree")
        for differs, count in counts.most_common():
            names = dict.fromkeys(name for name, other in pieces if other == differs)
            print(f"  {count}: {differs}: {' '.join(list(names)[:12])}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
