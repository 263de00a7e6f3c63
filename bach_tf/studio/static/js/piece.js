// A piece as the server reads and writes it, and what editing does to it. Nothing here changes its
// argument: each function returns a new piece, so that undo is a matter of keeping the old one.

const VELOCITY = 80;
const [ONSET, DURATION, PITCH, VOICE] = [0, 1, 2, 3];
export const VOICE_NAMES = ["Soprano", "Alto", "Tenor", "Bass"];
const ORGAN = 19;

/** Return a piece with empty bars for a melody. */
export function emptyPiece({ metre = [4, 4], key = 0, tempo = 80, upbeat = 0, bars = 8 } = {}) {
  const piece = {
    title: "",
    timing: "beats",
    steps_per_quarter: 4,
    length: 0,
    tempi: [[0, tempo]],
    metres: [[0, ...metre]],
    upbeat,
    key_signature: key,
    key_changes: [],
    fermatas: [],
    parts: [{ name: "Soprano", program: ORGAN, volume: null, pan: null }],
    pedals: [],
    notes: [],
  };
  return { ...piece, length: upbeat + bars * stepsPerBar(piece) };
}

/** Return the steps of a bar of the metre at a step. */
export function stepsPerBar(piece, step = 0) {
  const [, beats, value] = metreAt(piece, step);
  return Math.max(1, Math.floor((4 * piece.steps_per_quarter * beats) / value));
}

export function metreAt(piece, step) {
  const before = piece.metres.filter(([start]) => start <= step);
  return before.length ? before[before.length - 1] : [0, 4, 4];
}

/** Return the sharps (or minus the flats) that hold at a step; 0 where nothing is known. */
export function keyAt(piece, step) {
  const before = piece.key_changes.filter(([start]) => start <= step);
  return before.length ? before[before.length - 1][1] : piece.key_signature ?? 0;
}

export function tempoOf(piece) {
  return piece.tempi.length ? piece.tempi[0][1] : 90;
}

export function voiceCount(piece) {
  const highest = piece.notes.reduce((most, note) => Math.max(most, note[VOICE]), -1);
  return Math.max(1, piece.parts.length, highest + 1);
}

export function voiceName(piece, voice) {
  const own = piece.parts[voice]?.name;
  if (own) return own[0].toUpperCase() + own.slice(1);
  return voiceCount(piece) <= 4 ? VOICE_NAMES[voice] : `Voice ${voice + 1}`;
}

/** Return the bars of a piece in order: {number, start, end}; an upbeat has number 0. */
export function barsOf(piece) {
  if (piece.timing !== "beats") return [{ number: 1, start: 0, end: piece.length }];
  const bars = [];
  let start = 0;
  let number = 1;
  const lead = piece.upbeat % stepsPerBar(piece);
  if (lead) {
    bars.push({ number: 0, start: 0, end: Math.min(lead, piece.length) });
    start = lead;
  }
  while (start < piece.length) {
    const change = piece.metres.find(([step]) => step > start);
    const whole = start + stepsPerBar(piece, start);
    const end = Math.min(whole, piece.length, change ? change[0] : Infinity);
    bars.push({ number, start, end });
    start = end;
    number += 1;
  }
  return bars;
}

export function barAt(piece, step) {
  const bars = barsOf(piece);
  return bars.find((bar) => step < bar.end) ?? bars[bars.length - 1];
}

/** Return where a step is in words: "bar 2, beat 1.5". */
export function placeName(piece, step) {
  const bar = barAt(piece, step);
  const [, , value] = metreAt(piece, step);
  const beat = (4 * piece.steps_per_quarter) / value;
  const before = bar.number === 0 ? stepsPerBar(piece) - (bar.end - bar.start) : 0;
  const count = 1 + (step - bar.start + before) / beat;
  const where = bar.number === 0 ? "upbeat" : `bar ${bar.number}`;
  return `${where}, beat ${Number(count.toFixed(2))}`;
}

/** Return the note that sounds in a voice at a step, or undefined. */
export function noteAt(piece, voice, step) {
  return piece.notes.find(
    (note) =>
      note[VOICE] === voice && note[ONSET] <= step && step < note[ONSET] + note[DURATION]
  );
}

/** Return the note of a voice that began last before a step, or undefined. */
export function noteBefore(piece, voice, step) {
  const before = piece.notes.filter((note) => note[VOICE] === voice && note[ONSET] < step);
  return before.length ? before.reduce((a, b) => (b[ONSET] >= a[ONSET] ? b : a)) : undefined;
}

function sorted(notes) {
  return notes.sort((a, b) => a[ONSET] - b[ONSET] || a[VOICE] - b[VOICE] || a[PITCH] - b[PITCH]);
}

/** Return a piece without what sounds in a voice between two steps; a note before is cut short. */
export function cleared(piece, voice, start, end) {
  const notes = [];
  for (const note of piece.notes) {
    const stop = note[ONSET] + note[DURATION];
    if (note[VOICE] !== voice || stop <= start || note[ONSET] >= end) notes.push(note);
    else if (note[ONSET] < start) notes.push(withDuration(note, start - note[ONSET]));
  }
  return { ...piece, notes };
}

function withDuration(note, duration) {
  return [note[ONSET], duration, ...note.slice(PITCH)];
}

