// Steps of a piece and seconds of its sound.

import { tempoOf } from "./piece.js";

const PERFORMANCE_TEMPO = 75; // at which a piece in seconds has its own speed

/** Return the changes of tempo as [step, seconds at that step, seconds of a step]. */
function stretches(piece) {
  const free = piece.timing !== "beats";
  const tempi = free ? [[0, PERFORMANCE_TEMPO]] : piece.tempi;
  const changes = tempi.length && tempi[0][0] === 0 ? tempi : [[0, tempoOf(piece)], ...tempi];
  const found = [];
  for (const [step, qpm] of changes) {
    const last = found[found.length - 1];
    const seconds = last ? last[1] + (step - last[0]) * last[2] : 0;
    found.push([step, seconds, 60 / qpm / piece.steps_per_quarter]);
  }
  return found;
}

export function secondsAt(piece, step) {
  const found = stretches(piece).filter(([start]) => start <= step);
  const [start, seconds, each] = found[found.length - 1];
  return seconds + (step - start) * each;
}

export function stepAt(piece, time) {
  const found = stretches(piece).filter(([, seconds]) => seconds <= time);
  const [start, seconds, each] = found[found.length - 1] ?? stretches(piece)[0];
  return start + (time - seconds) / each;
}
