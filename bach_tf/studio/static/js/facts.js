// What was measured of the piece in plain words: nats, grade, and the faults of part-writing.

import { make, settled } from "./dom.js";
import { placeName, voiceCount, voiceName } from "./piece.js";

const WAIT_MS = 700;
const WORDS = {
  doubled_leading_notes: ["doubled leading note", "doubled leading notes"],
  crossings: ["crossing of voices", "crossings of voices"],
  out_of_range: ["note out of range", "notes out of range"],
};

/** Return "no parallels" or how many there are. */
export function parallelsInWords({ faults }) {
  const { parallel_fifths: fifths, parallel_octaves: octaves } = faults;
  const found = [[fifths, "parallel fifth"], [octaves, "parallel octave"]]
    .filter(([count]) => count)
    .map(([count, name]) => `${count} ${name}${count === 1 ? "" : "s"}`);
  return found.join(", ") || "no parallels";
}

/** Return the faults other than parallels in words, [] if there are none. */
export function faultsInWords({ faults }) {
  const found = Object.entries(WORDS)
    .filter(([name]) => faults[name])
    .map(([name, [one, many]]) => `${faults[name]} ${faults[name] === 1 ? one : many}`);
  return faults.no_cadence ? [...found, "no cadence on the tonic at the end"] : found;
}

const number = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));

/** Return nats and grade in words. */
export function measuresInWords({ nats_per_token: nats, grade }) {
  const known = [];
  if (nats !== null && nats !== undefined) known.push(`${number(nats, 3)} nats`);
  if (grade !== null && grade !== undefined) known.push(`grade ${number(grade, 1)}`);
  return known.join(" · ");
}

export class Facts extends EventTarget {
  constructor(api, panel, list, goTo) {
    super();
    Object.assign(this, { api, panel, list, goTo });
    this.measured = new WeakMap();
    this.measureSoon = settled((piece) => this.measure(piece), WAIT_MS);
  }

  /** Return what is known of the piece of a state, or null. */
  of({ piece, versions, shown }) {
    return (shown === null ? undefined : versions[shown]?.facts) ?? this.measured.get(piece) ?? null;
  }

  show(state) {
    const { piece } = state;
    const facts = this.of(state);
    this.panel.hidden = !facts?.faults;
    if (facts?.faults) this.list.replaceChildren(...this.entries(facts, piece));
    else if (voiceCount(piece) === 4 && piece.notes.length) this.measureSoon(piece);
  }

  async measure(piece) {
    try {
      this.measured.set(piece, await this.api.ask("/api/measure", { piece }));
      this.dispatchEvent(new CustomEvent("measured", { detail: piece }));
    } catch {
      // A piece in which there is nothing to measure, such as one of chords: no table then.
    }
  }

  entries(facts, piece) {
    const entry = (name, ...value) => [make("dt", {}, name), make("dd", {}, ...value)];
    const others = faultsInWords(facts);
    const rows = [entry("Parallels", parallelsInWords(facts), ...this.places(facts, piece))];
    if (others.length) rows.push(entry("Also", others.join("; ")));
    if (facts.nats_per_token !== null && facts.nats_per_token !== undefined) {
      rows.push(entry("Nats a note", `${number(facts.nats_per_token, 3)} (less is more usual)`));
    }
    if (facts.grade !== null && facts.grade !== undefined) {
      rows.push(entry("Grade", `${number(facts.grade, 1)} (Bach: about 6.5; less is closer)`));
    }
    return rows.flat();
  }

  /** Return a button for each parallel, which goes to it. */
  places({ parallels = [] }, piece) {
    return parallels.map(({ kind, voices, step }) => {
      const names = voices.map((voice) => voiceName(piece, voice)).join(" and ");
      const text = `${placeName(piece, step)}: ${kind}s, ${names}`;
      const button = make("button", { type: "button", className: "link" }, text);
      button.addEventListener("click", () => this.goTo(step));
      return button;
    });
  }
}
