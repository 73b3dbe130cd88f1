// The statistics of a dataset, one line per joint: asked for when a person opens them.

import { ask, make } from "./dom.js";

const HEADS = { min: "least", q01: "1 %", mean: "mean", std: "deviation", q99: "99 %", max: "most" };

export function statistics(key) {
  const body = make("div", { class: "table" });
  const element = make("details", { class: "statistics sheet", ontoggle: open }, make("summary", {}, "Statistics"), body);
  return element;

  async function open() {
    if (!element.open || body.firstChild) return;
    body.append(make("p", { class: "soft", role: "status" }, "looking …"));
    try {
      const { columns, features, units } = await ask(`/api/${key}/statistics`);
      body.replaceChildren(units ? make("p", { class: "soft" }, units) : "", features.length ? table(columns, features) : make("p", { class: "soft" }, "This dataset has no statistics: lerotool stats DATASET --write"));
    } catch (error) {
      body.replaceChildren(make("p", { class: "bad", role: "alert" }, error.message));
    }
  }
}

function table(columns, features) {
  const head = make("tr", {}, make("th", { scope: "col" }, "feature"), make("th", { scope: "col" }, "unit"), columns.map((name) => make("th", { scope: "col" }, HEADS[name] ?? name)));
  const groups = features.map(({ name, label, lines }) =>
    make(
      "tbody",
      { "data-feature": name },
      make("tr", {}, make("th", { scope: "rowgroup", colspan: columns.length + 2 }, label)),
      lines.map((line) => make("tr", {}, make("th", { scope: "row" }, line.label), make("td", { class: "soft" }, line.unit), line.values.map((value) => make("td", {}, value === null ? "–" : String(Number(value.toPrecision(4))))))),
    ),
  );
  return make("table", {}, make("thead", {}, head), groups);
}
