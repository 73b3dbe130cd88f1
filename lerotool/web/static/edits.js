// Edits of a dataset: what an edit would do is shown first, and done when a person says so. The last one can be taken back.

import { ask, counted, lasting, make, say, sized } from "./dom.js";

const KEPT = "The old files are kept: Undo brings them back.";

/** The buttons of a dataset's page. shown: the numbers that its filters leave; done: shows the page again. */
export function editButtons(key, dataset, shown, done) {
  const marks = Object.values(dataset.marks);
  const flagged = marks.filter((mark) => mark.flagged).length;
  const trimmed = marks.filter((mark) => mark.trim).length;
  const button = (text, title, isPossible, press) => make("button", { class: "button", title, disabled: !dataset.can_mark || !isPossible, onclick: press }, text);
  const start = (said, title, verb) => showEdit(new Dialog(title), key, dataset, said, verb, done);
  const undo = button("Undo …", "Take the last change back", false, () => showUndo(new Dialog("Take the last change back?"), key, done));
  ask(`/api/${key}/undo`).then(({ change }) => (undo.disabled = !dataset.can_mark || !change), () => (undo.disabled = !dataset.can_mark));
  return make(
    "div",
    { class: "acts", role: "group", "aria-label": "Edit" },
    button(`Delete flagged (${flagged})\u00a0…`, "Episodes with a flag leave", flagged, () => start({ edit: "delete", episodes: "flagged" }, "Delete the flagged episodes?", "Delete")),
    button(`Trim as marked (${trimmed})\u00a0…`, "Episodes are cut to their marked begin and end", trimmed, () => start({ edit: "trim" }, "Trim as marked?", "Trim")),
    button("Change task …", "The episodes shown get another task", dataset.episodes, () => askTask(key, dataset, shown(), done)),
    undo,
  );
}

/** A question with facts, an answer that does something, and errors in words. */
class Dialog {
  constructor(title) {
    this.body = make("div", { class: "said" });
    this.cancel = make("button", { class: "button", onclick: () => this.element.close() }, "Cancel");
    this.act = make("button", { class: "button main", hidden: true });
    this.element = make("dialog", { class: "asking", "aria-label": title, onclose: () => this.element.remove() }, make("h2", {}, title), this.body, make("div", { class: "answers" }, this.cancel, this.act));
    document.body.append(this.element);
    this.element.showModal();
  }

  /** Show something, with a button that goes on, or with none. */
  show(parts, text = null, act = null) {
    this.body.replaceChildren(...[parts].flat().filter(Boolean));
    this.act.hidden = !act;
    this.act.textContent = text ?? "";
    this.act.onclick = act;
  }

  /** Wait for the server; what it refuses is shown in its own words. */
  async wait(text, work) {
    this.show(make("p", { class: "soft", role: "status" }, text));
    this.cancel.disabled = true;
    try {
      return await work();
    } catch (error) {
      this.show(make("p", { class: "bad", role: "alert" }, error.message));
      return null;
    } finally {
      this.cancel.disabled = false;
    }
  }

  /** Look at what would happen, show it, and do it when a person says so: then `said` goes to the address. */
  async decide(look, describe, verb, address, done, told) {
    const found = await this.wait("Looking at what would happen …", look);
    if (!found) return;
    const { parts, said } = describe(found);
    const act = async () => {
      const report = await this.wait("Working …", () => ask(address, said));
      if (!report) return;
      this.element.close();
      await done();
      say(told(report));
    };
    this.show(parts, verb, said ? act : null);
  }
}

/** Show what an edit would do. */
function showEdit(dialog, key, dataset, said, verb, done) {
  const address = `/api/${key}/edits`;
  const describe = (plan) => {
    const { facts, isNothing } = consequences(plan, dataset);
    const isPossible = !plan.problems.length && !isNothing;
    const problems = plan.problems.map((text) => make("p", { class: "bad", role: "alert" }, `${text}: see lerotool check`));
    const notes = [plan.question && make("p", { class: "warning" }, plan.question), isNothing && make("p", {}, "Nothing would change."), isPossible && make("p", { class: "soft" }, KEPT)];
    return { parts: [facts, ...problems, ...notes], said: isPossible && { ...said, seen: plan.seen } };
  };
  return dialog.decide(() => ask(`${address}/plan`, said), describe, verb, address, done, (report) => `Done: ${counted(report.episodes, "episode")} now. Undo takes it back.`);
}

function showUndo(dialog, key, done) {
  const address = `/api/${key}/undo`;
  const describe = ({ change, seen }) => {
    if (!change) return { parts: make("p", {}, "There is nothing to take back.") };
    const facts = [["made", change.made], ["as before", counted(change.restored.length, "file")], ["removed", counted(change.removed.length, "file")]];
    return { parts: [make("p", {}, make("code", {}, change.command)), list(facts)], said: { seen } };
  };
  return dialog.decide(() => ask(address), describe, "Take back", address, done, () => "Taken back: every file is as it was.");
}

function askTask(key, dataset, numbers, done) {
  const all = dataset.episodes;
  const which = numbers.length === all ? `all ${counted(all, "episode")}` : `${numbers.length.toLocaleString("en")} of ${counted(all, "episode")}, those that the filters leave`;
  const dialog = new Dialog("Change the task");
  const text = make("input", { type: "text", class: "note", list: "tasks", "aria-label": "Task", value: numbers.length ? dataset.tasks[dataset.episode_tasks[numbers[0]][0]] : "" });
  const known = make("datalist", { id: "tasks" }, dataset.tasks.map((task) => make("option", { value: task })));
  const next = () => showEdit(dialog, key, dataset, { edit: "task", text: text.value, episodes: ranges(numbers) }, "Change", done);
  text.addEventListener("keydown", (event) => event.key === "Enter" && next());
  dialog.show([make("p", { class: "soft" }, `Of ${which}.`), text, known], "Next", numbers.length ? next : null);
  text.select();
}

function consequences(plan, dataset) {
  const leave = plan.left_out.length;
  const before = plan.frames + plan.frames_left_out;
  const change = (from, to, worded) => (from === to ? worded(to) : `${worded(from)} → ${worded(to)}`);
  const seconds = (frames) => lasting(frames / dataset.fps);
  const hasOtherTasks = plan.tasks.join("\n") !== dataset.tasks.join("\n");
  const facts = [
    ["episodes", change(plan.episodes + leave, plan.episodes, (number) => number.toLocaleString("en"))],
    leave && ["left out", ranges(plan.left_out)],
    plan.trimmed.length && ["cut shorter", ranges(plan.trimmed)],
    ["frames", change(before, plan.frames, (number) => number.toLocaleString("en"))],
    ["length", change(before, plan.frames, seconds)],
    hasOtherTasks && [plan.tasks.length === 1 ? "task then" : "tasks then", plan.tasks.join(" · ")],
    ["written", `about ${sized(plan.written_bytes)}`],
    plan.unneeded_bytes && ["unused in videos", `about ${sized(plan.unneeded_bytes)}`],
  ];
  const isNothing = before === plan.frames && !leave && !plan.written_bytes;
  return { facts: list(facts.filter(Boolean)), isNothing };
}

const list = (facts) => make("dl", { class: "consequences" }, facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

/** Numbers that ascend, written as lerotool reads them: 0-4,7. */
export function ranges(numbers) {
  const found = [];
  for (const number of numbers) {
    const last = found[found.length - 1];
    if (last && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
