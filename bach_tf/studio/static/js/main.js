// The page: brings its parts together. Each has a file of its own and knows nothing of the others.

import { Api } from "./api.js";
import { Compose } from "./compose.js";
import { asked, byId, make, settled } from "./dom.js";
import { Editor } from "./editor.js";
import { Facts } from "./facts.js";
import { Files } from "./files.js";
import { helpText } from "./help.js";
import { listenToKeys } from "./keyboard.js";
import { fragmentOf, heldBy } from "./link.js";
import { Messages } from "./messages.js";
import { MidiInput } from "./midi_input.js";
import { durationName } from "./notes.js";
import { Overlay } from "./overlay.js";
import * as music from "./piece.js";
import { Player } from "./player.js";
import { Pointer } from "./pointer.js";
import { RollView } from "./roll_view.js";
import { ScoreView } from "./score_view.js";
import { Settings, fillLists, metreOf } from "./settings.js";
import { Store, stateOf } from "./store.js";
import { icon } from "./svg.js";
import { Transport } from "./transport.js";
import { Ui } from "./ui.js";
import { VersionsPanel } from "./versions_panel.js";
import { VoicesPanel } from "./voices_panel.js";

const VALUES = [["whole", 4], ["half", 2], ["quarter", 1], ["eighth", 0.5], ["sixteenth", 0.25]];
const RESIZED_MS = 150;

function storage() {
  try {
    return window.localStorage;
  } catch {
    return null; // forbidden by the browser's settings
  }
}

class Page {
  constructor() {
    this.messages = new Messages(byId("messages"), byId("said"));
    this.api = new Api();
    this.store = new Store(storage());
    this.ui = new Ui();
    this.ui.writing = music.isEmpty(this.store.state.piece);
    const say = (words) => this.messages.say(words);
    const refuse = (words) => this.messages.note(words, "refused");
    this.editor = new Editor(this.store, this.ui, say, refuse);
    this.player = new Player(this.api);
    this.editor.heard = (pitch, voice) => this.preview(pitch, voice);
    this.sheet = byId("sheet");
    this.views = { score: new ScoreView(this.sheet, this.api), roll: new RollView(this.sheet) };
    this.shownView = "score";
    this.overlay = new Overlay(byId("overlay"), byId("bar-buttons"));
    this.build();
    this.listen();
  }

  view() {
    return this.views[this.shownView];
  }

  build() {
    const { store, ui, api, messages, editor, player, sheet, overlay } = this;
    const page = { store, ui, api, messages, editor, player, sheet, overlay };
    this.transport = new Transport({ ...page, view: () => this.view() });
    this.pointer = new Pointer({
      ...page, view: () => this.view(), seek: (step) => this.transport.seek(step),
    });
    this.settings = new Settings(editor);
    this.voices = new VoicesPanel(byId("voices"), editor, player);
    this.facts = new Facts(api, byId("facts-panel"), byId("facts"), (step) => this.goTo(step));
    const listenTo = (index) => this.listenTo(index);
    this.versions = new VersionsPanel({ ...page, listen: listenTo });
    this.compose = new Compose(page);
    this.files = new Files(page, byId("score"));
    this.midi = new MidiInput((pitch) => editor.enter(pitch));
  }

  listen() {
    this.listenToTools();
    this.listenToViews();
    this.listenToBars();
    this.listenToServer();
    this.store.addEventListener("change", () => this.changed());
    this.ui.addEventListener("change", () => this.showUi());
    this.facts.addEventListener("measured", ({ detail }) => {
      if (detail !== this.store.state.piece) return;
      this.view().mark(this.facts.of(this.store.state)?.parallels ?? []);
      this.facts.show(this.store.state);
    });
    window.addEventListener("hashchange", () => this.openLink());
    listenToKeys(byId("score"), this.editor, this.ui, {
      play: () => this.transport.toggle(),
      escape: () => this.escape(),
      undo: () => this.undo(),
      redo: () => this.redo(),
      open: () => this.files.choose(),
      save: () => this.files.save(),
      help: () => byId("help").click(),
      harmonize: () => this.compose.start("harmonize"),
      rewrite: () => this.compose.start("rewrite"),
    });
  }

