// The list of datasets; and one of them: what it is, and all of its episodes. Only those in sight exist as elements.

import { ago, ask, badge, badges, counted, icon, inEdition, lasting, make, say, showBar, sized } from "./dom.js";
import { editButtons, ranges } from "./edits.js";
import { findings, statistics } from "./findings.js";
import { replace } from "./main.js";

const BARS = 28;
const WIDEST = 240;
const STILL = 0.02;
const DARK = 0.03;
const MARKS = [["", "any mark"], ["success", "success"], ["failure", "failure"], ["flagged", "flagged"], ["noted", "with a note"], ["unmarked", "unmarked"]];
const TRAITS = [["", "any content"], ["still", "hardly moving"], ["dark", "a dark camera"]];

export async function showDataset(page, key) {
  const dataset = await ask(`/api/${key}`);
  showBar([["Datasets", "/"], [dataset.name]]);
  const filters = new URLSearchParams(location.search);
  const grid = make("div", { class: "grid" });
  const count = make("span", { class: "soft", role: "status" });
  const only = make("button", { class: "chip", title: "Show all episodes again", onclick: () => (filters.delete("episodes"), set("found", "")) });
  let traits = null;
  let shown = [];

  const bars = histogram(dataset, filters, update);
  page.append(head(dataset, key, bars.element));
  if (dataset.warning) page.prepend(make("p", { class: "warning" }, dataset.warning));
  if (dataset.unmatched_marks) page.prepend(make("p", { class: "warning" }, `${counted(dataset.unmatched_marks, "mark")} belong to episodes that are no longer the ones that were marked; they count for nothing.`));
  if (dataset.pending.length) page.append(make("h2", { class: "section" }, "Pending", make("span", { class: "faint" }, "recorded, not encoded yet")), make("div", { class: "strip" }, dataset.pending.map((each) => pendingCard(key, each))));
  if (dataset.lengths.length) page.append(make("div", { class: "tools" }, controls(), editButtons(key, dataset, () => shown, () => replace(`/d/${key}`))), findings(key, showOnly), statistics(key), grid);
  else page.append(make("p", { class: "quiet" }, dataset.pending.length ? "Nothing is encoded yet." : "No episodes."));

  await update();
  const redraw = () => draw();
  addEventListener("scroll", redraw, { passive: true });
  // What stands above the grid opens, closes and comes later.
  const watch = new ResizeObserver(redraw);
  watch.observe(document.body);
  return () => {
    removeEventListener("scroll", redraw);
    watch.disconnect();
  };

  function controls() {
    const task = choice("task", [["", "any task"], ...dataset.tasks.map((text, number) => [String(number), text])]);
    return make("div", { class: "find" }, dataset.tasks.length > 1 ? task : null, choice("mark", MARKS), choice("trait", TRAITS), only, count);
  }

  /** Leave the episodes of a finding; the address has them. */
  function showOnly(code, episodes) {
    filters.set("found", code);
    filters.set("episodes", ranges(episodes));
    grid.scrollIntoView({ block: "nearest" });
    return update();
  }

  function choice(name, options) {
    const select = make("select", { "aria-label": name, onchange: () => set(name, select.value) }, options.map(([value, text]) => make("option", { value, selected: filters.get(name) === value }, text)));
    return select;
  }

  function set(name, value) {
    if (value) filters.set(name, value);
    else filters.delete(name);
    return update();
  }

  async function update() {
    const query = filters.toString();
    history.replaceState(null, "", location.pathname + (query ? `?${query}` : ""));
    if (filters.get("trait") && !traits) {
      try {
        count.textContent = "looking …";
        traits = await ask(`/api/${key}/traits`);
      } catch (error) {
        say(error.message);
        filters.delete("trait");
      }
    }
    const listed = filters.has("episodes") ? numbers(filters.get("episodes")) : null;
    only.hidden = !listed;
    only.textContent = `${filters.get("found") ?? "episodes"} ×`;
    shown = dataset.lengths.map((_, number) => number).filter((number) => (!listed || listed.has(number)) && isWanted(number));
    bars.update();
    const all = dataset.lengths.length;
    count.textContent = shown.length === all ? counted(all, "episode") : `${shown.length.toLocaleString("en")} of ${counted(all, "episode")}`;
    grid.replaceChildren();
    draw();
  }

  function isWanted(number) {
    const task = filters.get("task");
    if (task && !dataset.episode_tasks[number].includes(Number(task))) return false;
    const [least, most] = (filters.get("frames") ?? "").split("-").map(Number);
    if (most && !(dataset.lengths[number] >= least && dataset.lengths[number] <= most)) return false;
    const mark = dataset.marks[number] ?? {};
    const kind = filters.get("mark");
    if (kind && !{ success: mark.outcome === "success", failure: mark.outcome === "failure", flagged: mark.flagged, noted: mark.note, unmarked: !mark.outcome && !mark.flagged }[kind]) return false;
    const trait = filters.get("trait");
    if (trait === "still" && !(traits.movement[number] !== null && traits.movement[number] < STILL)) return false;
    return !(trait === "dark" && !(traits.brightness[number] !== null && traits.brightness[number] < DARK));
  }

  function draw() {
    const width = grid.clientWidth;
    if (!width) return;
    const gap = width < 600 ? 8 : 12;
    const columns = Math.max(2, Math.floor((width + gap) / (WIDEST + gap)));
    const cardWidth = (width - gap * (columns - 1)) / columns;
    const rowHeight = Math.round(cardWidth * 0.7) + 34 + gap;
    grid.style.height = `${Math.max(0, Math.ceil(shown.length / columns) * rowHeight - gap)}px`;
    const top = -grid.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / rowHeight) - 1) * columns;
    const last = Math.min(shown.length, (Math.ceil((top + innerHeight) / rowHeight) + 1) * columns);
    const wanted = new Set(shown.slice(first, last));
    for (const card of [...grid.children]) if (!wanted.has(Number(card.dataset.episode))) card.remove();
    const there = new Map([...grid.children].map((card) => [Number(card.dataset.episode), card]));
    for (let place = first; place < last; place++) {
      const number = shown[place];
      const card = there.get(number) ?? grid.appendChild(episodeCard(key, dataset, number));
      Object.assign(card.style, { left: `${(place % columns) * (cardWidth + gap)}px`, top: `${Math.floor(place / columns) * rowHeight}px`, width: `${cardWidth}px`, height: `${rowHeight - gap}px` });
    }
  }
}

