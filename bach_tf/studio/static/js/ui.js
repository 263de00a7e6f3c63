// What the hand is doing: mode, caret, note value, selected note and bars. Not part of the piece.

import { barsOf, voiceCount } from "./piece.js";

export class Ui extends EventTarget {
  constructor() {
    super();
    this.writing = true;
    this.voice = 0;
    this.step = 0;
    this.value = 1; // quarters, without the dot
    this.dotted = false;
    this.note = null; // the selected one, as in the piece
    this.bars = null; // {from, to, voices: null or [first, last]}
    this.looping = false;
  }

  set(changes) {
    Object.assign(this, changes);
    this.dispatchEvent(new Event("change"));
  }

  /** Return the note value in steps of a piece, at least one. */
  stepsOf(piece) {
    const quarters = this.value * (this.dotted ? 1.5 : 1);
    return Math.max(1, Math.round(quarters * piece.steps_per_quarter));
  }

  /** Return the numbers of the selected bars. */
  selectedBars(piece) {
    if (!this.bars) return [];
    const { from, to } = this.bars;
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    return barsOf(piece).map((bar) => bar.number).filter((bar) => first <= bar && bar <= last);
  }

  selectedVoices(piece) {
    const all = Array.from({ length: voiceCount(piece) }, (_, voice) => voice);
    if (!this.bars?.voices) return all;
    const [a, b] = this.bars.voices;
    return all.filter((voice) => Math.min(a, b) <= voice && voice <= Math.max(a, b));
  }

  /** Return the steps that are selected, {start, end}, or null. */
  span(piece) {
    const numbers = this.selectedBars(piece);
    const bars = barsOf(piece).filter((bar) => numbers.includes(bar.number));
    return bars.length ? { start: bars[0].start, end: bars[bars.length - 1].end } : null;
  }

  /** Keep caret and selection within a piece that has changed. */
  fit(piece) {
    const bars = barsOf(piece).map((bar) => bar.number);
    const within = (bar) => Math.min(Math.max(bar, bars[0]), bars[bars.length - 1]);
    this.voice = Math.min(this.voice, voiceCount(piece) - 1);
    this.step = Math.min(this.step, piece.length);
    if (this.bars) {
      const { from, to } = this.bars;
      const gone = Math.min(from, to) > bars[bars.length - 1];
      this.bars = gone ? null : { ...this.bars, from: within(from), to: within(to) };
    }
    if (this.note) {
      const [onset, , pitch, voice] = this.note;
      this.note =
        piece.notes.find((n) => n[0] === onset && n[3] === voice && n[2] === pitch) ?? null;
    }
  }
}
