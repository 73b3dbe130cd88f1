// What check and check --quality found in a dataset: kept from the last look, and looked at again when a person asks.
// And its statistics, one line per joint: asked for when a person opens them.

import { ago, ask, badge, counted, make, say } from "./dom.js";
import { ranges } from "./edits.js";

const LOOKS = [
  { look: "check", title: "Check", text: "Does LeRobot load it, and what is wrong with it", never: "Not checked on this machine." },
  { look: "quality", title: "Quality", text: "What is doubtful in the recording: waiting, joints, pictures, clock", never: "The recording was not looked at." },
];
const TONES = { error: "failure", warning: "flagged", note: "noted", hint: "noted" };
const MOST_LINKS = 24;
const HEADS = { min: "least", q01: "1 %", mean: "mean", std: "deviation", q99: "99 %", max: "most" };

/** The findings of a dataset. filter: called with a code and its episodes when the grid shall show those only. */
export function findings(key, filter) {
  const parts = LOOKS.map((each) => ({ ...each, body: make("div", { class: "found" }), state: make("span", { class: "soft", role: "status" }, "…") }));
  const buttons = parts.map((part) => make("button", { class: "button", title: part.text, "data-look": part.look, onclick: () => look(part) }, `${part.title} now`));
  const element = make("section", { class: "findings sheet", "aria-label": "Findings" }, parts.flatMap((part, place) => [make("header", {}, make("h2", {}, part.title), part.state, buttons[place]), part.body]));
  ask(`/api/${key}/found`).then(show, (error) => say(error.message));
  return element;

  async function look(part) {
    buttons.forEach((button) => (button.disabled = true));
    part.state.textContent = "looking …";
    try {
      show(await ask(`/api/${key}/${part.look}`, {}));
    } catch (error) {
      part.state.textContent = error.message;
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }

  function show(found) {
    for (const part of parts) {
      const last = found[part.look];
      part.state.textContent = last ? `${summary(last)}, ${ago(last.made)}${last.has_changed ? "; the dataset has changed since" : ""}` : part.never;
      part.body.replaceChildren(...(last?.findings ?? []).map((finding) => entry(finding, Boolean(last.has_changed))));
    }
  }

  function entry(finding, hasChanged) {
    const { episodes, code } = finding;
    const links = episodes.slice(0, MOST_LINKS).map((number) => make("a", { href: `/d/${key}/episodes/${number}` }, String(number)));
    const command = finding.command || (finding.remedy?.startsWith("lerotool ") ? finding.remedy : "");
    const advice = command ? null : finding.advice;
    return make(
      "article",
      { "data-code": code },
      make("p", {}, badge(TONES[finding.severity] ?? "noted", finding.severity), " ", finding.text),
      make("p", { class: "soft" }, `${finding.meaning} (${code})`),
      episodes.length && !hasChanged ? make("p", { class: "row" }, links, episodes.length > MOST_LINKS ? `and ${counted(episodes.length - MOST_LINKS, "more episode")}` : null, make("button", { class: "chip", onclick: () => filter(code, episodes) }, `Show ${ranges(episodes)}`)) : null,
      command ? make("code", {}, command) : null,
      advice ? make("p", { class: "soft" }, advice) : null,
    );
  }
}

function summary({ findings: all }) {
  const kinds = Object.keys(TONES).map((kind) => [all.filter((finding) => finding.severity === kind).length, kind]);
  return kinds.filter(([count]) => count).map(([count, kind]) => counted(count, kind)).join(", ") || "nothing found";
}

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
