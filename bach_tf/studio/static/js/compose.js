// Harmonise, rewrite, continue, new piece: asks for the work, shows how far it is, and stops it.

import { byId, make } from "./dom.js";
import { keptOf, lockedBars, ranges } from "./locks.js";
import { stateOf } from "./store.js";
import * as music from "./piece.js";

const VOICES = 4; // of a piece that is complete
const DARING = 1.07; // a notch of the slider, as a factor of the temperature
const KINDS = ["harmonize", "rewrite", "continue", "generate"];
const DOING = {
  harmonize: "Harmonising", rewrite: "Rewriting", continue: "Continuing", generate: "Writing",
};

export class Compose {
  /** @param page `store`, `ui`, `api`, `messages`, `editor`. */
  constructor(page) {
    this.page = page;
    this.runs = [];
    this.job = null;
    for (const kind of KINDS) byId(kind).addEventListener("click", () => this.start(kind));
    byId("cancel").addEventListener("click", () => this.cancel());
    for (const id of ["run", "melody", "keep-melody"]) {
      byId(id).addEventListener("change", () => this.show());
    }
    byId("daring").addEventListener("input", () => this.showDaring());
    this.showDaring();
    page.api.addEventListener("busy", ({ detail }) => this.job && this.tell(detail));
  }

  /** Fill the list of runs, the shipped one first. */
  setRuns(runs) {
    this.runs = runs;
    byId("run").replaceChildren(
      ...runs.map(({ name, preset, corpus }) => {
        const text = name === "pretrained" ? "Bach chorales (pretrained)" : `${name} (${preset}, ${corpus})`;
        return make("option", { value: name }, text);
      })
    );
    this.show();
  }

  get run() {
    return this.runs.find((run) => run.name === byId("run").value);
  }

  showDaring() {
    const slider = byId("daring");
    const notch = Number(slider.value);
    const words = notch === 0 ? "as usual" : `${Math.abs(notch)} ${notch < 0 ? "safer" : "bolder"}`;
    slider.setAttribute("aria-valuetext", words);
  }

  /** Return why a job cannot be started now, "" if it can. */
  obstacle(kind) {
    const { piece } = this.page.store.state;
    const { run } = this;
    if (!run) return "The runs are not known yet.";
    if (!run.can.includes(kind)) return `The run ${run.name} does not do that.`;
    if (kind === "generate") return "";
    if (music.isEmpty(piece)) return "Write or open a melody first.";
    if (kind === "rewrite" && !this.page.ui.bars) return "Select the bars to rewrite first.";
    return "";
  }

  show() {
    const { piece, locks } = this.page.store.state;
    const { ui } = this.page;
    const bars = ui.selectedBars(piece);
    byId("rewrite").textContent = bars.length ? `Rewrite ${barsInWords(bars)}` : "Rewrite bars";
    byId("continue").textContent = bars.length
      ? `Continue from bar ${bars[bars.length - 1] + 1}` : "Continue";
    for (const kind of KINDS) this.enable(byId(kind), this.obstacle(kind));
    const lines = music.voiceCount(piece);
    byId("melody-row").hidden = lines > 1;
    byId("keep-melody-row").hidden = lines < VOICES;
    byId("keeps").textContent = this.keepsInWords(piece, locks);
  }

  /** A button that cannot be used stays reachable, and says why when it is pressed. */
  enable(button, why) {
    button.setAttribute("aria-disabled", why !== "" || this.job !== null);
    button.title = why;
  }

  keepsInWords(piece, locks) {
    if (music.voiceCount(piece) < 2) return "";
    const always = this.melodies(piece);
    const kept = this.voices(piece).map((voice) => {
      const name = music.voiceName(piece, voice);
      const numbers = lockedBars(locks, piece, voice);
      if (always.includes(voice) || locks.voices.includes(voice)) return name;
      return numbers.length ? `${name} in ${barsInWords(numbers)}` : "";
    });
    return `Harmonise keeps: ${kept.filter(Boolean).join(", ")}.`;
  }

  /** Return the voices that are always kept: the melody, or all of a piece that is not complete. */
  melodies(piece) {
    return music.voiceCount(piece) < VOICES ? this.voices(piece) : [0];
  }

  voices(piece) {
    return Array.from({ length: Math.min(VOICES, music.voiceCount(piece)) }, (_, voice) => voice);
  }

