// Elements, texts and answers of the server. Texts from datasets are only ever set as text.

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  play: "M7 5l12 7-12 7z", pause: "M8 5v14M16 5v14", back: "M15 6l-6 6 6 6", on: "M9 6l6 6-6 6",
  previous: "M18 6l-8 6 8 6zM6 6v12", next: "M6 6l8 6-8 6zM18 6v12", success: "M5 12.5l4.5 4.5L19 7.5",
  failure: "M6 6l12 12M18 6L6 18", flagged: "M6 21V4m0 1h11l-2.5 4L17 13H6", noted: "M4 20l1-4L16 5l3 3L8 19z",
  trimmed: "M8 5H5v14h3M16 5h3v14h-3", camera: "M4 7h11v10H4zM15 11l5-3v8l-5-3", help: "M9.2 9a2.8 2.8 0 1 1 4 2.5c-.9.5-1.2 1-1.2 2M12 17v.3",
};

/** Return an element; attributes that begin with "on" are listeners, children are elements or texts. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [property, set] of Object.entries(value)) element.style.setProperty(property, set);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  if (name === "play" || name === "previous" || name === "next") path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** Ask the server; an answer that is an error is thrown with the server's own words. */
export async function ask(address, said) {
  const options = said === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(said) };
  let answer;
  try {
    answer = await fetch(address, options);
  } catch (error) {
    throw new Error("the server does not answer: start it again with: lerotool view", { cause: error });
  }
  const document = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
  if (!answer.ok) throw new Error(document.hint ? `${document.error} (${document.hint})` : document.error);
  return document;
}

/** The address of a picture or video in one edition of its dataset, so that a browser never shows that of another. */
export const inEdition = (address, edition) => (edition ? `${address}?edition=${edition}` : address);

let silence = 0;
/** Say something for a moment. */
export function say(text) {
  const place = document.getElementById("says");
  place.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => place.replaceChildren(), 4000);
}

export const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

export function lasting(seconds) {
  if (seconds >= 3600) return `${(seconds / 3600).toFixed(1)} h`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
  return `${seconds.toFixed(1)} s`;
}

/** How long ago a time was, in words. */
export function ago(time) {
  const minutes = Math.max(0, (Date.now() - new Date(time)) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 60 / 24)} days ago`;
}

export function sized(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const place = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** place).toFixed(place && bytes / 1000 ** place < 10 ? 1 : 0)} ${units[place]}`;
}

/** The line at the top: where this page is, and what can be done from every page. */
export function showBar(places, ...actions) {
  const trail = [];
  for (const [text, address] of places.slice(0, -1)) {
    const first = address === "/" ? " first" : "";
    trail.push(make("a", { href: address, class: first }, text), make("span", { class: `slash${first}` }, "/"));
  }
  const last = places[places.length - 1][0];
  trail.push(make("span", { class: "here" }, last));
  document.title = `${last} · lerotool`;
  document.getElementById("bar").replaceChildren(
    make("a", { class: "mark", href: "/", "aria-label": "All datasets" }, make("img", { src: "/static/icon.svg", alt: "" })),
    make("nav", {}, trail),
    ...actions,
  );
}

export function badges(mark) {
  const shown = [];
  if (mark.outcome) shown.push(badge(mark.outcome, mark.outcome));
  if (mark.flagged) shown.push(badge("flagged", "flag"));
  if (mark.note) shown.push(badge("noted", "note"));
  if (mark.trim) shown.push(badge("trimmed", "trim"));
  return shown;
}

export function badge(kind, text) {
  return make("span", { class: `badge tone-${kind}` }, icon(kind), text);
}
