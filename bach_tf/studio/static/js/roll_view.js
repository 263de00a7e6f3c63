// The piano roll: the same piece as bars of colour, time to the right and pitch upwards.

import { barsOf, voiceCount } from "./piece.js";
import { isLocked } from "./locks.js";
import { markParallels } from "./parallels.js";
import { nameOf } from "./notes.js";
import { svg } from "./svg.js";

const ROW = 10; // pixels of a semitone
const KEYS = 44; // pixels for the names at the left
const TOP = 22; // pixels for the numbers of bars
const QUARTER = 36; // least pixels of a quarter
const BLACK = [1, 3, 6, 8, 10];

export class RollView {
  constructor(sheet) {
    this.sheet = sheet;
    this.geometry = null;
  }

  async show({ piece, locks, facts }) {
    const pitches = piece.notes.map((note) => note[2]);
    this.piece = piece;
    this.low = Math.min(55, ...pitches) - 2;
    this.high = Math.max(81, ...pitches) + 2;
    const quarters = piece.length / piece.steps_per_quarter;
    const width = Math.max(this.sheet.closest(".score").clientWidth - KEYS - 8, quarters * QUARTER);
    this.perStep = width / Math.max(1, piece.length);
    this.height = TOP + (this.high - this.low + 1) * ROW;
    const size = { width: KEYS + width, height: this.height };
    const drawn = svg("svg", { ...size, class: "roll", "aria-hidden": "true" });
    drawn.append(...this.rows(size.width), ...this.lines());
    this.heads = piece.notes.map((note) => this.head(note, locks));
    drawn.append(...this.heads.map((head) => head.element));
    this.sheet.replaceChildren(drawn);
    this.geometry = this;
    this.mark(facts?.parallels ?? []);
    return this;
  }

  clear() {
    this.sheet.replaceChildren();
    this.geometry = null;
  }

  rows(width) {
    const rows = [];
    for (let pitch = this.low; pitch <= this.high; pitch += 1) {
      const y = this.rowOf(pitch);
      const kind = BLACK.includes(pitch % 12) ? "row black" : "row";
      rows.push(svg("rect", { class: kind, x: KEYS, y, width: width - KEYS, height: ROW }));
      if (pitch % 12 === 0) {
        rows.push(svg("text", { class: "key", x: KEYS - 6, y: y + ROW - 1 }, nameOf(pitch, 0)));
      }
    }
    return rows;
  }

  lines() {
    return barsOf(this.piece).map((bar) => {
      const x = this.xOf(bar.start);
      return svg("line", { class: "bar-line", x1: x, x2: x, y1: TOP, y2: this.height });
    });
  }

  head(note, locks) {
    const [onset, duration, pitch, voice] = note;
    const bar = barsOf(this.piece).find((each) => onset < each.end);
    const left = this.xOf(onset);
    const top = this.rowOf(pitch);
    const width = Math.max(2, duration * this.perStep - 1);
    const locked = bar && isLocked(locks, voice, bar.number) ? " locked" : "";
    const element = svg("rect", {
      class: `roll-note voice-${voice % 4}${locked}`, x: left, y: top, width, height: ROW, rx: 2,
    });
    return { element, onset, voice, pitch, left, right: left + width, top, bottom: top + ROW };
  }

  mark(parallels) {
    markParallels(this.heads, this.piece, parallels);
  }

  light(step, selected) {
    for (const { element, onset, right, left, voice } of this.heads ?? []) {
      const x = step === null ? -1 : this.xOf(step);
      element.classList.toggle("sounding", left <= x && x < right);
      const chosen = selected && selected[0] === onset && selected[3] === voice;
      element.classList.toggle("selected", Boolean(chosen));
    }
  }

  xOf(step) {
    return KEYS + step * this.perStep;
  }

  rowOf(pitch) {
    return TOP + (this.high - pitch) * ROW;
  }

  get bars() {
    return barsOf(this.piece).map((bar) => ({ ...bar, ...this.cellOf(bar.number) }));
  }

  hit(x, y, preferred = 0) {
    const step = Math.min(this.piece.length - 0.01, Math.max(0, (x - KEYS) / this.perStep));
    const bar = this.bars.find((each) => step < each.end);
    const pitch = Math.round(this.high - (y - TOP - ROW / 2) / ROW);
    const head = this.heads.find(
      (each) => x >= each.left && x <= each.right && y >= each.top && y <= each.bottom
    );
    return { bar, voice: Math.min(preferred, voiceCount(this.piece) - 1), step, pitch, head };
  }

  placeOf(step) {
    const bar = this.bars.find((each) => step < each.end);
    return { x: this.xOf(step), top: TOP, bottom: this.height, bar };
  }

  cellOf(number) {
    const bar = barsOf(this.piece).find((each) => each.number === number);
    if (!bar) return undefined;
    const [left, right] = [this.xOf(bar.start), this.xOf(bar.end)];
    return { left, right, top: TOP, bottom: this.height };
  }

  heightOf(bar, voice, pitch) {
    return { y: this.rowOf(pitch) + ROW / 2, ledgers: [], space: ROW, sign: 0 };
  }
}
