// Where things are in an engraved score: turns a place on the screen into voice, step and pitch, and
// back. Read off the picture itself: staff lines, clefs and the heads of notes.

import { barsOf, keyAt, voiceCount } from "./piece.js";
import { pitchOfPlace, spelled } from "./notes.js";

// The lowest line of a staff, in letters from C0, by the glyph of the clef.
const LOWEST_LINES = { E050: 30, E051: 44, E052: 23, E053: 37, E062: 18, E064: 11, E065: 25 };
const C_CLEF = "E05C";
const MIDDLE_C = 28;
const G_CLEF_LINE = 30;

/** A rectangle relative to the sheet, whose own place on the screen changes as one scrolls. */
function boxOf(element, origin) {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return {
    left: left - origin.left, right: right - origin.left,
    top: top - origin.top, bottom: bottom - origin.top,
  };
}

export class Geometry {
  /**
   * @param svg the engraved score, in the page.
   * @param engraving the server's answer: measures and notes by id.
   * @param piece what was engraved.
   * @param sheet the element around the picture.
   */
  constructor(svg, engraving, piece, sheet) {
    this.piece = piece;
    this.notes = new Map(Object.entries(engraving.notes));
    this.origin = sheet.getBoundingClientRect();
    this.heads = [];
    const found = barsOf(piece);
    const elements = engraving.measures.map((measure) => svg.getElementById(measure.id));
    this.voicesOfStaves = this.findVoices(elements.filter(Boolean));
    let clefs = [];
    this.tops = new Map(); // of systems, with all that stands above their staves
    this.bars = [];
    elements.forEach((element, index) => {
      if (!element || !found[index]) return;
      const bar = this.readBar(element, found[index], clefs);
      clefs = bar.nextClefs;
      this.bars.push(bar);
    });
  }

  /** Return the voices on each staff: by the notes on it, or by its place where there are none. */
  findVoices(elements) {
    const count = elements.length ? stavesOf(elements[0]).length : 0;
    const voices = Array.from({ length: count }, () => new Set());
    for (const element of elements) {
      stavesOf(element).forEach((staff, index) => {
        for (const note of staff.querySelectorAll(".note")) {
          const known = this.notes.get(note.id);
          if (known && voices[index]) voices[index].add(known[1]);
        }
      });
    }
    const all = voiceCount(this.piece);
    return voices.map((set, index) => {
      if (set.size) return [...set].sort((a, b) => a - b);
      return count === all ? [index] : [Math.min(all - 1, Math.floor((index * all) / count))];
    });
  }

  readBar(element, { number, start, end }, clefs) {
    const origin = this.origin;
    const nextClefs = [...clefs];
    const staves = stavesOf(element).map((staff, index) => {
      const lines = linesOf(staff).map((line) => boxOf(line, origin));
      const middle = (box) => (box.top + box.bottom) / 2;
      const top = middle(lines[0]);
      const bottom = middle(lines[lines.length - 1]);
      const space = (bottom - top) / Math.max(1, lines.length - 1);
      const { left, right } = lines[0];
      const geometry = { top, bottom, space, left, right, voices: this.voicesOfStaves[index] };
      const clef = staff.querySelector(".clef use");
      if (clef) {
        nextClefs[index] = lowestLine(clef, boxOf(clef, origin), geometry);
        if (boxOf(clef, origin).left < left + 6 * space) clefs[index] = nextClefs[index];
      }
      return { ...geometry, lowest: clefs[index] ?? nextClefs[index] ?? G_CLEF_LINE };
    });
    const box = {
      left: Math.min(...staves.map((staff) => staff.left)),
      right: Math.max(...staves.map((staff) => staff.right)),
      top: Math.min(...staves.map((staff) => staff.top)),
      bottom: Math.max(...staves.map((staff) => staff.bottom)),
    };
    const anchors = this.anchorsOf(element, start, end, box, staves[0].space);
    const above = this.topOf(element.closest(".system"));
    return { number, start, end, staves, anchors, nextClefs, above, ...box };
  }

  topOf(system) {
    if (!this.tops.has(system)) this.tops.set(system, boxOf(system, this.origin).top);
    return this.tops.get(system);
  }

  /** Return steps and where they are: heads of notes, and both ends of the bar. */
  anchorsOf(element, start, end, box, space) {
    const places = new Map();
    for (const note of element.querySelectorAll(".note")) {
      const known = this.notes.get(note.id);
      const head = note.querySelector(".notehead") ?? note;
      if (!known) continue;
      const at = boxOf(head, this.origin);
      const x = (at.left + at.right) / 2;
      this.heads.push({ id: note.id, element: note, onset: known[0], voice: known[1],
        pitch: known[2], ...at });
      if (known[0] < start || known[0] >= end) continue;
      places.set(known[0], Math.min(x, places.get(known[0]) ?? Infinity));
    }
    if (!places.has(start)) places.set(start, beginOf(element, box, space, this.origin));
    const anchors = [...places].sort((a, b) => a[0] - b[0]);
    return [...anchors, [end, box.right]];
  }

