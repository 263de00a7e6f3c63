// Mouse, pen and finger on the music: entering notes, choosing them, and dragging over bars.

import { voiceCount } from "./piece.js";

const DRAG_PX = 8;

export class Pointer {
  /**
   * @param page what to work with: `sheet`, `view()`, `ui`, `editor`, `overlay`, `seek(step)`.
   */
  constructor(page) {
    this.page = page;
    this.start = null;
    const { sheet } = page;
    sheet.addEventListener("pointerdown", (event) => this.down(event));
    sheet.addEventListener("pointermove", (event) => this.moved(event));
    sheet.addEventListener("pointerup", (event) => this.up(event));
    sheet.addEventListener("pointercancel", () => { this.start = null; });
    sheet.addEventListener("pointerleave", () => this.ghost(null));
  }

  hit(event) {
    const { sheet, ui } = this.page;
    const { left, top } = sheet.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const hit = this.page.view().geometry?.hit(x, y, ui.voice);
    return hit ? { ...hit, snapped: this.snapped(hit) } : undefined;
  }

  /** Return the step of a grid of the note value that is nearest, within the bar. */
  snapped({ bar, step }) {
    const piece = this.page.editor.piece;
    const value = this.page.ui.value * piece.steps_per_quarter;
    const grid = Math.max(1, Math.min(value, piece.steps_per_quarter));
    const last = Math.ceil((bar.end - bar.start) / grid) - 1;
    const index = Math.min(last, Math.max(0, Math.round((step - bar.start) / grid)));
    return bar.start + index * grid;
  }

  down(event) {
    if (event.button !== 0) return;
    this.start = { hit: this.hit(event), x: event.clientX, y: event.clientY, dragging: false };
  }

  moved(event) {
    if (!this.start) {
      if (event.pointerType === "mouse" && this.page.ui.writing) this.ghost(this.hit(event));
      return;
    }
    const far = Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y) > DRAG_PX;
    // A finger that moves scrolls; bars are chosen by their numbers there.
    if (event.pointerType === "touch" || this.page.ui.writing) return;
    if (far) this.start.dragging = true;
    if (this.start.dragging) this.drag(this.hit(event));
  }

  drag(hit) {
    const { ui, editor } = this.page;
    const from = this.start.hit;
    if (!hit?.bar || !from?.bar) return;
    const voices = [from.voice, hit.voice];
    const all = voiceCount(editor.piece) - 1;
    const whole = Math.min(...voices) === 0 && Math.max(...voices) === all;
    const sameSystem = from.bar.top === hit.bar.top && hit.staff;
    ui.set({
      bars: { from: from.bar.number, to: hit.bar.number,
        voices: whole || !sameSystem ? null : voices },
      note: null,
    });
  }

  up(event) {
    const { start } = this;
    this.start = null;
    if (!start) return;
    const { editor, ui } = this.page;
    if (start.dragging) {
      editor.say(editor.selectionInWords());
      return;
    }
    const far = Math.hypot(event.clientX - start.x, event.clientY - start.y) > DRAG_PX;
    const hit = this.hit(event);
    if (!hit?.bar || (far && event.pointerType === "touch")) return;
    if (event.shiftKey) this.selectTo(hit.bar.number);
    else if (hit.head) this.choose(hit.head);
    else if (ui.writing) this.write(hit);
    else {
      ui.set({ bars: null });
      editor.caretTo(hit.snapped, hit.voice);
      this.page.seek(hit.snapped);
    }
  }

  selectTo(bar) {
    const { ui, editor } = this.page;
    const from = ui.bars?.from ?? editor.barOfCaret();
    editor.select({ from, to: bar, voices: null });
  }

  choose({ onset, voice, pitch }) {
    const { editor, ui, seek } = this.page;
    const note = editor.piece.notes.find(
      (each) => each[0] === onset && each[3] === voice && each[2] === pitch
    );
    if (!note) return;
    ui.set({ note, voice, step: onset });
    editor.say(editor.describe(note));
    editor.heard(pitch, voice);
    seek(onset);
  }

  write(hit) {
    const { editor, ui } = this.page;
    this.ghost(null);
    if (ui.bars) ui.set({ bars: null });
    editor.enter(hit.pitch, { step: hit.snapped, voice: hit.voice });
  }

  ghost(hit) {
    const { overlay, view } = this.page;
    const free = hit && hit.bar && !hit.head ? hit : null;
    overlay.showGhost(view(), free, hit?.snapped, hit?.voice, hit?.pitch);
  }
}
