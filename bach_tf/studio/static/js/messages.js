// What the page says: sentences one sees, and short words for a screen reader.

import { make } from "./dom.js";

const NOTE_MS = 8000;

export class Messages {
  constructor(area, said) {
    this.area = area;
    this.said = said;
    this.kept = new Map();
  }

  /** Say something to a screen reader only; the same words twice are said twice. */
  say(words) {
    if (!words) return;
    this.said.textContent = this.said.textContent === words ? `${words}\u00a0` : words;
  }

  /** Show a sentence until it is dismissed; one with the same name replaces it. */
  show(sentence, { kind = "error", name = sentence, passing = false } = {}) {
    this.drop(name);
    const close = make("button", { type: "button", className: "square", "aria-label": "Dismiss" });
    close.textContent = "×";
    const message = make("div", { className: `message ${kind}` }, make("p", {}, sentence), close);
    close.addEventListener("click", () => this.drop(name));
    this.area.append(message);
    this.kept.set(name, message);
    if (passing) setTimeout(() => this.kept.get(name) === message && this.drop(name), NOTE_MS);
  }

  error(error, name) {
    if (error?.name === "AbortError") return;
    this.show(error.message || String(error), { name });
  }

  note(sentence, name) {
    this.show(sentence, { kind: "note", name, passing: true });
  }

  drop(name) {
    this.kept.get(name)?.remove();
    this.kept.delete(name);
  }
}
