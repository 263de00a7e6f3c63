// Title, key, metre, upbeat, tempo and number of bars: fields that show the piece and change it.

import { byId, make } from "./dom.js";
import { keyName } from "./notes.js";
import * as music from "./piece.js";

const METRES = ["4/4", "3/4", "2/4", "2/2", "3/2", "6/8", "9/8", "12/8", "3/8", "6/4"];
const UPBEATS = [
  [0, "none"], [0.25, "a sixteenth"], [0.5, "an eighth"], [1, "a quarter"],
  [1.5, "a dotted quarter"], [2, "a half"], [3, "a dotted half"],
];

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}

/** Choose a value of a list, which gains it if it is not there. */
function choose(select, value, text = value) {
  if (![...select.options].some((option) => option.value === String(value))) {
    select.append(make("option", { value }, text));
  }
  select.value = String(value);
}

/** Fill the lists of key, metre and upbeat with an id before their names. */
export function fillLists(before = "") {
  const keys = Array.from({ length: 15 }, (_, index) => [index - 7, keyName(index - 7)]);
  fill(byId(`${before}key`), keys);
  fill(byId(`${before}metre`), METRES.map((metre) => [metre, metre]));
  fill(byId(`${before}upbeat`), UPBEATS);
  byId(`${before}key`).value = "0";
}

export const metreOf = (text) => text.split("/").map(Number);

/** Return a whole number of a field within its bounds, or undefined. */
function numberOf(field) {
  const number = Number(field.value);
  const known = field.value !== "" && Number.isFinite(number);
  return known ? Math.min(Number(field.max), Math.max(Number(field.min), number)) : undefined;
}

export class Settings {
  constructor(editor) {
    this.editor = editor;
    fillLists();
    this.on("title", (field) => [music.withTitle(this.piece, field.value.trim()), "title"]);
    this.on("key", (field) => [music.withKey(this.piece, Number(field.value)), "key"]);
    this.on("metre", (field) => [music.withMetre(this.piece, metreOf(field.value)), "metre"]);
    this.on("upbeat", (field) => {
      const steps = Math.round(Number(field.value) * this.piece.steps_per_quarter);
      return [music.withUpbeat(this.piece, steps), "upbeat"];
    });
    this.on("tempo", (field) => {
      const tempo = numberOf(field);
      return tempo && [music.withTempo(this.piece, tempo), "tempo"];
    });
    this.on("bars", (field) => {
      const bars = numberOf(field);
      return bars && [music.withBars(this.piece, Math.round(bars)), "number of bars"];
    });
  }

  get piece() {
    return this.editor.piece;
  }

  on(id, change) {
    byId(id).addEventListener("change", (event) => {
      const changed = change(event.target);
      if (!changed || !this.editor.edit(...changed)) this.show(this.piece);
    });
  }

  show(piece) {
    const [, beats, value] = music.metreAt(piece, 0);
    const quarters = piece.upbeat / piece.steps_per_quarter;
    byId("title").value = piece.title;
    choose(byId("key"), music.keyAt(piece, 0));
    choose(byId("metre"), `${beats}/${value}`);
    choose(byId("upbeat"), quarters, `${Number(quarters.toFixed(2))} quarters`);
    byId("tempo").value = Math.round(music.tempoOf(piece));
    byId("bars").value = music.barsOf(piece).filter((bar) => bar.number > 0).length;
    const free = piece.timing !== "beats";
    for (const id of ["key", "metre", "upbeat", "tempo", "bars"]) byId(id).disabled = free;
    document.title = `${piece.title || "Studio"} – bach_tf`;
  }
}
