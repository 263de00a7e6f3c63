// Names of notes and what a key signature does to a letter: just enough to enter and to read out.

const LETTERS = "CDEFGAB";
const SEMITONES = [0, 2, 4, 5, 7, 9, 11];
const ORDER_OF_SHARPS = [3, 0, 4, 1, 5, 2, 6]; // F C G D A E B, as indices of LETTERS
const SIGNS = { "-2": "double flat", "-1": "flat", 0: "", 1: "sharp", 2: "double sharp" };
const SHORT_SIGNS = { "-2": "♭♭", "-1": "♭", 0: "", 1: "♯", 2: "♯♯" };

/** Return what a key signature adds to a letter: -1, 0 or 1 semitones. */
export function alteration(letter, sharps) {
  const place = ORDER_OF_SHARPS.indexOf(letter);
  if (sharps > 0) return place < sharps ? 1 : 0;
  return 6 - place < -sharps ? -1 : 0;
}

/** Return the pitch of a line or space, counted in letters from C0 (C4 is 28), in a key. */
export function pitchOfPlace(place, sharps) {
  const letter = modulo(place, 7);
  return 12 * (Math.floor(place / 7) + 1) + SEMITONES[letter] + alteration(letter, sharps);
}

/** Return how a pitch is written in a key: the place as above, and its sign in semitones.
 *
 * Of the names on the line of fifths, the twelve around the key: in C from E flat to G sharp.
 */
export function spelled(pitch, sharps) {
  const first = sharps - 3;
  const fifths = first + modulo(7 * pitch - first, 12);
  const sign = Math.floor((fifths + 1) / 7);
  const letter = ORDER_OF_SHARPS[modulo(fifths + 1, 7)];
  const octave = Math.floor((pitch - sign) / 12) - 1;
  return { place: 7 * octave + letter, sign };
}

const modulo = (number, by) => ((number % by) + by) % by;

/** Return the name of a pitch for the eye, such as "F♯4". */
export function nameOf(pitch, sharps) {
  const { place, sign } = spelled(pitch, sharps);
  return LETTERS[modulo(place, 7)] + SHORT_SIGNS[sign] + Math.floor(place / 7);
}

/** Return the name of a pitch for the ear, such as "F sharp 4". */
export function spokenNameOf(pitch, sharps) {
  const { place, sign } = spelled(pitch, sharps);
  const words = [LETTERS[modulo(place, 7)], SIGNS[sign], Math.floor(place / 7)];
  return words.filter((word) => word !== "").join(" ");
}

/** Return a pitch moved along the scale of a key by some letters. */
export function movedInScale(pitch, letters, sharps) {
  return pitchOfPlace(spelled(pitch, sharps).place + letters, sharps);
}

/** Return the pitch of a letter "A".."G" in a key that is nearest to another pitch. */
export function nearestPitch(name, near, sharps) {
  const letter = LETTERS.indexOf(name.toUpperCase());
  const around = Math.floor(near / 12) - 1;
  const octaves = [around - 1, around, around + 1];
  const pitches = octaves.map((octave) => pitchOfPlace(7 * octave + letter, sharps));
  return pitches.reduce((best, each) =>
    Math.abs(each - near) < Math.abs(best - near) ? each : best
  );
}

const NAMED = [
  [4, "whole note"], [2, "half note"], [1, "quarter"], [0.5, "eighth"], [0.25, "sixteenth"],
];

/** Return a duration in quarters in words, such as "dotted quarter". */
export function durationName(quarters) {
  for (const [length, name] of NAMED) {
    if (quarters === length) return name;
    if (quarters === length * 1.5) return `dotted ${name}`;
  }
  return `${Number(quarters.toFixed(3))} quarters`;
}

const MAJOR = ["C♭", "G♭", "D♭", "A♭", "E♭", "B♭", "F", "C", "G", "D", "A", "E", "B", "F♯", "C♯"];
const MINOR = ["A♭", "E♭", "B♭", "F", "C", "G", "D", "A", "E", "B", "F♯", "C♯", "G♯", "D♯", "A♯"];

/** Return the two keys of a signature: "G major / E minor". */
export function keyName(sharps) {
  return `${MAJOR[sharps + 7]} major / ${MINOR[sharps + 7]} minor`;
}