  /** Return the body of a request. */
  body(kind) {
    const { store, ui } = this.page;
    const { piece, locks } = store.state;
    const temperature = this.run.temperature * DARING ** Number(byId("daring").value);
    const body = {
      run: this.run.name,
      num_outputs: Number(byId("count").value),
      particles: Number(byId("care").value),
      temperature: Math.round(temperature * 1000) / 1000,
    };
    const bars = Number(byId("length").value) || 8;
    if (kind === "generate") return { ...body, bars };
    if (kind === "continue") return { ...body, bars, piece: this.beginning(music.trimmed(piece)) };
    if (kind === "harmonize") return { ...body, ...this.given(music.trimmed(piece), locks) };
    const keep = keptOf(locks, piece, this.unchosen(piece));
    return { ...body, piece, keep, rewrite: ranges(ui.selectedBars(piece)) };
  }

  /** Return what harmonising is given: a melody, or a piece of which some voices are kept. */
  given(piece, locks) {
    return music.voiceCount(piece) > 1
      ? { piece, keep: keptOf(locks, piece, this.melodies(piece)) }
      : { piece, melody: byId("melody").value };
  }

  /** Return the voices that rewriting leaves alone: those outside the selection, and the melody. */
  unchosen(piece) {
    const chosen = this.page.ui.selectedVoices(piece);
    const melody = byId("keep-melody").checked && chosen.length > 1;
    return this.voices(piece).filter((voice) => !chosen.includes(voice) || (melody && voice === 0));
  }

  /** Return what is continued: the piece, up to the end of the selected bars if there are any. */
  beginning(piece) {
    const span = this.page.ui.span(piece);
    if (!span) return piece;
    const bars = music.barsOf(piece).filter((bar) => bar.number > 0 && bar.end <= span.end);
    return music.withBars(piece, bars.length);
  }

  async start(kind) {
    const { store, messages } = this.page;
    const why = this.job ? "The studio is still at work. Cancel that first." : this.obstacle(kind);
    if (why) return messages.note(why, "obstacle");
    messages.drop("job");
    this.job = { kind, abort: new AbortController(), before: store.state };
    this.begin();
    try {
      const { signal } = this.job.abort;
      const done = await this.page.api.job(kind, this.body(kind), (state) => this.tell(state), signal);
      this.take(kind, done.versions);
    } catch (error) {
      if (this.job.abort.signal.aborted) messages.note("Cancelled. The piece is as it was.", "job");
      else messages.error(error, "job");
    } finally {
      this.end();
    }
    return undefined;
  }

  begin() {
    byId("progress").hidden = false;
    byId("bar").removeAttribute("value");
    this.tell({ state: "sent" });
    this.page.messages.say(byId("progress-text").textContent);
    this.show();
  }

  end() {
    const hadFocus = byId("progress").contains(document.activeElement);
    const { kind } = this.job;
    this.job = null;
    byId("progress").hidden = true;
    if (hadFocus) byId(kind).focus();
    this.show();
  }

  /** Show a state of the job, or a sentence. */
  tell(state) {
    const doing = DOING[this.job.kind];
    const loading = !byId("model").hidden;
    const texts = {
      sent: `${doing}…`,
      queued: state.place > 1
        ? `Waiting: number ${state.place} in the queue`
        : loading ? "It begins when the model is loaded…" : `${doing}…`,
      running: `${doing}… ${Math.round(100 * (state.done ?? 0))} %`,
      lost: "The connection broke; the work begins again when the studio is back.",
    };
    byId("progress-text").textContent = typeof state === "string" ? state : texts[state.state] ?? texts.sent;
    if (state.state === "running") byId("bar").value = state.done ?? 0;
    else byId("bar").removeAttribute("value");
  }

  cancel() {
    this.job?.abort.abort(new DOMException("cancelled", "AbortError"));
  }

  /** Take the versions that were written; the recommended one is shown. */
  take(kind, written) {
    const { store, ui, messages } = this.page;
    const { before } = this.job;
    const fresh = kind === "generate";
    const old = { piece: before.piece, given: before.given, facts: null, label: "Before" };
    const named = written.map((version, index) => ({
      ...version, piece: music.withCapitals(version.piece), label: `Version ${index + 1}`,
    }));
    const versions = fresh || music.isEmpty(before.piece) ? named : [old, ...named];
    const best = Math.max(0, versions.findIndex((version) => version.facts?.recommended));
    const shown = versions[best].label === "Before" ? 1 : best;
    const { piece, given } = versions[shown];
    const base = fresh ? stateOf(piece) : before;
    ui.set({ writing: false, note: null, bars: kind === "rewrite" ? ui.bars : null, step: 0 });
    store.commit({ locks: base.locks, versions, shown, piece, given: given ?? [] }, DOING[kind].toLowerCase());
    const count = written.length === 1 ? "One version" : `${written.length} versions`;
    messages.say(`Done. ${count}; ${versions[shown].label} is shown.`);
  }
}

function barsInWords(numbers) {
  return `${numbers.length === 1 ? "bar" : "bars"} ${ranges(numbers).replaceAll("-", "–").replaceAll(",", ", ")}`;
}
