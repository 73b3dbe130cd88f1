// A recording while it goes on: pictures, phase and countdown large enough to read from the arm, and the keys as buttons.

import { ask, counted, inEdition, make, say, showBar, sized } from "./dom.js";

const PAUSE_MS = 200;
const TITLES = { starting: "Starting", aligning: "Aligning", take: "Recording", saving: "Saving", reset: "Reset the scene", asking: "How did it go?", waiting: "Waiting for the encoder", reconnecting: "A device is missing", teleoperating: "Following", replaying: "Replaying", encoding: "Encoding what is left", done: "Done" };
const KEYS = {
  take: [["next", "End the take", "main"], ["again", "Discard, record again"], ["stop", "Save and leave"]],
  reset: [["next", "Start the take", "main"], ["success", "Success", "tone-success"], ["failure", "Failure", "tone-failure"], ["flag", "Flag", "tone-flagged"], ["again", "Take the last one back"], ["stop", "Leave"]],
  asking: [["success", "Success", "tone-success"], ["failure", "Failure", "tone-failure"], ["flag", "Flag", "tone-flagged"], ["next", "No answer"], ["again", "Discard, record again"], ["stop", "Leave"]],
  waiting: [["next", "Do not wait", "main"], ["stop", "Leave"]],
  encoding: [["stop", "Leave the rest for later"]],
};
const OTHER = [["stop", "Leave"]];
const LETTERS = { ArrowRight: "next", n: "next", " ": "next", ArrowLeft: "again", r: "again", q: "stop", s: "success", f: "failure", x: "flag", "!": "flag" };
const MOST_GHOSTS = 300;
const NO_GHOST = "no ghost of an earlier episode";
const TONES = { take: 880, reset: 440, done: 660 };

export async function showLive(page) {
  showBar([["Recorded so far", "/"], ["Live"]], make("button", { class: "button bare", "aria-pressed": "false", title: "A tone at each phase", onclick: toggleSound }, "Sound"));
  let state = await ask("/live/state");
  const title = make("h1");
  const count = make("p", { class: "count number" });
  const which = make("p", { class: "soft" });
  const task = make("p", { class: "soft task" });
  const banner = make("section", { class: "banner sheet", role: "status" }, make("div", {}, title, which, task), count);
  const left = make("div", { class: "left" }, make("i"));
  const cameras = state.shown.map((camera, number) => liveCamera(camera, number));
  const stage = make("div", { class: "stage", style: { "--columns": Math.min(3, Math.max(1, cameras.length)), "--rows": Math.ceil(cameras.length / 3) } }, cameras.map((camera) => camera.element));
  const ghost = new Ghost(new Map(state.shown.map((camera, number) => [camera.name, cameras[number].element])));
  const alarms = make("div");
  const buttons = make("section", { class: "presses" });
  const facts = make("p", { class: "row soft facts-live" });
  page.append(make("div", { class: "live" }, banner, left, alarms, stage, make("div", { class: "below" }, cameras.length ? ghost.element : null, facts), buttons));
  let phase = null;
  let sound = null;
  let isLeft = false;
  let hasEnded = false;

  const look = async () => {
    if (isLeft) return;
    try {
      state = await ask("/live/state");
      draw();
    } catch {
      if (!hasEnded) ended();
      hasEnded = true;
      return;
    }
    timer = setTimeout(look, PAUSE_MS);
  };
  let timer = setTimeout(look, PAUSE_MS);
  const hide = () => cameras.forEach((camera) => camera.show(!document.hidden));
  document.addEventListener("visibilitychange", hide);
  addEventListener("keydown", press);
  draw();
  return () => {
    isLeft = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", hide);
    removeEventListener("keydown", press);
    cameras.forEach((camera) => camera.show(false));
    sound?.close();
  };

  function draw() {
    if (!state.phase) return;
    banner.dataset.phase = state.phase;
    title.textContent = TITLES[state.phase] ?? state.phase;
    which.textContent = state.goal ? `episode ${state.episode} · ${state.episode + 1} of ${state.goal}` : "";
    task.textContent = state.task;
    const seconds = state.left_s ?? state.elapsed_s;
    count.textContent = seconds >= 60 ? `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}` : seconds.toFixed(1);
    left.firstChild.style.width = state.length_s ? `${Math.min(100, (100 * state.elapsed_s) / state.length_s)}%` : "0";
    alarms.replaceChildren(...warnings().map((text) => make("p", { class: "warning" }, text)));
    state.cameras.forEach((camera, number) => cameras[number]?.tell(camera));
    const take = state.take;
    facts.replaceChildren(...[take && `${counted(take.rows, "row")} at ${take.fps.toFixed(1)}/s`, take && `${take.late} late`, take && `${take.missed} missed`, take?.stale_rows ? `${take.stale_rows} with stale joints` : null, `${state.pending} waiting to be encoded`, state.disk && `${sized(state.disk.free_bytes)} free`].filter(Boolean).map((text) => make("span", {}, text)));
    const marked = state.marked;
    for (const [key, isOn] of Object.entries({ success: marked?.outcome === "success", failure: marked?.outcome === "failure", flag: marked?.flagged }))
      buttons.querySelector(`[data-key="${key}"]`)?.setAttribute("aria-pressed", String(Boolean(isOn)));
    if (phase === state.phase) return;
    phase = state.phase;
    ghost.refresh(phase === "take");
    const keys = KEYS[phase] ?? (phase === "done" ? [] : OTHER);
    buttons.replaceChildren(...keys.map(([key, text, kind]) => make("button", { class: `button ${kind ?? ""}`, "data-key": key, onclick: () => give(key) }, text)));
    tone();
  }

  function warnings() {
    const found = [...state.alarms];
    if (state.not_kept) found.push(`The last take was not kept: ${state.not_kept}`);
    for (const camera of state.cameras) {
      if (camera.is_stale) found.push(`${camera.name}: no new picture for ${(camera.age_ms / 1000).toFixed(1)} s`);
      else if (camera.is_frozen) found.push(`${camera.name} has frozen: always the same picture`);
    }
    if (state.disk?.left_s && state.disk.left_s < 300) found.push(`the disk is full in ${Math.round(state.disk.left_s / 60)} min`);
    return found;
  }

  async function give(key) {
    try {
      await ask("/live/press", { key });
    } catch (error) {
      say(error.message);
    }
  }

  function press(event) {
    const key = LETTERS[event.key];
    if (!key || event.repeat || event.metaKey || event.ctrlKey || event.altKey || event.target.matches("input, select")) return;
    if (event.key === " " && event.target.matches("button")) return; // that presses the button
    event.preventDefault();
    give(key);
  }

  function ended() {
    banner.dataset.phase = "done";
    title.textContent = "The recording has ended";
    count.textContent = "";
    buttons.replaceChildren();
    cameras.forEach((camera) => camera.show(false));
  }

  function toggleSound(event) {
    if (sound) sound.close();
    sound = sound ? null : new AudioContext();
    event.currentTarget.setAttribute("aria-pressed", String(Boolean(sound)));
    tone();
  }

  function tone() {
    if (!sound || !TONES[phase]) return;
    const oscillator = sound.createOscillator();
    const volume = sound.createGain();
    volume.gain.value = 0.15;
    oscillator.frequency.value = TONES[phase];
    oscillator.connect(volume).connect(sound.destination);
    oscillator.start();
    oscillator.stop(sound.currentTime + 0.2);
  }
}

