// The engraved score: asks for the picture, shows it, and knows where everything is in it.

import { Geometry } from "./geometry.js";
import { markParallels } from "./parallels.js";
import { picture } from "./svg.js";

const NARROW_PX = 600;

export class ScoreView {
  constructor(sheet, api) {
    this.sheet = sheet;
    this.api = api;
    this.layout = "parts";
    this.zoom = 1;
    this.geometry = null;
  }

  /** Return the width to fill: that of the place, whatever is in it now. */
  get width() {
    return this.sheet.closest(".score").clientWidth;
  }

  get scale() {
    const usual = this.width < NARROW_PX ? 34 : 44;
    return Math.round(usual * this.zoom);
  }

  /** Engrave and show a piece; rejects with an AbortError if another is shown meanwhile. */
  async show({ piece, given, facts }, marks) {
    this.request?.abort();
    this.request = new AbortController();
    const engraving = await this.api.ask(
      "/api/engrave",
      { piece, given, layout: this.layout, width: this.width, scale: this.scale },
      this.request.signal
    );
    const drawn = picture(engraving.svg);
    drawn.setAttribute("aria-hidden", "true");
    this.sheet.replaceChildren(drawn);
    this.geometry = new Geometry(drawn, engraving, piece, this.sheet);
    this.seconds = engraving.seconds;
    this.mark(marks ?? facts?.parallels ?? []);
    return this.geometry;
  }

  /** Show nothing, rather than a picture of another piece. */
  clear() {
    this.sheet.replaceChildren();
    this.geometry = null;
  }

  /** Mark the notes of parallel fifths and octaves. */
  mark(parallels) {
    markParallels(this.geometry.heads, this.geometry.piece, parallels);
  }

  /** Light up the notes that sound at a step, and the one that is selected. */
  light(step, selected) {
    for (const { element, onset, voice } of this.geometry?.heads ?? []) {
      element.classList.toggle("sounding", step !== null && onset === step);
      const chosen = selected && selected[0] === onset && selected[3] === voice;
      element.classList.toggle("selected", Boolean(chosen));
    }
  }
}