function head(dataset, key, bars) {
  const size = make("dd", {}, "…");
  ask(`/api/${key}/size`).then(({ bytes }) => (size.textContent = sized(bytes)), () => (size.textContent = "?"));
  const facts = [["episodes", dataset.episodes.toLocaleString("en")], ["length", dataset.seconds ? lasting(dataset.seconds) : "0 s"], ["rate", dataset.fps ? `${dataset.fps} /s` : "?"], ["robot", dataset.robot ?? "unknown"], ["cameras", dataset.cameras.map((camera) => camera.label).join(", ") || "none"], ["format", dataset.version ?? "none yet"]];
  return make(
    "section",
    { class: "head sheet" },
    make("div", { class: "facts" }, make("h1", {}, dataset.name), make("p", { class: "soft clip", title: dataset.folder }, dataset.tasks.length === 1 ? dataset.tasks[0] : dataset.tasks.length ? counted(dataset.tasks.length, "task") : dataset.folder), make("dl", {}, facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))), make("div", {}, make("dt", {}, "size"), size))),
    bars,
  );
}

/** How long the episodes are; a bar that is pressed leaves only those of its lengths. */
function histogram(dataset, filters, update) {
  const lengths = dataset.lengths;
  if (new Set(lengths).size < 2) return { element: null, update() {} };
  const least = lengths.reduce((a, b) => Math.min(a, b));
  const most = lengths.reduce((a, b) => Math.max(a, b));
  const count = Math.min(BARS, most - least + 1);
  const step = (most - least + 1) / count;
  const bins = Array.from({ length: count }, (_, place) => ({ from: Math.ceil(least + place * step), to: Math.ceil(least + (place + 1) * step) - 1, episodes: 0 }));
  for (const length of lengths) bins[Math.min(count - 1, Math.floor((length - least) / step))].episodes++;
  const highest = Math.max(...bins.map((bin) => bin.episodes));
  const seconds = (frames) => lasting(frames / dataset.fps);
  const buttons = bins.map((bin) => {
    const range = `${bin.from}-${bin.to}`;
    const text = `${counted(bin.episodes, "episode")} of ${seconds(bin.from)}${bin.to > bin.from ? ` to ${seconds(bin.to)}` : ""}`;
    const press = () => {
      if (filters.get("frames") === range) filters.delete("frames");
      else filters.set("frames", range);
      update();
    };
    return make("button", { class: bin.episodes ? null : "none", title: text, "aria-label": text, "data-range": range, disabled: !bin.episodes, onclick: press }, make("i", { style: { height: bin.episodes ? `max(3px, ${(100 * bin.episodes) / highest}%)` : "0" } }));
  });
  const element = make("div", { class: "histogram" }, make("div", { class: "bars" }, buttons), make("div", { class: "ends" }, make("span", {}, seconds(least)), make("span", {}, "length of episodes"), make("span", {}, seconds(most))));
  return { element, update: () => buttons.forEach((button) => button.setAttribute("aria-pressed", filters.get("frames") === button.dataset.range)) };
}

