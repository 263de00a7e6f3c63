"""Tempo, metre, key, pedal and instrument of a MIDI file at each tick.

Of several events of a kind at the same tick, the last one holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from bach_tf.formats.midi.events import CONTROL, PROGRAM, Event, File
from bach_tf.formats.midi.metas import KEY, METRE, TEMPO, TEXT

FIRST_TEMPO = 500_000  # microseconds per quarter unless stated: 120 quarter notes per minute
MICROSECONDS = 60_000_000  # in a minute
SUSTAIN_PEDAL = 64  # the controller
PART_CONTROLLERS = {7: "volume", 10: "pan"}
RESET_CONTROLLERS = 121  # the controller that lifts it, by MIDI's recommended practice RP-015
PEDAL_DOWN = 64  # the lowest value at which it sustains notes
UPBEAT = "upbeat"  # prefix of the text that states its length in whole notes


def clock_of(file: File) -> Callable[[int], int]:
    """Return the clock: tick to time, in microseconds times the ticks of a quarter.

    Times are whole numbers, so that long files do not drift.
    """
    starts, times, tempi = [0], [0], [FIRST_TEMPO]
    for tick, tempo in _last_at(file.events, TEMPO):
        times.append(times[-1] + (tick - starts[-1]) * tempi[-1])
        starts.append(tick)
        tempi.append(tempo)

    def clock(tick: int) -> int:
        last = bisect_right(starts, tick) - 1
        return times[last] + (tick - starts[last]) * tempi[last]

    return clock


def _last_at(events: Iterable[Event], kind: str) -> list[tuple]:
    """Return tick and value of the last event of a kind at each tick."""
    return list({event.tick: event.value for event in events if event.kind == kind}.items())


def tempi(file: File) -> list[tuple[int, float]]:
    """Return tick and quarter notes per minute of each tempo; MIDI's default if none is at 0."""
    found = _last_at(file.events, TEMPO)
    if not found or found[0][0] > 0:
        found.insert(0, (0, FIRST_TEMPO))
    # Files store whole microseconds: 90 quarter notes per minute come back as 89.99996.
    return [(tick, round(MICROSECONDS / tempo, 3)) for tick, tempo in found]


def metres_and_upbeat(file: File) -> tuple[list[tuple[int, int, int]], Fraction]:
    """Return the metres and the upbeat.

    A short first bar is an upbeat: notation programs write it so; see `begins_with_upbeat`. Files
    written by bach_tf state the upbeat where that rule would get it wrong.

    Returns:
        tick, beats and note value of each metre; and the upbeat in ticks.
    """
    found = [(tick, *metre) for tick, metre in _last_at(file.events, METRE)]
    said = _said_upbeat(file)
    upbeat = Fraction(0) if said is None else 4 * file.ticks_per_quarter * said
    if said is None:
        is_short = begins_with_upbeat(found, file.ticks_per_quarter)
    else:
        is_short = len(found) > 1 and (found[0][0], found[1][0]) == (0, upbeat)
    if not is_short:
        return found, upbeat
    _, (place, *metre), *others = found
    return [(0, *metre), *others], Fraction(place)


def begins_with_upbeat(metres: Sequence[tuple[int, int, int]], quarter: int | Fraction) -> bool:
    """Return whether the first bar is an upbeat.

    It is shorter than those that follow: by its own metre, or because the second metre begins
    before its end. Where the metre changes again later, a first bar of another metre is an upbeat
    only if it has one beat or at most a third of the next bar.

    Args:
        metres: place, beats and note value of each.
        quarter: its length, in the unit of the places.

    Example:
        >>> begins_with_upbeat([(0, 3, 4), (12, 4, 4)], quarter=4)
        True
        >>> begins_with_upbeat([(0, 4, 4), (4, 4, 4)], quarter=4)
        True
        >>> begins_with_upbeat([(0, 3, 4), (12, 4, 4), (28, 6, 8)], quarter=4)
        False
    """
    if len(metres) < 2 or metres[0][0] != 0:
        return False
    (_, *first), (place, *second), *others = metres
    bar, following = (Fraction(4 * quarter * beats, value) for beats, value in (first, second))
    if place > bar or place >= following:
        return False
    if first == second or all(other == second for _, *other in others):
        return True
    return first[0] == 1 or 3 * place <= following


def _said_upbeat(file: File) -> Fraction | None:
    """Return the upbeat that a file of bach_tf states, in whole notes."""
    for event in file.events:
        if event.kind == TEXT and event.value.startswith(f"{UPBEAT} "):
            try:
                return max(Fraction(0), Fraction(event.value.removeprefix(UPBEAT)))
            except (ValueError, ZeroDivisionError):
                continue
    return None


def key_signatures(file: File) -> tuple[int | None, list[tuple[int, int]]]:
    """Return the first key signature and its changes, in sharps; flats are negative.

    Returns:
        The first; then tick and sharps of each that differs from its predecessor.
    """
    found = _last_at(file.events, KEY)
    if not found:
        return None, []
    changes = [after for before, after in pairwise(found) if before[1] != after[1]]
    return found[0][1], changes


def pedal_spans(file: File) -> dict[int, list[tuple[int, int]]]:
    """Return the spans in ticks during which the sustain pedal of each channel is down."""
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    down: dict[int, int] = {}
    for event in file.events:
        if event.kind != CONTROL or event.value[0] not in (SUSTAIN_PEDAL, RESET_CONTROLLERS):
            continue
        if event.value[0] == SUSTAIN_PEDAL and event.value[1] >= PEDAL_DOWN:
            down.setdefault(event.channel, event.tick)
        elif event.channel in down:
            spans[event.channel].append((down.pop(event.channel), event.tick))
    for channel, tick in down.items():
        spans[channel].append((tick, file.ticks))
    return spans


def choices(events: Iterable[Event], channel: int, tick: int) -> dict[str, int]:
    """Return program, volume and pan of a channel at its first note: fields of `Part`.

    Args:
        events: ordered by tick.
        channel: 0..15.
        tick: of the first note; a value set only later is used if none was set before.
    """
    chosen: dict[str, int] = {}
    for event in events:
        if event.channel != channel:
            continue
        if event.kind == PROGRAM:
            name: str | None = "program"
        else:
            name = PART_CONTROLLERS.get(event.value[0]) if event.kind == CONTROL else None
        if name and (event.tick <= tick or name not in chosen):
            chosen[name] = event.value[-1]
    return chosen
