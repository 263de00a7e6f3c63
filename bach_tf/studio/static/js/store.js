// The one state of the page: piece, locks and versions; with undo and redo, and kept in the browser.

import { NO_LOCKS } from "./locks.js";
import { emptyPiece } from "./piece.js";

const KEY = "bach-tf-studio";
const MOST_STEPS = 200;

/** Return a state around a piece. */
export function stateOf(piece = emptyPiece()) {
  return { piece, locks: NO_LOCKS, given: [], versions: [], shown: null };
}

export class Store extends EventTarget {
  constructor(storage) {
    super();
    this.storage = storage;
    this.past = [];
    this.future = [];
    this.state = this.restored() ?? stateOf();
  }

  /** Take a new state; what it did can be undone under its name. */
  commit(changes, name) {
    this.past.push({ state: this.state, name });
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.set({ ...this.state, ...changes }, name);
  }

  /** Take a change that is not worth a step of undo, such as which version is shown. */
  amend(changes) {
    this.set({ ...this.state, ...changes }, "");
  }

  undo() {
    return this.move(this.past, this.future, "Undone");
  }

  redo() {
    return this.move(this.future, this.past, "Done again");
  }

  move(from, to, word) {
    const step = from.pop();
    if (!step) return undefined;
    to.push({ state: this.state, name: step.name });
    this.set(step.state, `${word}: ${step.name}`);
    return `${word}: ${step.name}`;
  }

  set(state, name) {
    this.state = state;
    this.keep();
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  /** Keep the state in the browser, so that closing the page or losing the server loses nothing. */
  keep() {
    try {
      this.storage?.setItem(KEY, JSON.stringify(this.state));
    } catch {
      // A full or forbidden storage: the page goes on without.
    }
  }

  restored() {
    try {
      const kept = JSON.parse(this.storage?.getItem(KEY) ?? "null");
      return kept?.piece?.notes ? { ...stateOf(), ...kept } : null;
    } catch {
      return null;
    }
  }
}
