// Play, pause, loop, the position, and the cursor that moves with the sound.

import { byId, settled } from "./dom.js";
import { barsOf, isEmpty, placeName } from "./piece.js";

const SETTLED_MS = 250;
const MARGIN_PX = 90;

export class Transport {
  /** @param page `store`, `ui`, `player`, `overlay`, `messages`, `view()`. */
  constructor(page) {
    this.page = page;
    this.sounding = null; // the onset of what sounds now
    this.again = settled(() => this.replay(), SETTLED_MS);
    const { player, ui } = page;
    byId("play").addEventListener("click", () => this.toggle());
    byId("to-start").addEventListener("click", () => this.toStart());
    byId("loop").addEventListener("click", () => this.toggleLoop());
    byId("position").addEventListener("input", (event) => this.slide(Number(event.target.value)));
    player.addEventListener("position", ({ detail }) => this.at(detail));
    player.addEventListener("state", () => this.showState());
    player.addEventListener("ended", () => this.ended());
    this.loopSpan = null;
    ui.addEventListener("change", () => this.loopChanged());
  }

  get piece() {
    return this.page.store.state.piece;
  }

  /** Return what is repeated: the selection, or all of the piece. */
  loop() {
    const { ui } = this.page;
    if (!ui.looping) return null;
    return ui.span(this.piece) ?? { start: 0, end: this.piece.length };
  }

  toggle() {
    if (this.page.player.active) this.pause();
    else this.play();
  }

  play() {
    const { ui, messages } = this.page;
    if (isEmpty(this.piece)) {
      messages.note("There is nothing to play yet. Write or open a melody first.", "play");
      return;
    }
    const last = Math.max(...this.piece.notes.map(([onset, duration]) => onset + duration));
    const from = ui.step >= last ? 0 : ui.step;
    this.start(ui.looping || !ui.bars ? from : ui.span(this.piece).start);
  }

  start(step) {
    const { player, messages } = this.page;
    this.loopSpan = JSON.stringify(this.loop());
    player.play(this.piece, step, this.loop()).catch((error) => messages.error(error, "play"));
  }

  pause() {
    const step = this.page.player.stop();
    this.hide();
    if (step !== null) this.page.ui.set({ step, note: null });
  }

  stop() {
    this.page.player.stop();
    this.hide();
  }

  ended() {
    this.hide();
    this.page.ui.set({ step: 0, note: null });
  }

  hide() {
    const { overlay, view, ui } = this.page;
    this.sounding = null;
    overlay.moveCursor(view(), null);
    view().light(null, ui.note);
  }

  toStart() {
    this.page.ui.set({ step: 0, note: null });
    this.seek(0);
  }

  /** Go on playing from a step, if it plays. */
  seek(step) {
    const { player } = this.page;
    if (!player.active) return;
    player.stop();
    this.start(step);
  }

  slide(step) {
    this.page.ui.set({ step, note: null });
    this.seek(step);
  }

  toggleLoop() {
    const { ui } = this.page;
    ui.set({ looping: !ui.looping });
  }

  /** A loop, or what it is of, has changed: the sound follows. */
  loopChanged() {
    const { player } = this.page;
    if (!player.playing || JSON.stringify(this.loop()) === this.loopSpan) return;
    this.loopSpan = JSON.stringify(this.loop());
    this.again();
  }

  /** The piece has changed: what plays is replaced at the place where it is. */
  changed() {
    const { player } = this.page;
    if (player.playing && player.playing.piece !== this.piece) this.again();
  }

  replay() {
    const { player } = this.page;
    if (!player.playing) return;
    if (isEmpty(this.piece)) this.stop();
    else this.start(player.step());
  }

  at(step) {
    const { overlay, view, ui } = this.page;
    overlay.moveCursor(view(), step);
    const onsets = this.piece.notes.map((note) => note[0]).filter((onset) => onset <= step);
    const sounding = onsets.length ? onsets[onsets.length - 1] : null;
    if (sounding !== this.sounding) {
      this.sounding = sounding;
      view().light(sounding, ui.note);
    }
    const whole = Math.floor(step);
    if (whole !== Number(byId("position").value)) this.showPlace(whole);
    this.follow(step);
  }

  /** Scroll so that the cursor stays in sight, once for each system. */
  follow(step) {
    const { view } = this.page;
    const place = view().geometry?.placeOf(step);
    if (!place) return;
    const sheet = view().sheet.getBoundingClientRect();
    const score = byId("score");
    const x = place.x - score.scrollLeft;
    if (x > score.clientWidth - MARGIN_PX / 2 || x < 0) score.scrollLeft = place.x - MARGIN_PX;
    if (place.top === this.followed) return;
    this.followed = place.top;
    const [top, bottom] = [sheet.top + place.top, sheet.top + place.bottom];
    const transport = byId("play").closest("footer").getBoundingClientRect().top;
    if (bottom > transport - 10 || top < 0) {
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      window.scrollBy({ top: top - MARGIN_PX, behavior: still ? "auto" : "smooth" });
    }
  }

  showPlace(step) {
    const at = Math.min(step, Math.max(0, this.piece.length - 1));
    byId("position").value = at;
    const words = placeName(this.piece, at);
    byId("position").setAttribute("aria-valuetext", words);
    const [bar, beat] = words.split(", ");
    const whole = this.page.player.playing ? beat.replace(/\.\d+/, "") : beat;
    const of = bar === "upbeat" ? "" : ` of ${lastBar(this.piece)}`;
    byId("where").textContent = `${bar}${of}, ${whole}`;
  }

  showState() {
    const { player } = this.page;
    const { active } = player;
    byId("play-icon").setAttribute("href", active ? "#icon-pause" : "#icon-play");
    const preparing = active && !player.playing;
    byId("play-text").textContent = preparing ? "Preparing…" : active ? "Pause" : "Play";
    byId("play").dataset.state = preparing ? "preparing" : active ? "playing" : "stopped";
  }

  show() {
    const { ui, player } = this.page;
    byId("loop").setAttribute("aria-pressed", ui.looping);
    const span = ui.span(this.piece);
    byId("loop").title = span ? "Repeat the selected bars" : "Repeat the whole piece";
    byId("position").max = Math.max(1, this.piece.length - 1);
    if (!player.playing) this.showPlace(ui.step);
  }
}

function lastBar(piece) {
  const bars = barsOf(piece);
  return bars[bars.length - 1].number;
}
