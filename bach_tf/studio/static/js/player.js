// Plays the voices of a piece together, and says where it is. No sound before the first click: the
// audio of the browser is opened by `play` and `preview` only, which a click or key calls.

import { secondsAt, stepAt } from "./clock.js";
import { emptyPiece, voiceCount } from "./piece.js";
import { Sounds } from "./sounds.js";

const SOON = 0.06; // seconds until the voices begin together
const FADE = 0.02;
const LOUDEST = 0.7; // of a single voice

export class Player extends EventTarget {
  constructor(api) {
    super();
    this.sounds = new Sounds(api);
    this.context = null;
    this.playing = null; // {piece, sources, gains, from, loop, began}
    this.request = null;
    this.muted = new Set();
    this.soloed = new Set();
  }

  get active() {
    return this.playing !== null || this.request !== null;
  }

  open() {
    if (!this.context) {
      this.context = new AudioContext();
      // Each voice comes as loud as can be: together they are made softer, and kept from clipping.
      this.volume = this.context.createGain();
      this.volume.connect(this.context.createDynamicsCompressor()).connect(this.context.destination);
    }
    if (this.context.state === "suspended") this.context.resume();
    return this.context;
  }

  /** Play from a step; a loop is {start, end} in steps. What played before stops when it begins. */
  async play(piece, step, loop = null) {
    const context = this.open();
    this.request?.abort();
    const request = new AbortController();
    this.request = request;
    this.tell("state");
    try {
      const voices = Array.from({ length: voiceCount(piece) }, (_, voice) => voice);
      const buffers = await Promise.all(
        voices.map((voice) => this.sounds.of(context, piece, voice))
      );
      if (request.signal.aborted) return;
      // An edited piece goes on where the sound is now, not where it was when it was asked for.
      this.begin(piece, buffers, this.playing ? this.step() : step, loop);
    } finally {
      if (this.request === request) this.request = null;
      this.tell("state");
    }
  }

  begin(piece, buffers, step, loop) {
    this.silence();
    const { context } = this;
    const [first, last] = loop
      ? [secondsAt(piece, loop.start), secondsAt(piece, loop.end)]
      : [0, secondsAt(piece, piece.length)];
    const asked = secondsAt(piece, step);
    const from = asked >= first && asked < last - 0.01 ? asked : first;
    const began = context.currentTime + SOON;
    const gains = buffers.map(() => context.createGain());
    this.volume.gain.value = LOUDEST / Math.sqrt(buffers.length);
    const sources = buffers.map((buffer, voice) => {
      const source = context.createBufferSource();
      source.buffer = buffer;
      if (loop) Object.assign(source, { loop: true, loopStart: first, loopEnd: last });
      source.connect(gains[voice]).connect(this.volume);
      source.start(began, Math.min(from, buffer.duration));
      return source;
    });
    this.playing = { piece, sources, gains, from, began, first, last, loop };
    this.mix();
    this.follow();
  }

  /** Return the step that sounds now. */
  step() {
    const { piece, from, began, first, last, loop } = this.playing;
    const delay = this.context.outputLatency || 0;
    const played = Math.max(0, this.context.currentTime - began - delay);
    const time = from + played;
    const within = loop && time >= last ? first + ((time - first) % (last - first)) : time;
    return Math.min(piece.length, stepAt(piece, within));
  }

  follow() {
    const { playing } = this;
    const frame = () => {
      if (this.playing !== playing) return;
      const step = this.step();
      this.dispatchEvent(new CustomEvent("position", { detail: step }));
      if (!playing.loop && step >= playing.piece.length) this.end();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** The piece has ended: the last notes may ring. */
  end() {
    this.playing = null;
    this.dispatchEvent(new Event("ended"));
    this.tell("state");
  }

  /** Stop; returns the whole step where it was, or null. */
  stop() {
    this.request?.abort();
    this.request = null;
    const step = this.playing ? Math.floor(this.step()) : null;
    this.silence();
    this.tell("state");
    return step;
  }

  silence() {
    if (!this.playing) return;
    const now = this.context.currentTime;
    const { sources, gains } = this.playing;
    for (const gain of gains) gain.gain.setTargetAtTime(0, now, FADE / 3);
    for (const source of sources) source.stop(now + FADE * 2);
    this.playing = null;
  }

  setMuted(voice, muted) {
    this.muted[muted ? "add" : "delete"](voice);
    this.mix();
  }

  setSoloed(voice, soloed) {
    this.soloed[soloed ? "add" : "delete"](voice);
    this.mix();
  }

  mix() {
    this.playing?.gains.forEach((gain, voice) => {
      const on = this.soloed.size ? this.soloed.has(voice) : !this.muted.has(voice);
      gain.gain.setTargetAtTime(on ? 1 : 0, this.context.currentTime, FADE / 3);
    });
  }

  /** Let a pitch be heard, in the instrument of a voice. */
  async preview(pitch, part) {
    if (this.active) return;
    const context = this.open();
    const piece = { ...emptyPiece({ bars: 1 }), length: 8, parts: [{ ...part, name: "" }] };
    piece.notes = [[0, 3, pitch, 0, 80]];
    const buffer = await this.sounds.of(context, piece, 0);
    if (this.active) return;
    this.previewed?.stop();
    const source = context.createBufferSource();
    source.buffer = buffer;
    this.volume.gain.value = LOUDEST / 2;
    source.connect(this.volume);
    source.start();
    this.previewed = source;
  }

  tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
