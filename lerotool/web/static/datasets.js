// The list of datasets.

import { ago, ask, badge, counted, icon, inEdition, lasting, make, showBar, sized } from "./dom.js";

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
    list.replaceChildren(...datasets.filter((each) => `${each.name} ${each.task ?? ""}`.toLowerCase().includes(wanted)).map(card));
  }
}

function card(each) {
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