  listenToTools() {
    const { editor, ui } = this;
    const click = (id, action) => byId(id).addEventListener("click", action);
    for (const [name, quarters] of VALUES) {
      const label = durationName(quarters);
      const button = make("button", { type: "button", className: "square", "aria-label": label, title: label }, icon(name));
      button.dataset.value = quarters;
      button.addEventListener("click", () => editor.setValue(quarters));
      byId("values").append(button);
    }
    click("write", () => ui.set({ writing: !ui.writing, note: null }));
    click("dot", () => editor.setDotted(!ui.dotted));
    click("rest", () => editor.rest());
    click("tie", () => editor.tie());
    click("flat", () => editor.move({ semitones: -1 }));
    click("sharp", () => editor.move({ semitones: 1 }));
    click("delete", () => editor.remove());
    click("midi", () => this.toggleMidi());
    click("undo", () => this.undo());
    click("redo", () => this.redo());
    click("new", () => this.begin());
    click("link", () => this.copyLink());
    click("lock", () => editor.lockSelection());
    click("unselect", () => ui.set({ bars: null }));
    byId("help-text").append(...helpText());
    click("help", () => asked(byId("help-dialog")));
    fillLists("new-");
    this.midi.addEventListener("change", () => this.showMidi());
  }

  listenToViews() {
    const buttons = [...document.querySelectorAll("[data-view]")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const { view } = button.dataset;
        this.shownView = view === "roll" ? "roll" : "score";
        if (view !== "roll") this.views.score.layout = view;
        buttons.forEach((each) => each.setAttribute("aria-pressed", each === button));
        this.showMusic();
      });
    }
    const zoom = (factor) => {
      const { score } = this.views;
      score.zoom = Math.min(2.5, Math.max(0.5, score.zoom * factor));
      this.showMusic();
    };
    byId("larger").addEventListener("click", () => zoom(1.15));
    byId("smaller").addEventListener("click", () => zoom(1 / 1.15));
    const place = byId("score");
    let width = place.clientWidth;
    const resized = settled(() => this.showMusic(), RESIZED_MS);
    new ResizeObserver(() => {
      if (place.clientWidth === width) return;
      width = place.clientWidth;
      resized();
    }).observe(place);
  }

  listenToBars() {
    const bars = byId("bar-buttons");
    bars.addEventListener("click", (event) => {
      const bar = Number(event.target.dataset.bar);
      if (Number.isNaN(bar)) return;
      const { bars: chosen } = this.ui;
      const same = chosen && !chosen.voices && chosen.from === bar && chosen.to === bar;
      if (same && !event.shiftKey) this.ui.set({ bars: null });
      else if (event.shiftKey || this.extends(bar)) {
        this.editor.select({ from: chosen?.from ?? bar, to: bar, voices: null });
      } else this.editor.select({ from: bar, to: bar, voices: null });
    });
    bars.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const all = [...bars.children];
      const next = all[all.indexOf(document.activeElement) + by];
      if (!next) return;
      all.forEach((each) => { each.tabIndex = each === next ? 0 : -1; });
      next.focus();
      if (event.shiftKey) {
        const bar = Number(next.dataset.bar);
        this.editor.select({ from: this.ui.bars?.from ?? bar - by, to: bar, voices: null });
      }
    });
  }

  /** Whether a tap on a bar extends the selection: it is the neighbour of one that is selected. */
  extends(bar) {
    if (!this.ui.bars) return false;
    const numbers = this.ui.selectedBars(this.store.state.piece);
    return bar === numbers[0] - 1 || bar === numbers[numbers.length - 1] + 1;
  }

  listenToServer() {
    this.api.addEventListener("gone", () => {
      this.messages.show(
        "The studio’s program does not answer. Your piece is safe in this page; it goes on by " +
          "itself when the program is back. To start it again: bach-tf studio",
        { name: "gone" }
      );
    });
    this.api.addEventListener("back", () => {
      this.messages.drop("gone");
      this.messages.note("The studio’s program is back.", "back");
      this.loadRuns();
    });
  }

  async begin() {
    if ((await asked(byId("new-dialog"))) !== "ok") return;
    const metre = metreOf(byId("new-metre").value);
    const quarters = Number(byId("new-upbeat").value);
    const piece = music.emptyPiece({
      metre,
      key: Number(byId("new-key").value),
      tempo: Number(byId("new-tempo").value) || 80,
      bars: Number(byId("new-bars").value) || 8,
    });
    this.ui.set({ writing: true, note: null, bars: null, step: 0, voice: 0 });
    this.store.commit(stateOf(music.withUpbeat(piece, quarters * piece.steps_per_quarter)), "new melody");
    byId("score").focus();
  }

  undo() {
    this.messages.say(this.store.undo() ?? "Nothing to undo.");
  }

  redo() {
    this.messages.say(this.store.redo() ?? "Nothing to do again.");
  }

  escape() {
    if (this.player.active) this.transport.stop();
    else this.ui.set({ note: null, bars: null });
  }

  goTo(step) {
    this.ui.set({ writing: false });
    this.editor.caretTo(step);
    this.transport.seek(step);
  }

  /** Hear a version where the music is now, and see it. */
  listenTo(index) {
    if (this.store.state.shown !== index) this.versions.choose(index);
    if (!this.player.active) this.transport.toggle();
  }

  preview(pitch, voice) {
    const part = this.store.state.piece.parts[voice] ?? {};
    this.player.preview(pitch, part).catch(() => {}); // a note unheard is no reason to stop writing
  }

  async toggleMidi() {
    if (this.midi.listening) return this.midi.stop();
    try {
      await this.midi.start();
    } catch (error) {
      this.messages.error(error, "midi");
    }
    return undefined;
  }

  showMidi() {
    const { listening, names } = this.midi;
    byId("midi").setAttribute("aria-pressed", listening);
    if (!listening) return;
    const found = names.length ? `Listening to ${names.join(", ")}.` : "No MIDI keyboard is connected yet; it is listened to as soon as it is.";
    this.messages.note(found, "midi");
    if (!this.ui.writing) this.ui.set({ writing: true });
  }

  async copyLink() {
    const { piece, locks, given } = this.store.state;
    const link = location.href.split("#")[0] + (await fragmentOf({ piece, locks, given }));
    try {
      await navigator.clipboard.writeText(link);
      this.messages.note("The link is copied. It holds the whole piece; nothing is stored elsewhere.", "link");
    } catch {
      history.replaceState(null, "", link);
      this.messages.note("The link is in the address bar; copy it from there.", "link");
    }
  }

  /** Open the piece of the page's own fragment; what was there can be brought back with undo. */
  async openLink() {
    try {
      const held = await heldBy(location.hash);
      if (!held) return;
      history.replaceState(null, "", location.pathname + location.search);
      this.ui.set({ writing: false, note: null, bars: null, step: 0 });
      this.store.commit({ ...stateOf(held.piece), locks: held.locks ?? stateOf().locks, given: held.given ?? [] }, "open a link");
    } catch (error) {
      this.messages.error(error, "link");
    }
  }

  /** The piece, its locks or versions are other than before. */
  changed() {
    this.ui.fit(this.store.state.piece);
    this.showState();
    this.showMusic();
    this.transport.changed();
  }

  showState() {
    const { state } = this.store;
    this.settings.show(state.piece);
    this.versions.show(state);
    this.facts.show(state);
    byId("undo").disabled = this.store.past.length === 0;
    byId("redo").disabled = this.store.future.length === 0;
    this.showUi();
  }

  async showMusic() {
    const { state } = this.store;
    const view = this.view();
    byId("score").setAttribute("aria-busy", "true");
    try {
      await view.show({ ...state, facts: this.facts.of(state) });
      this.messages.drop("engrave");
    } catch (error) {
      if (error.name === "AbortError") return; // a newer picture is on its way
      view.clear();
      this.messages.show(`${error.message} The piano roll can show the piece.`, { name: "engrave" });
    }
    byId("score").removeAttribute("aria-busy");
    byId("given-hint").hidden = !state.given?.length || this.shownView === "roll";
    this.showUi();
  }

  showUi() {
    const { ui, editor } = this;
    const { state } = this.store;
    byId("write").setAttribute("aria-pressed", ui.writing);
    byId("score").classList.toggle("writing", ui.writing);
    byId("writing-hint").hidden = !ui.writing;
    byId("selecting-hint").hidden = ui.writing;
    byId("dot").setAttribute("aria-pressed", ui.dotted);
    for (const button of byId("values").children) {
      button.setAttribute("aria-pressed", Number(button.dataset.value) === ui.value);
    }
    byId("selection").hidden = !ui.bars;
    byId("selection-hint").hidden = Boolean(ui.bars);
    if (ui.bars) {
      byId("selection-text").textContent = editor.selectionInWords();
      byId("lock").lastElementChild.textContent = editor.selectionIsLocked() ? "Unlock" : "Lock";
    }
    this.voices.show(state);
    this.overlay.draw(this.view(), state, ui);
    this.view().light(this.transport.sounding, ui.note);
    this.compose.show();
    this.transport.show();
  }

  async loadRuns() {
    this.compose.setRuns(await this.api.runs());
    for (;;) {
      const { ready, loading, error } = await this.api.status();
      if (error) return this.messages.show(error, { name: "model" });
      byId("model").hidden = ready;
      byId("model").textContent = `The model is being loaded${loading ? `: ${loading}` : ""}. You can write meanwhile.`;
      if (ready) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  async start() {
    this.showState();
    await this.openLink();
    this.showMusic();
    this.loadRuns().catch(() => {}); // if it is gone, other requests say so, and this follows
  }
}

new Page().start();