  /** Return the bar at a place, on the nearest system. */
  barAt(x, y) {
    let best;
    for (const bar of this.bars) {
      const aside = Math.max(bar.left - x, 0, x - bar.right);
      const away = Math.max(bar.top - y, 0, y - bar.bottom);
      const distance = aside + 4 * away;
      if (!best || distance < best.distance) best = { bar, distance };
    }
    return best?.bar;
  }

  /** Return what a place means: {bar, voice, voices, step, pitch, note}. */
  hit(x, y, preferred = 0) {
    const bar = this.barAt(x, y);
    if (!bar) return undefined;
    const distance = (staff) => Math.max(staff.top - y, 0, y - staff.bottom);
    const staff = bar.staves.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    const voice = staff.voices.includes(preferred) ? preferred : staff.voices[0];
    const step = this.stepAt(bar, x);
    const place = staff.lowest + Math.round((2 * (staff.bottom - y)) / staff.space);
    const pitch = pitchOfPlace(place, keyAt(this.piece, step));
    return { bar, staff, voice, step, pitch, head: this.headAt(x, y) };
  }

  headAt(x, y, reach = 3) {
    return this.heads.find(
      (head) =>
        x >= head.left - reach && x <= head.right + reach &&
        y >= head.top - reach / 2 && y <= head.bottom + reach / 2
    );
  }

  stepAt(bar, x) {
    const { anchors } = bar;
    for (let i = 0; i + 1 < anchors.length; i += 1) {
      const [[from, left], [to, right]] = [anchors[i], anchors[i + 1]];
      if (x < right || i + 2 === anchors.length) {
        const part = right > left ? (x - left) / (right - left) : 0;
        return from + Math.min(1, Math.max(0, part)) * (to - from);
      }
    }
    return bar.start;
  }

  /** Return where a step is: {x, top, bottom}. */
  placeOf(step) {
    const last = this.bars[this.bars.length - 1];
    const bar = this.bars.find((each) => step < each.end) ?? last;
    if (!bar) return undefined;
    const { anchors } = bar;
    const next = Math.max(1, anchors.findIndex(([to]) => to > step));
    const [[from, left], [to, right]] = [anchors[next - 1], anchors[next]];
    const part = to > from ? (Math.min(step, to) - from) / (to - from) : 0;
    return { x: left + part * (right - left), top: bar.top, bottom: bar.bottom, bar };
  }

  /** Return the rectangle of a voice in a bar; of all voices where `voice` is null. */
  cellOf(number, voice = null) {
    const bar = this.bars.find((each) => each.number === number);
    if (!bar) return undefined;
    const staff = voice === null ? bar : bar.staves.find((each) => each.voices.includes(voice));
    if (!staff) return undefined;
    const space = bar.staves[0].space;
    let top = staff.top - 1.5 * space;
    let bottom = staff.bottom + 1.5 * space;
    if (voice !== null && staff.voices.length > 1) {
      const height = (bottom - top) / staff.voices.length;
      top += height * staff.voices.indexOf(voice);
      bottom = top + height;
    }
    return { left: bar.left, right: bar.right, top, bottom };
  }

  /** Return the heights of a pitch on the staff of a voice, and of the ledger lines it needs. */
  heightOf(bar, voice, pitch, step) {
    const staff = bar.staves.find((each) => each.voices.includes(voice)) ?? bar.staves[0];
    const { place, sign } = spelled(pitch, keyAt(this.piece, step));
    const y = (each) => staff.bottom - ((each - staff.lowest) * staff.space) / 2;
    const ledgers = [];
    for (let line = staff.lowest - 2; line >= place; line -= 2) ledgers.push(y(line));
    for (let line = staff.lowest + 10; line <= place; line += 2) ledgers.push(y(line));
    return { y: y(place), ledgers, space: staff.space, sign };
  }
}

function stavesOf(element) {
  return [...element.children].filter((child) => child.classList.contains("staff"));
}

function linesOf(staff) {
  return [...staff.children].filter((child) => child.tagName === "path").slice(0, 5);
}

function lowestLine(clef, box, staff) {
  const href = clef.getAttribute("href") ?? clef.getAttribute("xlink:href") ?? "";
  const glyph = href.match(/#(E[0-9A-F]{3})/)?.[1];
  if (glyph === C_CLEF) {
    const line = Math.round((staff.bottom - (box.top + box.bottom) / 2) / staff.space);
    return MIDDLE_C - 2 * line;
  }
  return LOWEST_LINES[glyph] ?? G_CLEF_LINE;
}

/** Return where the music of a bar begins: after clef, key and metre. */
function beginOf(element, box, space, origin) {
  const signs = [...element.querySelectorAll(".clef, .keySig, .meterSig")]
    .map((sign) => boxOf(sign, origin))
    .filter((sign) => sign.left < box.left + (box.right - box.left) / 2 && sign.right > sign.left);
  return Math.max(box.left + space, ...signs.map((sign) => sign.right)) + 1.5 * space;
}
