// The sound of each voice, from the server, decoded; kept while the voice stays as it is.

import { notesOfVoice } from "./piece.js";

const MOST_KEPT = 40;
const FORMAT = "wav"; // every browser decodes it, and it is made four times as fast as Opus

export class Sounds {
  constructor(api) {
    this.api = api;
    this.kept = new Map();
  }

  /** Return the sound of a voice of a piece as an AudioBuffer. */
  of(context, piece, voice) {
    const { title, fermatas, key_signature, key_changes, metres, upbeat, ...sounding } = piece;
    const own = { ...sounding, notes: notesOfVoice(piece, voice) };
    const name = JSON.stringify([voice, own]);
    const known = this.kept.get(name);
    if (known) return known;
    const sound = this.fetch(context, piece, voice);
    this.kept.set(name, sound);
    sound.catch(() => this.kept.delete(name));
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MOST_KEPT) break;
      this.kept.delete(oldest);
    }
    return sound;
  }

  async fetch(context, piece, voice) {
    const answer = await this.api.post("/api/sound", { piece, voice, format: FORMAT });
    return context.decodeAudioData(await answer.arrayBuffer());
  }
}
