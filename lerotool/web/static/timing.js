// The measured times of an episode's rows: how late the state was read, joints that were not fresh, ages of pictures.

import { make } from "./dom.js";

export class Timing {
  constructor(player, timing) {
    this.player = player;
    const period = timing.period_ms;
    const tracks = [
      { name: "row late", unit: "ms", values: timing.late_ms, limit: period / 2, full: period },
      { name: "stale joints", unit: "", values: timing.stale, limit: 0.5, full: Math.max(1, timing.joints) },
      ...Object.entries(timing.ages).map(([camera, values]) => ({ name: `${camera} picture`, unit: "ms old", values, limit: 2.5 * period, full: 4 * period })),
    ];
    this.tracks = tracks.map((track) => {
      const canvas = make("canvas", { "aria-hidden": "true" });
      const line = make("div", { class: "head-line" });
      const place = make("div", { class: "track", onpointerdown: (event) => this.seek(event, place) }, canvas, line);
      const worst = track.values.reduce((a, b) => Math.max(a, b), 0);
      return { ...track, canvas, line, place, worst: make("span", { class: "worst number soft" }), most: worst };
    });
    this.element = make("section", {}, make("h2", { class: "section" }, "Timing", make("span", { class: "faint" }, "as measured; orange is more than it should be")), make("div", { class: "timing sheet" }, this.tracks.flatMap((track) => [make("span", { class: "name" }, track.name), track.place, track.worst])));
    this.redraw = () => this.draw();
    player.addEventListener("move", () => this.follow());
    this.watching = new ResizeObserver(this.redraw);
    this.watching.observe(this.element);
    this.isDark = matchMedia("(prefers-color-scheme: dark)");
    this.isDark.addEventListener("change", this.redraw);
  }

  seek(event, place) {
    const box = place.getBoundingClientRect();
    this.player.seek(Math.floor(((event.clientX - box.left) / box.width) * this.player.frames));
  }

  draw() {
    const style = getComputedStyle(document.documentElement);
    const tones = ["--faint", "--action"].map((name) => style.getPropertyValue(name).trim());
    for (const { canvas, values, limit, full } of this.tracks) {
      const width = (canvas.width = canvas.clientWidth * devicePixelRatio);
      const height = (canvas.height = canvas.clientHeight * devicePixelRatio);
      const pen = canvas.getContext("2d");
      // Where several rows share a column, the worst of them is seen.
      for (let x = 0; x < width; x++) {
        const from = Math.floor((x / width) * values.length);
        const to = Math.max(from + 1, Math.floor(((x + 1) / width) * values.length));
        let worst = 0;
        for (let row = from; row < to; row++) worst = Math.max(worst, values[row] ?? 0);
        const tall = Math.min(1, worst / full) * height;
        pen.fillStyle = tones[worst > limit ? 1 : 0];
        pen.fillRect(x, height - tall, 1, tall);
      }
    }
    this.follow();
  }

  follow() {
    const { frame, frames } = this.player;
    for (const track of this.tracks) {
      track.line.style.left = `${(100 * (frame + 0.5)) / frames}%`;
      const value = track.values[frame];
      track.worst.textContent = `${value ?? "–"}${track.unit ? ` ${track.unit}` : ""} · at most ${track.most}`;
    }
  }

  close() {
    this.watching.disconnect();
    this.isDark.removeEventListener("change", this.redraw);
  }
}
