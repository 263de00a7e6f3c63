// The text of the help: how it works in a few sentences, and all keys.

import { make } from "./dom.js";
import { KEYS } from "./keyboard.js";

const SENTENCES = [
  ["Write", "With “Write notes” on, click on the staff: left and right is time, up and down is pitch. " +
    "Choose the note value above the score. Switch it off to select and listen instead."],
  ["Harmonise", "Writes the other voices to your melody. Several versions are written; the " +
    "recommended one is shown. Given notes are blue."],
  ["Keep and change", "Select bars with the numbers above the score. Lock what must stay: locked " +
    "bars are hatched and have a padlock. Then rewrite the rest."],
  ["Nats and grade", "Nats say how unexpected the model finds the piece: less is more usual. The " +
    "grade is its distance from Bach’s chorales: 0 is closest, his own are about 6.5."],
  ["Nothing leaves your machine", "The studio runs on your own computer. The piece is kept in this " +
    "browser, and a copied link holds it whole."],
];

/** Return the elements of the help. */
export function helpText() {
  const about = SENTENCES.map(([title, text]) =>
    make("section", {}, make("h3", {}, title), make("p", {}, text))
  );
  const rows = KEYS.map(([keys, what]) =>
    make("tr", {}, make("th", { scope: "row" }, ...keysOf(keys)), make("td", {}, what))
  );
  const table = make("table", {}, make("tbody", {}, ...rows));
  const keys = make("section", {}, make("h3", {}, "Keys (with the score in focus)"), table);
  return [make("div", {}, ...about), keys];
}

const keysOf = (keys) => keys.flatMap((key, index) => [index ? " " : "", make("kbd", {}, key)]);
