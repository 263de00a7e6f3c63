// Everything that is asked of the server. Where it does not answer, requests wait until it is back.

const TRY_AGAIN_MS = 1500;
const BUSY_TRIES = 5;
const BROKEN_TRIES = 3;

/** What the server refuses, or cannot do, in a sentence. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

async function refusal(response) {
  try {
    const { error } = await response.json();
    if (error) return /[.!?]$/.test(error) ? error : `${error}.`;
  } catch {
    // Not one of our answers; say what there is to say.
  }
  return `The studio could not do that (answer ${response.status}). Your piece is unchanged.`;
}

/** Sends "gone" when the server stops to answer and "back" when it does again. */
export class Api extends EventTarget {
  constructor() {
    super();
    this.waiting = null;
  }

  status() {
    return fetch("/api/status", { cache: "no-store" }).then((answer) => answer.json());
  }

  runs() {
    return this.get("/api/runs");
  }

  async get(path) {
    return (await this.send(path, { method: "GET" })).json();
  }

  /** Read the bytes of a file of any format; of a tune book the tune with a number. */
  async read(name, bytes, tune) {
    const which = tune === null ? "" : `&tune=${tune}`;
    const path = `/api/read?name=${encodeURIComponent(name)}${which}`;
    const headers = { "Content-Type": "application/octet-stream" };
    return (await this.send(path, { method: "POST", body: bytes, headers })).json();
  }

  async ask(path, body, signal) {
    return (await this.post(path, body, signal)).json();
  }

  post(path, body, signal, headers = {}) {
    return this.send(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", ...headers },
      signal,
    });
  }

  /** Send a request, again when the server is back if it is gone, and later if it is busy. */
  async send(path, request) {
    for (let busy = 0; ; ) {
      let response;
      try {
        response = await fetch(path, request);
      } catch (error) {
        if (request.signal?.aborted) throw error;
        await this.back(request.signal);
        continue;
      }
      if (response.ok) return response;
      busy += 1;
      const sentence = await refusal(response);
      if (response.status !== 503 || busy >= BUSY_TRIES) {
        throw new Refused(sentence, response.status);
      }
      this.dispatchEvent(new CustomEvent("busy", { detail: sentence }));
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await pause(Math.min(seconds, 10) * 1000, request.signal);
    }
  }

  /** Wait until the server answers again. */
  back(signal) {
    if (!this.waiting) {
      this.dispatchEvent(new Event("gone"));
      this.waiting = this.knock().finally(() => {
        this.waiting = null;
        this.dispatchEvent(new Event("back"));
      });
    }
    const aborted = new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
    return Promise.race([this.waiting, aborted]);
  }

  async knock() {
    for (;;) {
      await pause(TRY_AGAIN_MS);
      try {
        await this.status();
        return;
      } catch {
        // Not yet.
      }
    }
  }

  /** Run a job; `tell` hears each state of it. Aborting stops the work on the server, too. */
  async job(kind, body, tell, signal) {
    const headers = { Accept: "application/x-ndjson" };
    for (let broken = 1; ; broken += 1) {
      const response = await this.post(`/api/${kind}`, body, signal, headers);
      try {
        return await lastState(response, tell);
      } catch (error) {
        if (signal.aborted || error instanceof Refused) throw error;
        if (broken === BROKEN_TRIES) {
          throw new Refused("The answer broke off three times. Your piece is unchanged; try later.");
        }
        tell({ state: "lost" });
        await this.back(signal);
      }
    }
  }
}

async function lastState(response, tell) {
  for await (const state of lines(response.body)) {
    if (state.state === "failed") throw new Refused(state.error);
    if (state.state === "done") return state;
    tell(state);
  }
  throw new Error("the answer broke off");
}

async function* lines(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part.trim()) yield JSON.parse(part);
  }
  if (rest.trim()) yield JSON.parse(rest);
}