/** Return a piece with a note in place of what sounded there; it grows by bars if need be. */
export function withNote(piece, voice, onset, duration, pitch) {
  const grown = reaching(piece, onset + duration);
  const { notes } = cleared(grown, voice, onset, onset + duration);
  return { ...grown, notes: sorted([...notes, [onset, duration, pitch, voice, VELOCITY]]) };
}

function reaching(piece, end) {
  if (end <= piece.length) return piece;
  const bar = stepsPerBar(piece, piece.length);
  return { ...piece, length: piece.length + bar * Math.ceil((end - piece.length) / bar) };
}

export function without(piece, note) {
  return { ...piece, notes: piece.notes.filter((each) => each !== note) };
}

/** Return a piece in which a note lasts as long as asked, over what follows in its voice. */
export function lengthened(piece, note, duration) {
  const end = note[ONSET] + duration;
  const grown = reaching(without(piece, note), end);
  const { notes } = cleared(grown, note[VOICE], note[ONSET], end);
  return { ...grown, notes: sorted([...notes, withDuration(note, duration)]) };
}

/** Return a piece in which a note has another pitch; the same piece if that cannot be. */
export function repitched(piece, note, pitch) {
  if (pitch < 0 || pitch > 127) return piece;
  const changed = [note[ONSET], note[DURATION], pitch, ...note.slice(VOICE)];
  return { ...piece, notes: sorted(piece.notes.map((each) => (each === note ? changed : each))) };
}

/** Return a piece whose parts are named as in a score: "Soprano" for "soprano". */
export function withCapitals(piece) {
  const parts = piece.parts.map((part, voice) => ({
    ...part, name: part.name && voiceName(piece, voice),
  }));
  return { ...piece, parts };
}

export function withTitle(piece, title) {
  return { ...piece, title };
}

export function withKey(piece, sharps) {
  return { ...piece, key_signature: sharps, key_changes: [] };
}

/** Return a piece at another tempo; later changes of tempo keep their proportion. */
export function withTempo(piece, tempo) {
  const [first, ...later] = piece.tempi.length ? piece.tempi : [[0, tempo]];
  const scale = tempo / first[1];
  const changed = later.map(([step, qpm]) => [step, Math.round(qpm * scale * 100) / 100]);
  return { ...piece, tempi: [[0, tempo], ...changed] };
}

/** Return a piece in one metre and with an upbeat, its last bar whole. */
export function withMetre(piece, [beats, value], upbeat = piece.upbeat) {
  const changed = { ...piece, metres: [[0, beats, value]], upbeat: 0 };
  const bar = stepsPerBar(changed);
  const lead = upbeat % bar;
  const full = lead + bar * Math.max(1, Math.ceil((piece.length - lead) / bar));
  return { ...changed, upbeat: lead, length: full };
}

/** Return a piece with an upbeat of another length: notes move with the bar lines they are in. */
export function withUpbeat(piece, upbeat) {
  const shift = upbeat - piece.upbeat;
  const first = piece.notes.length ? piece.notes[0][ONSET] : 0;
  const by = shift > 0 || first + shift >= 0 ? shift : 0;
  const moved = ([step, ...rest]) => [Math.max(0, step + by), ...rest];
  const later = (changes) => changes.map((each, i) => (i || each[0] ? moved(each) : each));
  const notes = piece.notes.map((note) => [note[ONSET] + by, ...note.slice(DURATION)]);
  const fermatas = piece.fermatas.map((step) => Math.max(0, step + by));
  const pedals = piece.pedals.map(([a, b, v]) => [Math.max(0, a + by), Math.max(1, b + by), v]);
  const changes = {
    tempi: later(piece.tempi), metres: later(piece.metres), key_changes: later(piece.key_changes),
  };
  return { ...piece, ...changes, notes, fermatas, pedals, upbeat, length: piece.length + by };
}

/** Return a piece with a number of whole bars after the upbeat; what is beyond them is cut. */
export function withBars(piece, count) {
  const bars = barsOf(piece).filter((bar) => bar.number > 0);
  const length =
    count <= bars.length
      ? bars[count - 1].end
      : piece.length + (count - bars.length) * stepsPerBar(piece, piece.length);
  const within = (changes) => changes.filter(([step]) => step < length);
  const notes = piece.notes
    .filter((note) => note[ONSET] < length)
    .map((note) => withDuration(note, Math.min(note[DURATION], length - note[ONSET])));
  const fermatas = piece.fermatas.filter((step) => step < length);
  const pedals = within(piece.pedals).map(([start, end, v]) => [start, Math.min(end, length), v]);
  const changes = {
    tempi: within(piece.tempi),
    metres: within(piece.metres),
    key_changes: within(piece.key_changes),
  };
  return { ...piece, ...changes, length, notes, fermatas, pedals };
}

/** Return a piece without the empty bars after its last note. */
export function trimmed(piece) {
  const end = Math.max(...piece.notes.map(([onset, duration]) => onset + duration));
  const used = barsOf(piece).filter((bar) => bar.number > 0 && bar.start < end).length;
  return used ? withBars(piece, used) : piece;
}

/** Return one voice of a piece alone, in its place among the others. */
export function notesOfVoice(piece, voice) {
  return piece.notes.filter((note) => note[VOICE] === voice);
}

export function isEmpty(piece) {
  return piece.notes.length === 0;
}
