// What hand and keys do to the piece. Each edit is one step of undo, and refuses what is locked.

import { lockedChange, withCells, withVoice, isLocked } from "./locks.js";
import { durationName, movedInScale, nameOf, nearestPitch, spokenNameOf } from "./notes.js";
import * as music from "./piece.js";

const STARTING_PITCHES = [67, 62, 57, 50]; // where letters begin, from soprano to bass

export class Editor {
  constructor(store, ui, say, refuse) {
    Object.assign(this, { store, ui, say, refuse });
    this.heard = () => {}; // told of each pitch that was entered
  }

  get piece() {
    return this.store.state.piece;
  }

  /** Take an edited piece, unless a locked cell would change. Returns whether it was taken. */
  edit(piece, name) {
    if (piece === this.piece) return false;
    const locked = lockedChange(this.store.state.locks, this.piece, piece);
    if (locked) {
      const voice = music.voiceName(this.piece, locked.voice);
      this.refuse(`Bar ${locked.bar} of ${voice} is locked. Unlock it to change it.`);
      return false;
    }
    this.store.commit({ piece, shown: null }, name);
    return true;
  }

  describe(note) {
    const [onset, duration, pitch, voice] = note;
    const piece = this.piece;
    const key = music.keyAt(piece, onset);
    const who = music.voiceCount(piece) > 1 ? `${music.voiceName(piece, voice)}, ` : "";
    const length = durationName(duration / piece.steps_per_quarter);
    return `${who}${spokenNameOf(pitch, key)}, ${length}, ${music.placeName(piece, onset)}`;
  }

  /** Enter a pitch at the caret with the note value; the caret moves on. */
  enter(pitch, { step = this.ui.step, voice = this.ui.voice } = {}) {
    const duration = this.ui.stepsOf(this.piece);
    const piece = music.withNote(this.piece, voice, step, duration, pitch);
    const name = nameOf(pitch, music.keyAt(piece, step));
    if (!this.edit(piece, `enter ${name}`)) return;
    const note = music.noteAt(piece, voice, step);
    this.ui.set({ note, voice, step: step + duration });
    this.say(this.describe(note));
    this.heard(pitch, voice);
  }

  enterLetter(letter) {
    const { voice, step } = this.ui;
    const before = music.noteBefore(this.piece, voice, step);
    const near = before ? before[2] : STARTING_PITCHES[voice] ?? 60;
    this.enter(nearestPitch(letter, near, music.keyAt(this.piece, step)));
  }

  rest() {
    const { voice, step } = this.ui;
    const end = step + this.ui.stepsOf(this.piece);
    const piece = music.cleared(this.piece, voice, step, end);
    const same = piece.notes.length === this.piece.notes.length;
    const cut = lockedChange({ voices: [voice], cells: [] }, this.piece, piece);
    if ((!same || cut) && !this.edit(piece, "enter a rest")) return;
    this.ui.set({ note: null, step: Math.min(end, this.piece.length) });
    this.say(`Rest. ${music.placeName(this.piece, this.ui.step)}`);
  }

  /** Lengthen the note at or before the caret by the note value. */
  tie() {
    const note = this.current();
    if (!note) return this.say("There is no note to tie.");
    const by = this.ui.stepsOf(this.piece);
    if (this.edit(music.lengthened(this.piece, note, note[1] + by), "tie")) this.after(note);
    return undefined;
  }

  /** Return the selected note, or else the one at or just before the caret. */
  current() {
    const { note, voice, step } = this.ui;
    return note ?? music.noteAt(this.piece, voice, step) ??
      music.noteBefore(this.piece, voice, step);
  }

  /** Select a note again after it was changed, with the caret behind it when writing. */
  after(note) {
    const changed = music.noteAt(this.piece, note[3], note[0]);
    const step = this.ui.writing ? changed[0] + changed[1] : changed[0];
    this.ui.set({ note: changed, voice: changed[3], step: Math.min(step, this.piece.length) });
    this.say(this.describe(changed));
  }

  setValue(quarters) {
    this.ui.set({ value: quarters });
    this.lengthenSelected();
  }

  setDotted(dotted) {
    this.ui.set({ dotted });
    this.lengthenSelected();
  }

  lengthenSelected() {
    const steps = this.ui.stepsOf(this.piece);
    const { note, writing } = this.ui;
    const name = durationName(steps / this.piece.steps_per_quarter);
    if (writing || !note) return this.say(name);
    if (this.edit(music.lengthened(this.piece, note, steps), name)) this.after(note);
    return undefined;
  }

  /** Move the current note by letters of the scale, or by semitones. */
  move({ letters = 0, semitones = 0 }) {
    const note = this.current();
    if (!note) return this.say("There is no note to move.");
    const key = music.keyAt(this.piece, note[0]);
    const pitch = letters ? movedInScale(note[2], letters, key) : note[2] + semitones;
    if (!this.edit(music.repitched(this.piece, note, pitch), "move a note")) return undefined;
    this.after(note);
    this.heard(pitch, note[3]);
    return undefined;
  }

