// What lies over the music: locked and selected bars, the caret, the note to be, the moving cursor.

import { icon, svg } from "./svg.js";
import { isLocked } from "./locks.js";
import { barsOf, keyAt, voiceCount, voiceName } from "./piece.js";
import { nameOf } from "./notes.js";

const BUTTON_PX = 22;

export class Overlay {
  constructor(layer, buttons) {
    this.layer = layer;
    this.buttons = buttons;
    this.marks = svg("g");
    this.ghost = svg("g", { class: "ghost" });
    this.cursor = svg("line", { class: "cursor", visibility: "hidden" });
    const hatch = svg("pattern", {
      id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    }, svg("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 6 }));
    layer.append(svg("defs", {}, hatch), this.marks, this.ghost, this.cursor);
  }

  /** Draw locks, selection and caret of a state over a view. */
  draw(view, { piece, locks }, ui) {
    const shown = view.geometry;
    if (!shown) {
      this.marks.replaceChildren();
      this.buttons.replaceChildren();
      return;
    }
    const { scrollWidth, scrollHeight } = view.sheet;
    this.layer.setAttribute("width", scrollWidth);
    this.layer.setAttribute("height", scrollHeight);
    const locked = this.locked(shown, piece, locks);
    const selected = this.selected(shown, piece, ui);
    this.marks.replaceChildren(...locked, ...selected, ...this.caret(shown, ui));
    this.drawButtons(shown, piece, locks, ui);
  }

  locked(shown, piece, locks) {
    const drawn = [];
    for (const { number } of barsOf(piece)) {
      for (let voice = 0; voice < voiceCount(piece); voice += 1) {
        const box = isLocked(locks, voice, number) && shown.cellOf(number, voice);
        if (box && !shown.heads[0]?.element.classList.contains("roll-note")) {
          drawn.push(rectangle(box, "locked-cell"), padlock(box));
        }
      }
    }
    return drawn;
  }

  selected(shown, piece, ui) {
    const voices = ui.bars?.voices ? ui.selectedVoices(piece) : [null];
    const boxes = ui.selectedBars(piece).flatMap((number) =>
      voices.map((voice) => shown.cellOf(number, voice))
    );
    return boxes.filter(Boolean).map((box) => rectangle(box, "selected-cell"));
  }

  caret(shown, ui) {
    const place = shown.placeOf(ui.step);
    if (!place?.bar) return [];
    const staff = place.bar.staves?.find((each) => each.voices.includes(ui.voice));
    const { top, bottom } = staff ?? place;
    const reach = staff ? staff.space * 2 : 0;
    const kind = ui.writing ? "caret" : "caret resting";
    const shape = { x1: place.x, x2: place.x, y1: top - reach, y2: bottom + reach };
    return [svg("line", { class: kind, ...shape })];
  }

  /** Show the note that a click would enter, with its name. */
  showGhost(view, hit, step, voice, pitch) {
    if (!hit) return this.ghost.replaceChildren();
    const shown = view.geometry;
    const { x } = shown.placeOf(step);
    const { y, ledgers, space } = shown.heightOf(hit.bar, voice, pitch, step);
    const name = nameOf(pitch, keyAt(shown.piece, step));
    const lines = ledgers.map((height) =>
      svg("line", { x1: x - space, x2: x + space, y1: height, y2: height })
    );
    const head = svg("ellipse", { cx: x, cy: y, rx: space * 0.62, ry: space * 0.45 });
    const label = svg("text", { x: x + space * 1.2, y: y - space * 0.8 }, name);
    return this.ghost.replaceChildren(...lines, head, label);
  }

  /** Move the cursor of the player; `null` hides it. */
  moveCursor(view, step) {
    const place = step === null ? undefined : view.geometry?.placeOf(step);
    this.cursor.setAttribute("visibility", place ? "visible" : "hidden");
    if (!place) return;
    const shape = { x1: place.x, x2: place.x, y1: place.top - 12, y2: place.bottom + 12 };
    for (const [key, value] of Object.entries(shape)) this.cursor.setAttribute(key, value);
  }

  /** A button with the number of each bar, above it; arrow keys go from one to the next. */
  drawButtons(shown, piece, locks, ui) {
    const selected = ui.selectedBars(piece);
    const known = new Map([...this.buttons.children].map((each) => [each.dataset.bar, each]));
    const buttons = shown.bars.map((bar) => {
      const button = known.get(String(bar.number)) ?? document.createElement("button");
      button.type = "button";
      button.dataset.bar = bar.number;
      button.textContent = bar.number;
      const on = selected.includes(bar.number);
      button.setAttribute("aria-pressed", on);
      button.setAttribute("aria-label", barInWords(bar.number, piece, locks));
      button.style.left = `${bar.left}px`;
      button.style.top = `${Math.max(0, (bar.above ?? bar.top) - BUTTON_PX)}px`;
      button.style.width = `${Math.max(24, bar.right - bar.left - 2)}px`;
      button.tabIndex = -1;
      return button;
    });
    const current = buttons.find((b) => b === document.activeElement) ??
      buttons.find((b) => b.getAttribute("aria-pressed") === "true") ?? buttons[0];
    if (current) current.tabIndex = 0;
    // Only what is new or gone moves, so that a button in focus keeps it.
    const same = buttons.length === this.buttons.children.length &&
      buttons.every((button, index) => this.buttons.children[index] === button);
    if (!same) this.buttons.replaceChildren(...buttons);
  }
}

function rectangle({ left, right, top, bottom }, kind) {
  return svg("rect", {
    class: kind, x: left + 1, y: top, width: Math.max(0, right - left - 2), height: bottom - top,
    rx: 3,
  });
}

function padlock({ right, top }) {
  const drawn = icon("locked");
  const place = { x: right - 15, y: top - 1, width: 13, height: 13, class: "icon padlock" };
  for (const [key, value] of Object.entries(place)) drawn.setAttribute(key, value);
  return drawn;
}

function barInWords(number, piece, locks) {
  const bar = number === 0 ? "Upbeat (bar 0)" : `Bar ${number}`;
  const voices = Array.from({ length: voiceCount(piece) }, (_, voice) => voice);
  const locked = voices.filter((voice) => isLocked(locks, voice, number));
  if (!locked.length) return bar;
  const all = locked.length === voices.length;
  const names = all ? "all voices" : locked.map((v) => voiceName(piece, v)).join(", ");
  return `${bar}, locked: ${names}`;
}
