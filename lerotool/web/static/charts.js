// The numbers of an episode on its playhead: state and action per joint, drawn by plotly, which is loaded when the pictures
// are there; and measured times: how late the state was read, joints that were not fresh, ages of pictures.

import { make } from "./dom.js";

const MARGIN = { l: 40, r: 8, t: 4, b: 20 };
const PALETTE = ["#2f6fed", "#d9730d", "#1a9e6b", "#b84bc4", "#c2352b", "#7a7f0c", "#0d8f9e", "#8a63d2"];
const MOST_SINGLE = 32;

let library = null;
function plotly() {
  library ??= new Promise((resolve, reject) => {
    const script = make("script", { src: "/charts.js" });
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the charts cannot be drawn: plotly is not installed where the server runs"));
    document.head.append(script);
  });
  return library;
}

const UNITS = { ".pos": "", ".vel": "" };
const named = (dimension) => Object.keys(UNITS).reduce((text, suffix) => (text.endsWith(suffix) ? text.slice(0, -suffix.length) : text), dimension).replaceAll("_", " ");

/** Return what is drawn together: a joint's state with its action, each other feature by itself. */
export function groups(features) {
  const state = features.find((feature) => feature.name === "observation.state");
  const action = features.find((feature) => feature.name === "action");
  const made = [];
  const rest = features.filter((feature) => feature !== state && feature !== action);
  if (state && state.dimensions.length <= MOST_SINGLE) {
    const isSame = action && (action.dimensions.length === state.dimensions.length || action.dimensions.every((name) => state.dimensions.includes(name)));
    state.dimensions.forEach((name, place) => {
      const lines = [{ label: "state", tone: "--state", values: state.values[place] }];
      const other = isSame ? (action.dimensions.includes(name) ? action.dimensions.indexOf(name) : place) : -1;
      if (other >= 0) lines.push({ label: "action", tone: "--action", values: action.values[other] });
      made.push({ title: named(name), lines });
    });
    if (action && !isSame) rest.unshift(action);
  } else rest.unshift(...[state, action].filter(Boolean));
  for (const feature of rest) made.push({ title: feature.name, isTall: feature.dimensions.length > 1, lines: feature.dimensions.map((name, place) => ({ label: feature.dimensions.length > 1 ? name : "", colour: PALETTE[place % PALETTE.length], values: feature.values[place] })) });
  return made;
}

/** What follows a player, and is drawn again when its size or the colours of the system change. */
class Drawing {
  constructor(player) {
    this.player = player;
    this.isDark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.isDark.addEventListener("change", this.redraw);
    player.addEventListener("move", () => this.follow());
  }

  watch(element, resized) {
    this.watching = new ResizeObserver(resized);
    this.watching.observe(element);
  }

  close() {
    this.watching.disconnect();
    this.isDark.removeEventListener("change", this.redraw);
  }
}

export class Charts extends Drawing {
  constructor(player, features) {
    super(player);
    this.times = Array.from({ length: player.frames }, (_, frame) => frame / player.fps);
    this.end = Math.max(player.frames / player.fps, 1e-3);
    this.span = [0, this.end];
    this.charts = groups(features).map((group) => this.chart(group));
    this.grid = make("div", { class: "charts" }, this.charts.map((chart) => chart.element));
    this.element = make("section", {}, this.legend(), this.grid);
    this.watch(this.grid, () => this.follow());
  }

  chart(group) {
    const values = group.lines.slice(0, 4).map((line) => make("span", { class: "value soft", style: { "--tone": line.tone ? `var(${line.tone})` : line.colour } }));
    const plot = make("div", { class: "plot" });
    const line = make("div", { class: "head-line" });
    const element = make("div", { class: `chart sheet${group.isTall ? " tall" : ""}` }, make("header", {}, make("h3", { class: "clip", title: group.title }, group.title), values), plot, line);
    return { ...group, element, plot, values, line };
  }

