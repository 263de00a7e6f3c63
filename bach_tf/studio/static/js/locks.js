// Which voices and bars stay as they are, and how the library is told: "bass", "soprano:5-8".

import { barsOf, voiceCount } from "./piece.js";

export const NO_LOCKS = { voices: [], cells: [] };
const LIBRARY_NAMES = ["soprano", "alto", "tenor", "bass"];

export function isLocked(locks, voice, bar) {
  return (
    locks.voices.includes(voice) || locks.cells.some(([v, number]) => v === voice && number === bar)
  );
}

/** Return the locks with a whole voice locked or unlocked. */
export function withVoice(locks, voice, locked) {
  const others = locks.voices.filter((each) => each !== voice);
  const cells = locks.cells.filter(([each]) => each !== voice);
  return { voices: locked ? [...others, voice].sort() : others, cells };
}

/** Return the locks with the bars of some voices locked or unlocked. */
export function withCells(locks, piece, voices, bars, locked) {
  let changed = locks;
  for (const voice of voices) {
    if (changed.voices.includes(voice)) {
      if (locked) continue;
      const own = barsOf(piece).map((bar) => [voice, bar.number]);
      changed = { ...withVoice(changed, voice, false), cells: [...changed.cells, ...own] };
    }
    const others = changed.cells.filter(([v, bar]) => v !== voice || !bars.includes(bar));
    const added = locked ? bars.map((bar) => [voice, bar]) : [];
    changed = { ...changed, cells: [...others, ...added] };
  }
  return changed;
}

/** Return the bars of a voice that are locked, in order. */
export function lockedBars(locks, piece, voice) {
  return barsOf(piece).map((bar) => bar.number).filter((bar) => isLocked(locks, voice, bar));
}

/** Return whole numbers as ranges: [1, 2, 3, 7] is "1-3,7". */
export function ranges(numbers, separator = ",") {
  const found = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = found[found.length - 1];
    if (last && number === last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(separator);
}

/** Return what the library calls the voices of a piece: by their names, or else by their order. */
function libraryNames(piece) {
  const own = piece.parts.map(({ name }) => name.toLowerCase());
  const count = voiceCount(piece);
  const known = own.length === count && own.every((name) => LIBRARY_NAMES.includes(name));
  if (known && new Set(own).size === count) return own;
  return { 2: ["soprano", "bass"], 3: ["soprano", "alto", "bass"] }[count] ?? LIBRARY_NAMES;
}

/** Return what a job has to keep, as the library writes it: "soprano", "bass:5-8+12". */
export function keptOf(locks, piece, alsoVoices = []) {
  const kept = [];
  for (let voice = 0; voice < Math.min(4, voiceCount(piece)); voice += 1) {
    const name = libraryNames(piece)[voice];
    if (locks.voices.includes(voice) || alsoVoices.includes(voice)) kept.push(name);
    else {
      const bars = lockedBars(locks, piece, voice);
      if (bars.length) kept.push(`${name}:${ranges(bars, "+")}`);
    }
  }
  return kept;
}

/** Return the first locked cell that an edit would change: {voice, bar}, or undefined. */
export function lockedChange(locks, before, after) {
  if (!locks.voices.length && !locks.cells.length) return undefined;
  const bars = barsOf(before);
  for (let voice = 0; voice < voiceCount(before); voice += 1) {
    for (const bar of bars) {
      if (!isLocked(locks, voice, bar.number)) continue;
      if (cell(before, voice, bar) !== cell(after, voice, bar)) return { voice, bar: bar.number };
    }
  }
  return undefined;
}

function cell(piece, voice, { start, end }) {
  const inside = piece.notes.filter(
    ([onset, duration, , own]) => own === voice && onset < end && onset + duration > start
  );
  return JSON.stringify(
    inside.map(([onset, duration, pitch]) => [
      Math.max(onset, start), Math.min(onset + duration, end), pitch, onset >= start,
    ])
  );
}
