// The first picture of an earlier episode, laid over the live one: to set the scene back, and to notice a moved camera.

import { ask, inEdition, make, say } from "./dom.js";

const STRENGTH = 50;
const MOST = 300;
const NONE = "no ghost of an earlier episode";

export class Ghost {
  /** screens: by name of the camera the figure that shows it. */
  constructor(screens) {
    this.screens = screens;
    this.pictures = new Map();
    this.choice = make("select", { "aria-label": "Ghost", onchange: () => this.show().catch((error) => say(error.message)) }, make("option", { value: "" }, NONE));
    this.strength = make("input", { type: "range", min: 0, max: 100, value: STRENGTH, "aria-label": "Strength of the ghost", hidden: true, oninput: () => this.fade() });
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
    const options = found.slice(0, MOST).map(({ address, text }) => make("option", { value: address }, text));
    this.choice.replaceChildren(make("option", { value: "" }, NONE), ...options);
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