  legend() {
    const paired = this.charts.some((chart) => chart.lines[0]?.tone);
    const keys = paired ? [make("span", { class: "key soft", style: { "--tone": "var(--state)" } }, "state"), make("span", { class: "key soft", style: { "--tone": "var(--action)" } }, "action")] : [];
    const chips = this.charts.map((chart) => {
      const chip = make("button", { class: "chip", "aria-pressed": "true", onclick: () => {
        chart.element.hidden = !chart.element.hidden;
        chip.setAttribute("aria-pressed", String(!chart.element.hidden));
        this.follow();
      } }, chart.title);
      return chip;
    });
    return make("div", { class: "legend" }, keys, make("div", { class: "chips" }, this.charts.length > 1 ? chips : []));
  }

  async draw() {
    const { newPlot } = await plotly();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--line"), zeroline: false, tickfont: { size: 10.5, color: colour("--faint") }, linecolor: colour("--line") };
    for (const chart of this.charts) {
      const lines = chart.lines.map((line) => ({ x: this.times, y: line.values, mode: "lines", name: line.label, hovertemplate: `%{y:.4g}<extra>${escaped(line.label)}</extra>`, line: { width: line.label === "action" ? 1.2 : 1.6, color: line.tone ? colour(line.tone) : line.colour } }));
      const layout = {
        margin: MARGIN, showlegend: false, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: "zoom", hovermode: "x unified", autosize: true,
        font: { family: "inherit" }, hoverlabel: { bgcolor: colour("--sheet"), bordercolor: colour("--line"), font: { size: 11.5, color: colour("--ink") } },
        xaxis: { ...axis, range: [...this.span], ticksuffix: " s", nticks: 6 }, yaxis: { ...axis, fixedrange: true, nticks: 4 },
      };
      await newPlot(chart.plot, lines, layout, { displayModeBar: false, responsive: true, doubleClick: "reset", showTips: false });
      chart.plot.removeAllListeners?.("plotly_relayout");
      chart.plot.on("plotly_relayout", (change) => this.zoomed(chart, change));
      chart.plot.on("plotly_click", ({ points }) => this.player.seek(points[0].pointIndex));
    }
    this.isDrawn = true;
    this.element.dataset.drawn = "";
    this.follow();
  }

  /** Zoom all charts as one of them was. */
  zoomed(source, change) {
    if (this.isZooming) return;
    let span = null;
    if (change["xaxis.autorange"]) span = [0, this.end];
    else if (change["xaxis.range[0]"] !== undefined) span = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (!span) return this.follow();
    this.span = span;
    this.isZooming = true;
    return Promise.all(this.charts.map((chart) => window.Plotly.relayout(chart.plot, { "xaxis.range": [...span], "xaxis.autorange": false }))).finally(() => {
      this.isZooming = false;
      this.follow();
    });
  }

  follow() {
    const { frame, time } = this.player;
    const share = (time - this.span[0]) / (this.span[1] - this.span[0]);
    for (const chart of this.charts) {
      if (chart.element.hidden) continue;
      chart.values.forEach((place, number) => {
        const value = chart.lines[number].values[frame];
        place.textContent = value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString();
      });
      const width = chart.plot.clientWidth - MARGIN.l - MARGIN.r;
      Object.assign(chart.line.style, {
        left: `${chart.plot.offsetLeft + MARGIN.l + share * width}px`, top: `${chart.plot.offsetTop + MARGIN.t}px`,
        height: `${chart.plot.clientHeight - MARGIN.t - MARGIN.b}px`, display: share >= 0 && share <= 1 ? "" : "none",
      });
    }
  }

  close() {
    super.close();
    if (this.isDrawn) for (const chart of this.charts) window.Plotly.purge(chart.plot);
  }
}

// Plotly takes a little HTML in its texts.
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

export class Timing extends Drawing {
  constructor(player, timing) {
    super(player);
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
    this.watch(this.element, this.redraw);
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
}
