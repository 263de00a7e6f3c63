// Opening files by button or drop, and taking the piece home.

import { asked, byId, make } from "./dom.js";
import { stateOf } from "./store.js";

const MOST_BYTES = 8 * 1024 * 1024;
const FORMATS = [
  ["pdf", "PDF", "sheet music to print"],
  ["musicxml", "MusicXML", "for MuseScore, Sibelius, Dorico"],
  ["mid", "MIDI", "for any music program"],
  ["svg", "SVG", "the score as a picture"],
  ["png", "PNG", "a piano roll as a picture"],
  ["wav", "WAV", "sound, lossless"],
  ["opus", "Opus", "sound, small"],
  ["csv", "CSV", "notes as a table"],
];

export class Files {
  /** @param page `store`, `ui`, `api`, `messages`. */
  constructor(page, score) {
    this.page = page;
    byId("open").addEventListener("click", () => this.choose());
    byId("file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) this.open(file);
      event.target.value = ""; // the same file can be opened again
    });
    byId("save").addEventListener("click", () => this.save());
    byId("formats").append(...FORMATS.map((format) => this.button(...format)));
    this.acceptDrops(score);
  }

  choose() {
    byId("file").click();
  }

  acceptDrops(score) {
    const hint = byId("drop-hint");
    const holds = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      hint.hidden = false;
      score.classList.add("dropping");
    });
    const over = () => {
      hint.hidden = true;
      score.classList.remove("dropping");
    };
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? over());
    document.addEventListener("drop", (event) => {
      over();
      if (!holds(event)) return;
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
    });
  }

  /** Open a file; what was there can be brought back with undo, and stays if it cannot be read. */
  async open(file, tune = null) {
    const { api, messages } = this.page;
    messages.drop("open");
    if (file.size > MOST_BYTES) {
      messages.show(`${file.name} is larger than 8 MB, the most the studio takes.`, { name: "open" });
      return;
    }
    try {
      const bytes = await file.arrayBuffer(); // read now: the file may change while it is sent
      const answer = await api.read(file.name, bytes, tune);
      if (answer.tunes > 1 && tune === null) await this.askForTune(file, answer);
      else this.take(file.name, answer);
    } catch (error) {
      messages.show(`${error.message} The piece here is as it was.`, { name: "open" });
    }
  }

  async askForTune(file, answer) {
    byId("tune-text").textContent = `${file.name} has ${answer.tunes} tunes.`;
    byId("tune").max = answer.tunes;
    if ((await asked(byId("tune-dialog"))) !== "ok") return;
    const number = Number(byId("tune").value) || 1;
    if (number === 1) this.take(file.name, answer);
    else await this.open(file, number);
  }

  take(name, { piece, warnings = [] }) {
    const { store, ui, messages } = this.page;
    ui.set({ writing: piece.notes.length === 0, note: null, bars: null, step: 0, voice: 0 });
    store.commit(stateOf(piece), `open ${name}`);
    if (warnings.length) messages.show(warnings.join(" "), { kind: "note", name: "open" });
    messages.say(`${name} is open.`);
  }

  async save() {
    await asked(byId("save-dialog"));
  }

  button(format, name, what) {
    const button = make("button", { type: "button" }, make("strong", {}, name), make("small", {}, what));
    button.dataset.format = format;
    button.addEventListener("click", () => this.download(format, button));
    return button;
  }

  async download(format, button) {
    const { api, store, messages } = this.page;
    button.setAttribute("aria-busy", "true");
    messages.say("Preparing the file.");
    try {
      const { piece, given } = store.state;
      const answer = await api.post("/api/export", { piece, given, format });
      hand(await answer.blob(), nameOf(answer, piece.title, format));
      messages.say("The file is in your downloads.");
    } catch (error) {
      byId("save-dialog").close();
      messages.error(error, "save");
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
}

function nameOf(answer, title, format) {
  const told = answer.headers.get("Content-Disposition")?.match(/filename="?([^";]+)"?/);
  const plain = title.replace(/[^\p{L}\p{N} ._-]/gu, "").trim();
  return told?.[1] ?? `${plain || "piece"}.${format}`;
}

/** Give a file to the user, as a download. */
function hand(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