  /** Delete the selected note; without one, the last before the caret; or the selected bars. */
  remove() {
    if (!this.ui.note && this.ui.bars) return this.clearBars();
    const note = this.current();
    if (!note) return this.say("There is nothing to delete.");
    const words = this.describe(note);
    if (!this.edit(music.without(this.piece, note), "delete a note")) return undefined;
    this.ui.set({ note: null, step: note[0], voice: note[3] });
    this.say(`Deleted: ${words}`);
    return undefined;
  }

  clearBars() {
    const { start, end } = this.ui.span(this.piece);
    let piece = this.piece;
    for (const voice of this.ui.selectedVoices(piece)) {
      piece = music.cleared(piece, voice, start, end);
    }
    if (this.edit(piece, "clear bars")) this.say("Bars cleared.");
  }

  /** Move the caret by the note value, or to the neighbouring note when selecting. */
  moveCaret(direction) {
    const { voice, step, writing } = this.ui;
    const piece = this.piece;
    const own = music.notesOfVoice(piece, voice).map((note) => note[0]);
    const grid = this.ui.stepsOf(piece);
    let target = step + direction * grid;
    if (!writing && own.length) {
      const ahead = own.filter((onset) => (direction > 0 ? onset > step : onset < step));
      target = ahead.length ? (direction > 0 ? Math.min(...ahead) : Math.max(...ahead)) : step;
    } else if (direction < 0) {
      const before = music.noteBefore(piece, voice, step);
      if (before && before[0] > target) target = before[0];
    } else {
      const here = music.noteAt(piece, voice, step);
      if (here) target = here[0] + here[1];
    }
    this.caretTo(target, voice);
  }

  caretTo(step, voice = this.ui.voice) {
    const at = Math.max(0, Math.min(step, this.piece.length));
    const note = this.ui.writing ? null : music.noteAt(this.piece, voice, at) ?? null;
    this.ui.set({ step: at, voice, note });
    const there = music.noteAt(this.piece, voice, at);
    this.say(there ? this.describe(there) : `${music.placeName(this.piece, at)}, rest`);
  }

  moveVoice(direction) {
    const voice = this.ui.voice + direction;
    if (voice < 0 || voice >= music.voiceCount(this.piece)) return;
    this.caretTo(this.ui.step, voice);
  }

  barOfCaret() {
    return music.barAt(this.piece, Math.min(this.ui.step, this.piece.length - 1)).number;
  }

  /** Select bars from the caret on, one bar further with each call. */
  extendBars(direction) {
    const bars = music.barsOf(this.piece).map((bar) => bar.number);
    const here = this.barOfCaret();
    const { from, to, voices } = this.ui.bars ?? { from: here, to: here - direction, voices: null };
    const next = Math.min(bars[bars.length - 1], Math.max(bars[0], to + direction));
    this.select({ from, to: next, voices });
  }

  /** Narrow the selection to the voice of the caret, and on to its neighbours. */
  extendVoices(direction) {
    if (!this.ui.bars) return;
    const { voice } = this.ui;
    const [first, last] = this.ui.bars.voices ?? [voice, voice - direction];
    const most = music.voiceCount(this.piece) - 1;
    const next = Math.min(most, Math.max(0, last + direction));
    this.select({ ...this.ui.bars, voices: [first, next] });
  }

  select(bars) {
    this.ui.set({ bars, note: null });
    this.say(this.selectionInWords());
  }

  /** Return the selection in words, "" if there is none. */
  selectionInWords() {
    const { bars } = this.ui;
    if (!bars) return "";
    const [first, last] = [Math.min(bars.from, bars.to), Math.max(bars.from, bars.to)];
    const which = first === last ? `Bar ${first}` : `Bars ${first} to ${last}`;
    if (!bars.voices) return `${which}, all voices`;
    const names = this.ui.selectedVoices(this.piece).map((v) => music.voiceName(this.piece, v));
    return `${which}, ${names.join(", ")}`;
  }

  /** Return whether all that is selected is locked. */
  selectionIsLocked() {
    const { locks, piece } = this.store.state;
    const bars = this.ui.selectedBars(piece);
    const voices = this.ui.selectedVoices(piece);
    return voices.every((voice) => bars.every((bar) => isLocked(locks, voice, bar)));
  }

  lockSelection() {
    if (!this.ui.bars) return this.lockVoice(this.ui.voice);
    const locked = !this.selectionIsLocked();
    const { locks, piece } = this.store.state;
    const [voices, bars] = [this.ui.selectedVoices(piece), this.ui.selectedBars(piece)];
    const word = locked ? "Locked" : "Unlocked";
    const words = `${word}: ${this.selectionInWords()}`;
    this.store.commit({ locks: withCells(locks, piece, voices, bars, locked) }, words);
    this.say(words);
    return undefined;
  }

  lockVoice(voice) {
    const { locks } = this.store.state;
    const locked = !locks.voices.includes(voice);
    const name = music.voiceName(this.piece, voice);
    const words = `${locked ? "Locked" : "Unlocked"}: ${name}`;
    this.store.commit({ locks: withVoice(locks, voice, locked) }, words);
    this.say(words);
  }
}
