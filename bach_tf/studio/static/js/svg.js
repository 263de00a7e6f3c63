// Making elements of SVG, and taking in pictures that the server engraved.

const SVG = "http://www.w3.org/2000/svg";
const UNWANTED = "script, foreignObject";
const STYLE_SHEET = /<style[^>]*>[^<]*<\/style>/g;

/** Return an element of SVG with attributes. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Return an icon of the page's own sheet. */
export function icon(name) {
  const use = svg("use", { href: `#icon-${name}` });
  return svg("svg", { class: "icon", "aria-hidden": "true", viewBox: "0 0 24 24" }, use);
}

/** Return a picture as an element, without styles of its own: the page's hold. */
export function picture(text) {
  // Gone before it is parsed: a strict policy of the page forbids it even there, and says so.
  const plain = text.replace(STYLE_SHEET, "");
  const { documentElement } = new DOMParser().parseFromString(plain, "image/svg+xml");
  if (documentElement.tagName !== "svg") throw new Error("The engraved score cannot be shown.");
  documentElement.querySelectorAll(UNWANTED).forEach((element) => element.remove());
  for (const element of documentElement.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) {
      if (name === "style" || name.startsWith("on")) element.removeAttribute(name);
    }
  }
  return document.importNode(documentElement, true);
}
