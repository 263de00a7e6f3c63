// A MIDI keyboard, where the browser has Web MIDI. Keys that are struck enter notes at the caret.

const NOTE_ON = 0x90;

/** Whether this browser can listen to MIDI keyboards at all. */
export function canListen() {
  return typeof navigator.requestMIDIAccess === "function";
}

export class MidiInput extends EventTarget {
  constructor(enter) {
    super();
    this.enter = enter;
    this.access = null;
    this.hears = (event) => this.hear(event);
  }

  get listening() {
    return this.access !== null;
  }

  get names() {
    return this.access ? [...this.access.inputs.values()].map((input) => input.name) : [];
  }

  /** Ask for the keyboards; rejects with a sentence where there are none to be had. */
  async start() {
    if (!canListen()) {
      throw new Error(
        "This browser has no Web MIDI. Chrome, Edge, Opera and Firefox have it; the computer " +
          "keyboard works everywhere."
      );
    }
    try {
      this.access = await navigator.requestMIDIAccess();
    } catch {
      throw new Error("The browser did not allow MIDI keyboards for this page.");
    }
    this.connect();
    this.access.onstatechange = () => this.connect();
  }

  stop() {
    if (!this.access) return;
    this.access.onstatechange = null;
    for (const input of this.access.inputs.values()) input.onmidimessage = null;
    this.access = null;
    this.dispatchEvent(new Event("change"));
  }

  connect() {
    for (const input of this.access.inputs.values()) input.onmidimessage = this.hears;
    this.dispatchEvent(new Event("change"));
  }

  hear({ data: [status, pitch, velocity] }) {
    if ((status & 0xf0) === NOTE_ON && velocity > 0) this.enter(pitch);
  }
}
