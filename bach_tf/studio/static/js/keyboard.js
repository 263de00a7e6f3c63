// The computer keyboard. Letters and digits count while the score has the focus; the rest everywhere
// but in fields.

export const KEYS = [
  [["A … G"], "enter a note, nearest to the one before"],
  [["3", "4", "5", "6", "7"], "sixteenth, eighth, quarter, half, whole note"],
  [["."], "dotted"],
  [["R", "0"], "rest"],
  [["T"], "tie: lengthen the last note by the note value"],
  [["↑", "↓"], "move the note along the scale; with Ctrl by an octave"],
  [["+", "−"], "a semitone higher or lower"],
  [["←", "→"], "move the caret"],
  [["Home", "End"], "caret to the beginning or the end"],
  [["Page Up", "Page Down"], "the voice above or below"],
  [["Delete"], "delete the note, or clear the selected bars"],
  [["N"], "writing on or off"],
  [["Shift+←", "Shift+→"], "select bars; then Shift+↑ or ↓ for some voices only"],
  [["L"], "lock or unlock the selected bars, or the voice"],
  [["H", "W"], "harmonise; rewrite the selected bars"],
  [["Space"], "play, pause"],
  [["Esc"], "clear the selection; stop"],
  [["Ctrl+Z", "Ctrl+Shift+Z"], "undo, redo"],
  [["Ctrl+O", "Ctrl+S"], "open a file; take the piece home"],
];

const VALUES = { 3: 0.25, 4: 0.5, 5: 1, 6: 2, 7: 4 };

/** Return what a key does on the score, as a function of the editor, or undefined. */
function onScore(event, editor, ui) {
  const { key, shiftKey } = event;
  const control = event.ctrlKey || event.metaKey;
  const arrows = {
    ArrowLeft: () => (shiftKey ? editor.extendBars(-1) : editor.moveCaret(-1)),
    ArrowRight: () => (shiftKey ? editor.extendBars(1) : editor.moveCaret(1)),
    ArrowUp: () => (shiftKey ? editor.extendVoices(-1) : editor.move({ letters: control ? 7 : 1 })),
    ArrowDown: () => (shiftKey ? editor.extendVoices(1) : editor.move({ letters: control ? -7 : -1 })),
    Home: () => editor.caretTo(0),
    End: () => editor.caretTo(editor.piece.length),
    PageUp: () => editor.moveVoice(-1),
    PageDown: () => editor.moveVoice(1),
    Delete: () => editor.remove(),
    Backspace: () => editor.remove(),
  };
  if (arrows[key]) return arrows[key];
  if (control || event.altKey) return undefined;
  if (/^[a-g]$/i.test(key)) return () => editor.enterLetter(key);
  if (VALUES[key]) return () => editor.setValue(VALUES[key]);
  const others = {
    ".": () => editor.setDotted(!ui.dotted),
    r: () => editor.rest(),
    0: () => editor.rest(),
    t: () => editor.tie(),
    "+": () => editor.move({ semitones: 1 }),
    "=": () => editor.move({ semitones: 1 }),
    "#": () => editor.move({ semitones: 1 }),
    "-": () => editor.move({ semitones: -1 }),
    l: () => editor.lockSelection(),
    n: () => ui.set({ writing: !ui.writing, note: null }),
  };
  return others[key.toLowerCase()];
}

function isField(element) {
  return element.matches("input, select, textarea, [contenteditable]");
}

/**
 * Listen to the keyboard.
 * @param actions play, escape, undo, redo, open, save, help, harmonize, rewrite.
 */
export function listenToKeys(score, editor, ui, actions) {
  score.addEventListener("keydown", (event) => {
    if (event.target !== score) return;
    const action = onScore(event, editor, ui);
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const action = everywhere(event, score, actions);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function everywhere(event, score, actions) {
  const key = event.key.toLowerCase();
  const { target } = event;
  if (event.ctrlKey || event.metaKey) {
    if (isField(target) && target.type !== "range" && target.type !== "checkbox" && key === "z") {
      return undefined; // the field's own undo
    }
    const redo = key === "y" || (key === "z" && event.shiftKey);
    return redo ? actions.redo : { z: actions.undo, o: actions.open, s: actions.save }[key];
  }
  if (event.altKey) return undefined;
  if (key === "escape") return actions.escape;
  if (isField(target)) return undefined;
  if (key === "?") return actions.help;
  const onButton = target.matches("button, a, summary");
  if (key === " " && !onButton) return actions.play;
  if (target !== score) return undefined;
  return { h: actions.harmonize, w: actions.rewrite }[key];
}
