// Which page an address means. Links inside are followed without loading everything again.

import { make } from "./dom.js";
import { showDataset, showDatasets } from "./datasets.js";
import { showEpisode } from "./episode.js";
import { showLive } from "./live.js";

const ROUTES = [
  [/^\/$/, () => showDatasets],
  [/^\/live$/, () => showLive],
  [/^\/d\/(\w+)$/, (key) => (page) => showDataset(page, key)],
  [/^\/d\/(\w+)\/episodes\/(\d+)$/, (key, number) => (page) => showEpisode(page, key, { number: Number(number) })],
  [/^\/d\/(\w+)\/pending\/([^/]+)$/, (key, name) => (page) => showEpisode(page, key, { name })],
];

let leave = () => {};
let visit = 0;

async function show() {
  const mine = ++visit;
  leave();
  leave = () => {};
  const place = document.getElementById("page");
  const page = make("div");
  for (const [pattern, choose] of ROUTES) {
    const found = pattern.exec(location.pathname);
    if (!found) continue;
    try {
      const left = await choose(...found.slice(1))(page);
      if (mine !== visit) return left?.();
      leave = left ?? leave;
    } catch (error) {
      if (mine !== visit) return undefined;
      page.replaceChildren(make("p", { class: "quiet bad" }, error.message));
    }
    place.replaceChildren(page);
    return undefined;
  }
  place.replaceChildren(make("p", { class: "quiet" }, "Page not found. ", make("a", { href: "/" }, "All datasets")));
  return undefined;
}

export function go(address) {
  history.pushState(null, "", address);
  scrollTo(0, 0);
  return show();
}

/** Show another page in place of this one. */
export function replace(address) {
  history.replaceState(null, "", address);
  return show();
}

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});
addEventListener("popstate", show);
show();
