// A link that holds the piece in its fragment, which a browser never sends to a server.

const PACKED = "#piece=";
const PLAIN = "#plain=";

function toText(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function through(bytes, transform) {
  const stream = new Blob([bytes]).stream().pipeThrough(transform);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Return the fragment that holds something, compressed where the browser can. */
export async function fragmentOf(what) {
  const bytes = new TextEncoder().encode(JSON.stringify(what));
  if (typeof CompressionStream === "undefined") return PLAIN + toText(bytes);
  return PACKED + toText(await through(bytes, new CompressionStream("deflate-raw")));
}

/** Return what a fragment holds, or null if it holds nothing of ours.
 *
 * Throws an Error with a sentence where it was damaged.
 */
export async function heldBy(fragment) {
  const start = [PACKED, PLAIN].find((each) => fragment.startsWith(each));
  if (!start) return null;
  try {
    let bytes = toBytes(fragment.slice(start.length));
    if (start === PACKED) bytes = await through(bytes, new DecompressionStream("deflate-raw"));
    const held = JSON.parse(new TextDecoder().decode(bytes));
    if (!Array.isArray(held?.piece?.notes)) throw new Error("no piece");
    return held;
  } catch {
    throw new Error(
      "The link is damaged or was cut short, so its piece cannot be read. Copy the whole link."
    );
  }
}
