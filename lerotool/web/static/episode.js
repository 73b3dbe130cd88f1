// One episode, finished or pending: pictures, transport, marks, charts, timing.

import { ask, icon, make, say, showBar } from "./dom.js";
import { Charts, Timing } from "./charts.js";
import { go } from "./main.js";
import { Marks } from "./marks.js";
import { Player } from "./player.js";

const RATES = [0.1, 0.25, 0.5, 1, 2, 4];
const KEYS = [["Space", "play, pause"], ["← →", "one frame; with Shift one second"], ["Home End", "first, last frame"], ["↑ ↓", "previous, next episode"], ["- +", "slower, faster"], ["s f x", "success, failure, flag"], ["n", "note"], ["[ ]", "begin, end here"]];

export async function showEpisode(page, key, which) {
  const base = which.name === undefined ? `${key}/episodes/${which.number}` : `${key}/pending/${which.name}`;
  const episode = await ask(`/api/${base}`);
  const player = new Player(episode, base);
  const marks = which.name === undefined ? new Marks(player, `/api/${base}`, episode.mark, episode.can_mark) : null;
  const parts = [];
  const later = make("div", { class: "numbers" });
  const watch = make("div", { class: "watch" });
  const whole = make("div", { class: "episode alone" }, watch, later);
  const help = helpDialog();
  const number = which.number;
  const isThere = (other) => which.name === undefined && other >= 0 && other < episode.episodes;
  const toEpisode = (other) => isThere(other) && go(`/d/${key}/episodes/${other}`);

  showBar(
    [["Datasets", "/"], [episode.dataset, `/d/${key}`], [which.name === undefined ? `Episode ${number}` : `Pending (${episode.state})`]],
    make("button", { class: "button bare", title: "Previous episode (↑)", "aria-label": "Previous episode", disabled: !isThere(number - 1), onclick: () => toEpisode(number - 1) }, icon("back")),
    make("button", { class: "button bare", title: "Next episode (↓)", "aria-label": "Next episode", disabled: !isThere(number + 1), onclick: () => toEpisode(number + 1) }, icon("on")),
    make("button", { class: "button bare", title: "Keys (?)", "aria-label": "Keys", onclick: () => help.showModal() }, icon("help")),
  );
    const task = make("p", { class: "soft task clip", title: episode.tasks.join(" · ") }, episode.tasks.join(" · "));
  watch.append(task, player.element, makeTransport(player, marks), marks?.element ?? "");
  page.append(whole, help);
  scrub(player);
  addEventListener("keydown", press);
  player.addEventListener("move", remember);

  const wanted = Number(new URLSearchParams(location.search).get("t"));
  const first = player.seek(Number.isFinite(wanted) ? wanted * player.fps : 0);
  // Pictures first: charts need a library and all rows.
  Promise.race([first, new Promise((resolve) => setTimeout(resolve, 1500))]).then(showRows).catch((error) => say(error.message));
  let isLeft = false;
  return () => {
    isLeft = true;
    removeEventListener("keydown", press);
    clearTimeout(remembering);
    player.close();
    for (const part of parts) part.close();
  };

  async function showRows() {
    const rows = await ask(`/api/${base}/rows`);
    if (isLeft) return;
    if (rows.features.length) {
      whole.classList.remove("alone");
      const charts = new Charts(player, rows.features);
      parts.push(charts);
      later.append(charts.element);
      charts.follow();
      await charts.draw();
    }
    if (rows.timing && !isLeft) {
      const timing = new Timing(player, rows.timing);
      parts.push(timing);
      watch.append(timing.element);
      timing.draw();
    }
  }

  function press(event) {
    if (event.target.matches("input, select, textarea") || event.metaKey || event.ctrlKey || event.altKey || help.open) return;
    const second = Math.round(player.fps);
    const actions = {
      " ": () => player.toggle(), ArrowLeft: () => player.seek(player.frame - (event.shiftKey ? second : 1)), ArrowRight: () => player.seek(player.frame + (event.shiftKey ? second : 1)),
      Home: () => player.seek(0), End: () => player.seek(player.frames - 1), ArrowUp: () => toEpisode(number - 1), ArrowDown: () => toEpisode(number + 1),
      "-": () => changeRate(player, -1), "+": () => changeRate(player, 1), "=": () => changeRate(player, 1), "?": () => help.showModal(),
    };
    if (marks && episode.can_mark) Object.assign(actions, { s: () => marks.toggleOutcome("success"), f: () => marks.toggleOutcome("failure"), x: () => marks.toggleFlag(), n: () => marks.note.focus(), "[": () => marks.trimFrom(), "]": () => marks.trimTo() });
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** The address names the time, so that it can be sent to somebody. */
  function remember() {
    clearTimeout(remembering);
    remembering = setTimeout(() => !isLeft && history.replaceState(null, "", `${location.pathname}?t=${player.time.toFixed(3)}`), 250);
  }
}
let remembering = 0;

function changeRate(player, by) {
  const place = RATES.indexOf(player.rate) + by;
  if (RATES[place]) player.setRate(RATES[place]);
}

function makeTransport(player, marks) {
  const button = (name, text, act, more = {}) => make("button", { class: "button bare", title: text, "aria-label": text, onclick: act, ...more }, icon(name));
  const play = make("button", { class: "button main", title: "Play, pause (Space)", "aria-label": "Play", onclick: () => player.toggle() }, icon("play"));
  const now = make("b", { class: "number" });
  const frame = make("span", { class: "faint number wide" });
  const rate = make("select", { class: "button bare", "aria-label": "Speed", onchange: () => player.setRate(Number(rate.value)) }, RATES.map((value) => make("option", { value }, `${value}×`)));
  const done = make("div", { class: "done" });
  const before = make("div", { class: "cut" });
  const after = make("div", { class: "cut" });
  const knob = make("div", { class: "knob" });
  const rail = make("div", { class: `rail${marks?.canMark ? " trims" : ""}`, role: "slider", tabindex: "0", "aria-label": "Time", "aria-valuemin": 0, "aria-valuemax": player.frames - 1 }, make("div", { class: "bed" }, done, before, after), knob);
  const seek = (event) => {
    const box = rail.getBoundingClientRect();
    player.seek(((event.clientX - box.left) / box.width) * (player.frames - 1));
  };
  const handles = marks?.canMark ? [trimHandle("begin", "Begin of what is kept", seek, () => marks.trimFrom()), trimHandle("end", "End of what is kept", seek, () => marks.trimTo())] : [];
  rail.append(...handles);
  rail.addEventListener("pointerdown", (event) => (rail.setPointerCapture(event.pointerId), seek(event)));
  rail.addEventListener("pointermove", (event) => rail.hasPointerCapture(event.pointerId) && seek(event));

  const end = ((player.frames - 1) / player.fps).toFixed(2);
  const move = () => {
    const share = `${(100 * player.frame) / Math.max(1, player.frames - 1)}%`;
    done.style.width = share;
    knob.style.left = share;
    now.textContent = player.time.toFixed(2);
    frame.textContent = ` frame ${player.frame} of ${player.frames}`;
    rail.setAttribute("aria-valuenow", player.frame);
    rail.setAttribute("aria-valuetext", `${player.time.toFixed(2)} s`);
  };
  const state = () => {
    play.replaceChildren(icon(player.playing ? "pause" : "play"));
    play.setAttribute("aria-label", player.playing ? "Pause" : "Play");
    rate.value = player.rate;
  };
  const trim = () => {
    const [first, last] = marks.trim;
    Object.assign(before.style, { left: 0, width: `${(100 * first) / player.frames}%` });
    Object.assign(after.style, { left: `${(100 * last) / player.frames}%`, right: 0 });
    [first, last].forEach((frame, end) => {
      handles[end]?.classList.toggle("set", frame !== end * player.frames);
      if (handles[end]) handles[end].style.left = `${(100 * frame) / player.frames}%`;
    });
  };
  player.addEventListener("move", move);
  player.addEventListener("state", state);
  state();
  move();
  if (marks) (marks.listeners.push(trim), trim());
  return make(
    "section", { class: "transport sheet", "aria-label": "Transport" }, rail,
    make("div", { class: "buttons" }, play, button("previous", "First frame (Home)", () => player.seek(0)), button("back", "One frame back (←)", () => player.seek(player.frame - 1)), button("on", "One frame on (→)", () => player.seek(player.frame + 1)), make("span", { class: "time" }, now, make("span", { class: "soft number" }, ` / ${end} s`), frame), make("span", { class: "grow" }), rate),
  );
}

/** A bracket below the rail: dragged, it takes the pictures along; let go, it marks where they are. */
function trimHandle(which, text, seek, mark) {
  const handle = make("div", { class: `handle ${which}`, title: text, "data-handle": which });
  let isDrag = false;
  handle.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
    isDrag = false;
  });
  handle.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (!handle.hasPointerCapture(event.pointerId)) return;
    isDrag = true;
    handle.style.left = `${event.clientX - handle.parentElement.getBoundingClientRect().left}px`;
    seek(event);
  });
  handle.addEventListener("pointerup", (event) => (isDrag ? mark() : seek(event)));
  return handle;
}

/** A finger or the mouse on the pictures: a tap plays, a drag moves in time. */
function scrub(player) {
  let start = null;
  const stage = player.element;
  stage.addEventListener("pointerdown", (event) => (start = { x: event.clientX, frame: player.frame, isDrag: false }));
  stage.addEventListener("pointermove", (event) => {
    if (!start) return;
    const moved = event.clientX - start.x;
    if (!start.isDrag && Math.abs(moved) < 8) return;
    if (!start.isDrag) stage.setPointerCapture(event.pointerId);
    start.isDrag = true;
    player.seek(start.frame + (moved / stage.clientWidth) * player.frames);
  });
  stage.addEventListener("pointerup", () => {
    if (start && !start.isDrag) player.toggle();
    start = null;
  });
  stage.addEventListener("pointercancel", () => (start = null));
}

function helpDialog() {
  const dialog = make("dialog", { "aria-label": "Keys" }, make("b", {}, "Keys"), make("div", { class: "keys" }, KEYS.flatMap(([keys, text]) => [make("span", {}, keys.split(" ").map((key) => make("kbd", {}, key))), make("span", {}, text)])), make("button", { class: "button main", onclick: () => dialog.close() }, "Close"));
  return dialog;
}
