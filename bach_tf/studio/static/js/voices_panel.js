// The list of voices, with mute, solo and lock for each.

import { make } from "./dom.js";
import { isLocked } from "./locks.js";
import { barsOf, voiceCount, voiceName } from "./piece.js";
import { icon } from "./svg.js";

export class VoicesPanel {
  constructor(list, editor, player) {
    Object.assign(this, { list, editor, player });
    this.rows = [];
  }

  show({ piece, locks }) {
    const count = voiceCount(piece);
    if (this.rows.length !== count) this.build(count);
    this.rows.forEach((row, voice) => {
      const name = voiceName(piece, voice);
      const bars = barsOf(piece).filter((bar) => isLocked(locks, voice, bar.number)).length;
      row.name.textContent = name;
      row.name.title = `Write in ${name}`;
      row.name.setAttribute("aria-current", this.editor.ui.voice === voice);
      row.some.textContent = bars && !locks.voices.includes(voice) ? `${bars} locked` : "";
      this.press(row.mute, this.player.muted.has(voice), `Mute ${name}`);
      this.press(row.solo, this.player.soloed.has(voice), `Solo ${name}`);
      const locked = locks.voices.includes(voice);
      this.press(row.lock, locked, `Lock ${name}`);
      row.lock.replaceChildren(icon(locked ? "locked" : "unlocked"));
    });
  }

  press(button, pressed, label) {
    button.setAttribute("aria-pressed", pressed);
    button.setAttribute("aria-label", label);
    button.title = label;
  }

  build(count) {
    this.rows = Array.from({ length: count }, (_, voice) => this.row(voice));
    this.list.replaceChildren(...this.rows.map((row) => row.element));
  }

  row(voice) {
    const button = (text, action) => {
      const made = make("button", { type: "button", className: "square" }, text);
      made.addEventListener("click", () => {
        action(made.getAttribute("aria-pressed") !== "true");
        this.show(this.editor.store.state);
      });
      return made;
    };
    const name = make("button", { type: "button", className: `name voice-${voice % 4}` });
    name.addEventListener("click", () => this.editor.caretTo(this.editor.ui.step, voice));
    const some = make("span", { className: "unit" });
    const mute = button("M", (on) => this.player.setMuted(voice, on));
    const solo = button("S", (on) => this.player.setSoloed(voice, on));
    const lock = button("", () => this.editor.lockVoice(voice));
    const element = make("li", {}, name, some, mute, solo, lock);
    return { element, name, some, mute, solo, lock };
  }
}