function liveCamera(camera, number) {
  const address = `/live/cameras/${number}`;
  const facts = make("span", { class: "number" });
  const picture = make("img", { src: address, alt: "", draggable: "false" });
  const element = make("figure", { class: "screen", "data-camera": camera.name, style: { "--shape": `${camera.width} / ${camera.height}` } }, picture, make("figcaption", {}, camera.name, " ", facts));
  return {
    element,
    tell: (now) => (facts.textContent = now.rate_hz ? `${now.rate_hz.toFixed(0)}/s` : ""),
    show(isWanted) {
      if (isWanted) picture.src = address;
      else picture.removeAttribute("src");
    },
  };
}

/** The first picture of an earlier episode, laid over the live one: to set the scene back, and to notice a moved camera. */
class Ghost {
  /** screens: by name of the camera the figure that shows it. */
  constructor(screens) {
    this.screens = screens;
    this.pictures = new Map();
    this.choice = make("select", { "aria-label": "Ghost", onchange: () => this.show().catch((error) => say(error.message)) }, make("option", { value: "" }, NO_GHOST));
    this.strength = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Strength of the ghost", hidden: true, oninput: () => this.fade() });
    this.element = make("div", { class: "find ghosts" }, this.choice, this.strength);
  }

  /** Offer what has been recorded so far, the newest first, but for a take that goes on; what is shown stays. */
  async refresh(isTaking) {
    let found = [];
    try {
      const { datasets } = await ask("/api/datasets");
      if (datasets.length) found = await episodesOf(datasets[0].key, isTaking);
    } catch {
      // Nothing is recorded yet.
    }
    const chosen = this.choice.selectedOptions[0];
    const options = found.slice(0, MOST_GHOSTS).map(({ address, text }) => make("option", { value: address }, text));
    this.choice.replaceChildren(make("option", { value: "" }, NO_GHOST), ...options);
    if (chosen.value && !options.some((option) => option.value === chosen.value)) this.choice.append(chosen);
    this.choice.value = chosen.value;
  }

  async show() {
    const address = this.choice.value;
    for (const picture of this.pictures.values()) picture.remove();
    this.pictures.clear();
    this.strength.hidden = !address;
    if (!address) return;
    const episode = await ask(`/api/${address}`);
    if (this.choice.value !== address) return;
    for (const camera of episode.cameras) {
      const screen = this.screens.get(camera.name) ?? this.screens.get(camera.label);
      if (!screen || !camera.is_there) continue;
      const picture = make("img", { class: "ghost", alt: "", src: inEdition(`/frame/${address}/${camera.number}/0.jpg`, episode.edition) });
      this.pictures.set(camera.name, picture);
      screen.append(picture);
    }
    this.fade();
  }

  fade() {
    for (const picture of this.pictures.values()) picture.style.opacity = this.strength.value / 100;
  }
}

async function episodesOf(key, isTaking) {
  const dataset = await ask(`/api/${key}`);
  const pending = dataset.pending.filter((each) => each.has_picture && !(isTaking && each.state === "recording"));
  const waiting = pending.map((each) => ({ address: `${key}/pending/${each.name}`, text: `ghost: ${each.name.replace(/^episode-0*(\d+)-.*$/, "episode $1")}` }));
  const finished = dataset.lengths.map((_, number) => ({ address: `${key}/episodes/${number}`, text: `ghost: episode ${number}` }));
  return [...waiting.reverse(), ...finished.reverse()];
}