function episodeCard(key, dataset, number) {
  const picture = make("img", { alt: "" });
  // Cards that are scrolled past do not ask for their pictures.
  if (dataset.thumbnail !== null) setTimeout(() => picture.isConnected && (picture.src = inEdition(`/thumbnail/${key}/episodes/${number}.jpg`, dataset.edition)), 60);
  const tasks = dataset.episode_tasks[number].map((task) => dataset.tasks[task]).join(" · ");
  return make(
    "a",
    { class: "card sheet", href: `/d/${key}/episodes/${number}`, "data-episode": number },
    make("div", { class: "picture" }, picture, make("span", { class: "badges" }, badges(dataset.marks[number] ?? {})), make("span", { class: "length" }, lasting(dataset.lengths[number] / dataset.fps))),
    make("div", { class: "text" }, make("b", {}, String(number)), make("span", { class: "task", title: tasks }, tasks)),
  );
}

function pendingCard(key, each) {
  const address = `/d/${key}/pending/${each.name}`;
  return make(
    "a",
    { class: "card sheet", href: address },
    make("div", { class: "picture" }, each.has_picture ? make("img", { src: `/thumbnail/${key}/pending/${each.name}.jpg`, alt: "", loading: "lazy" }) : null, make("span", { class: "badges" }, make("span", { class: "badge" }, each.state)), make("span", { class: "length" }, lasting(each.seconds))),
    make("div", { class: "text" }, make("span", { class: "task", title: each.task }, each.task)),
  );
}

/** The numbers that a text such as 0-4,7 means. */
function numbers(text) {
  const found = new Set();
  for (const part of text.split(",")) {
    const [first, last = first] = part.split("-").map(Number);
    for (let number = first; number <= Math.min(last, 1e6); number++) found.add(number);
  }
  return found;
}

export async function showDatasets(page) {
  showBar([["Datasets"]]);
  const { datasets } = await ask("/api/datasets");
  if (!datasets.length) {
    page.append(make("p", { class: "quiet" }, "Nothing recorded yet.", make("br"), make("code", {}, "lerotool record --robot sim --episodes 3")));
    return;
  }
  const list = make("div", { class: "datasets" });
  const search = make("input", { type: "search", placeholder: "Find a dataset", "aria-label": "Find a dataset", oninput: fill });
  if (datasets.length > 6) page.append(make("div", { class: "find" }, search, make("span", { class: "soft" }, counted(datasets.length, "dataset"))));
  page.append(list);
  fill();

  function fill() {
    const wanted = search.value.toLowerCase();
    list.replaceChildren(...datasets.filter((each) => `${each.name} ${each.task ?? ""}`.toLowerCase().includes(wanted)).map(datasetCard));
  }
}

function datasetCard(each) {
  const { key, pending } = each;
  let picture = null;
  if (each.thumbnail === 0) picture = inEdition(`/thumbnail/${key}/episodes/0.jpg`, each.edition);
  else if (pending) picture = `/thumbnail/${key}/pending/${each.pending_name}.jpg`;
  const labels = Object.entries(each.marks ?? {}).slice(0, 3).map(([kind, count]) => badge(kind, `${count} ${kind}`));
  if (pending) labels.unshift(make("span", { class: "badge" }, `${pending} pending`));
  const facts = each.error
    ? [make("p", { class: "bad" }, each.error)]
    : [
        make("p", { class: "task soft", title: each.task }, each.task || "no task"),
        make("p", { class: "row soft" }, make("span", {}, counted(each.episodes, "episode")), each.seconds ? make("span", {}, lasting(each.seconds)) : null, each.cameras?.length ? make("span", {}, counted(each.cameras.length, "camera")) : null),
        make("p", { class: "row faint" }, each.robot ? make("span", {}, each.robot) : null, each.version ? make("span", {}, `LeRobot ${each.version}`) : null, sizeOf(key)),
        labels.length ? make("p", { class: "row" }, labels) : "",
      ];
  if (each.checked) facts.push(make("p", { class: `checked ${each.checked.errors ? "bad" : "faint"}` }, checked(each.checked)));
  return make(
    "a",
    { class: "dataset sheet", href: `/d/${key}`, title: each.folder },
    make("div", { class: "picture" }, picture ? make("img", { src: picture, alt: "", loading: "lazy", onerror: (event) => event.target.replaceWith(icon("camera")) }) : icon("camera")),
    make("div", { class: "text" }, make("h2", {}, each.name), facts),
  );
}

/** How large a dataset is, asked for when its card comes into sight: every file of it is looked at. */
function sizeOf(key) {
  const size = make("span");
  const watch = new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    watch.disconnect();
    const found = await ask(`/api/${key}/size`).catch(() => null);
    if (found) size.textContent = sized(found.bytes);
  });
  watch.observe(size);
  return size;
}

/** What the last check of a dataset found, in one line. */
function checked({ made, has_changed: hasChanged, errors, warnings }) {
  const counts = [errors && counted(errors, "error"), warnings && counted(warnings, "warning")].filter(Boolean).join(", ");
  return `checked ${ago(made)}: ${counts || "nothing wrong"}${hasChanged ? "; changed since" : ""}`;
}
