// Parallel fifths and octaves: which notes they are made of.

import { noteAt } from "./piece.js";

/** Return the notes of some parallels: two voices, each with two notes that follow each other. */
export function notesOfParallels(piece, parallels) {
  const notes = new Set();
  for (const { voices, start, step } of parallels) {
    for (const voice of voices) {
      for (const note of [noteAt(piece, voice, start), noteAt(piece, voice, step)]) {
        if (note) notes.add(`${note[0]},${voice}`);
      }
    }
  }
  return notes;
}

/** Mark the heads of those notes. */
export function markParallels(heads, piece, parallels) {
  const notes = notesOfParallels(piece, parallels);
  for (const { element, onset, voice } of heads) {
    element.classList.toggle("parallel", notes.has(`${onset},${voice}`));
  }
}
