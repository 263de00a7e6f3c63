// The versions that were written: a list to choose from and to hear, and all of them side by side.

import { byId, make } from "./dom.js";
import { faultsInWords, measuresInWords, parallelsInWords } from "./facts.js";
import { notesOfParallels } from "./parallels.js";
import { icon, picture } from "./svg.js";

const SCALE = 30;

export class VersionsPanel {
  /** @param page `store`, `api`, `messages`, and `listen(index)`. */
  constructor(page) {
    this.page = page;
    this.list = byId("versions");
    byId("compare").addEventListener("click", () => this.compare());
  }

  show({ versions, shown }) {
    byId("versions-panel").hidden = versions.length === 0;
    byId("compare").hidden = versions.length < 2;
    if (this.versions !== versions) {
      this.versions = versions;
      this.list.replaceChildren(...versions.map((version, index) => this.row(version, index)));
    }
    [...this.list.querySelectorAll("input")].forEach((input, index) => {
      input.checked = index === shown;
    });
  }

  /** Show a version in the score; what one has edited by hand can be brought back with undo. */
  choose(index) {
    const { store, messages } = this.page;
    const { versions, shown } = store.state;
    const { piece, given, label } = versions[index];
    const changes = { piece, given, shown: index };
    if (shown === null) store.commit(changes, label);
    else store.amend(changes);
    messages.say(`${label} is shown.`);
  }

  row(version, index) {
    const { label, facts } = version;
    const input = make("input", { type: "radio", name: "version", value: index });
    input.addEventListener("change", () => this.choose(index));
    const heading = make("strong", {}, label);
    if (facts?.recommended) heading.append(make("span", { className: "badge" }, "recommended"));
    const text = make("span", { className: "what" }, heading, ...this.lines(version));
    const words = `Listen to ${label}`;
    const about = { type: "button", className: "square", "aria-label": words, title: words };
    const listen = make("button", about, icon("play"));
    listen.addEventListener("click", () => this.page.listen(index));
    return make("div", { className: "version" }, make("label", {}, input, text), listen);
  }

  lines({ facts }) {
    if (!facts?.faults) return facts ? [make("small", {}, measuresInWords(facts))] : [];
    const faults = [parallelsInWords(facts), ...faultsInWords(facts)].join("; ");
    return [make("small", {}, measuresInWords(facts)), make("small", {}, faults)];
  }

  /** Show all versions side by side, with the notes in which they differ from the shown one. */
  async compare() {
    const { versions } = this.page.store.state;
    const place = byId("compared");
    const figures = versions.map((version, index) => this.figure(version, index));
    place.replaceChildren(...figures);
    byId("compare-dialog").showModal();
    const tasks = figures.map((figure, index) => this.engrave(figure, versions[index]));
    await Promise.all(tasks).catch((error) => this.page.messages.error(error, "compare"));
  }

  figure({ label, facts }, index) {
    const listen = make("button", { type: "button", "aria-label": `Listen to ${label}` }, "Listen");
    listen.addEventListener("click", () => this.page.listen(index));
    const use = make("button", { type: "button", "aria-label": `Show ${label}` }, "Show");
    use.addEventListener("click", () => {
      this.choose(index);
      byId("compare-dialog").close();
    });
    const words = facts?.faults
      ? [make("small", {}, measuresInWords(facts)), make("small", {}, parallelsInWords(facts))]
      : [];
    const caption = make("figcaption", {}, make("strong", {}, label), ...words, listen, use);
    return make("figure", {}, caption, make("div", { className: "sheet" }));
  }

  async engrave(figure, { piece, given, facts }) {
    const sheet = figure.querySelector(".sheet");
    const { store, api } = this.page;
    const width = Math.max(280, sheet.clientWidth);
    const request = { piece, given, layout: "closed", width, scale: SCALE };
    const engraving = await api.ask("/api/engrave", request);
    const drawn = picture(engraving.svg);
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", "Engraved score");
    sheet.replaceChildren(drawn);
    const shown = new Set(store.state.piece.notes.map(keyOf));
    const wrong = notesOfParallels(piece, facts?.parallels ?? []);
    for (const [id, [onset, voice, pitch]] of Object.entries(engraving.notes)) {
      const { classList } = drawn.getElementById(id) ?? {};
      classList?.toggle("differs", !shown.has(`${onset},${voice},${pitch}`));
      classList?.toggle("parallel", wrong.has(`${onset},${voice}`));
    }
  }
}

const keyOf = ([onset, , pitch, voice]) => `${onset},${voice},${pitch}`;
