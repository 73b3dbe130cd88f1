// Cameras in step. A frame is a row of the episode: frame n is shown from n/fps on, and every camera has its own file and
// its own place in that file where the episode begins.

import { inEdition, make } from "./dom.js";

const H264 = 'video/mp4; codecs="avc1.640033"';
const AHEAD = 24;
const KEPT = 96;
const PRESENTED_MS = 1000;
const OFF_BY_MUCH_S = 0.15;
const OFF_BY_LITTLE_S = 0.02;

/** A camera as a video that the browser plays. */
class VideoScreen {
  constructor(camera, address, fps, fail) {
    this.fps = fps;
    this.from = camera.from;
    this.element = make("video", { src: address, preload: "auto", muted: true, playsinline: true, disablepictureinpicture: true });
    this.element.muted = true;
    this.element.addEventListener("error", fail, { once: true });
    this.wanted = null;
  }

  /** Where the video is, as seconds of the episode. */
  get time() {
    return this.element.currentTime - this.from;
  }

  async show(frame) {
    this.wanted = frame;
    const video = this.element;
    if (video.readyState < 1) await happened(video, "loadedmetadata");
    if (this.wanted !== frame) return;
    const shown = presented(video, this.from + frame / this.fps, 0.6 / this.fps);
    // The middle of a frame: its edges are a matter of rounding.
    const at = this.from + (frame + 0.5) / this.fps;
    video.currentTime = at;
    do {
      await happened(video, "seeked");
      // It may have been that of a seek before.
    } while (this.wanted === frame && (video.seeking || Math.abs(video.currentTime - at) > 1e-3));
    await shown;
  }

  play(rate) {
    this.element.playbackRate = rate;
    this.element.play().catch(() => {});
  }

  pause() {
    this.element.pause();
  }

  /** Keep step with another camera: a little faster or slower, or a jump. */
  follow(time, rate) {
    if (this.element.seeking) return;
    const off = this.time - time;
    if (Math.abs(off) > OFF_BY_MUCH_S) this.element.currentTime = time + this.from;
    this.element.playbackRate = Math.abs(off) > OFF_BY_LITTLE_S ? rate * (off > 0 ? 0.9 : 1.1) : rate;
  }
}

/** A camera as single pictures, where the browser cannot play the video or there is none. */
class FrameScreen {
  constructor(address, frames) {
    this.address = address;
    this.frames = frames;
    this.element = make("img", { alt: "", draggable: "false" });
    this.loaded = new Map();
    this.wanted = null;
  }

  async show(frame) {
    this.wanted = frame;
    const picture = this.load(frame);
    for (let next = frame + 1; next < Math.min(frame + AHEAD, this.frames); next++) this.load(next);
    try {
      await picture.decode();
    } catch {
      return;
    }
    if (this.wanted === frame) this.element.src = picture.src;
  }

  load(frame) {
    let picture = this.loaded.get(frame);
    if (!picture) {
      picture = new Image();
      picture.src = this.address(frame);
      this.loaded.set(frame, picture);
      while (this.loaded.size > KEPT) this.loaded.delete(this.loaded.keys().next().value);
    }
    return picture;
  }
}

function happened(element, name) {
  return new Promise((resolve) => element.addEventListener(name, resolve, { once: true }));
}

/** Until a picture is on the screen, not only decoded; not for ever, because one that is there already is not announced again. */
function presented(video, time, tolerance) {
  if (!video.requestVideoFrameCallback) return Promise.resolve();
  const told = new Promise((resolve) => {
    const look = (_, picture) => (Math.abs(picture.mediaTime - time) < tolerance ? resolve() : video.requestVideoFrameCallback(look));
    video.requestVideoFrameCallback(look);
  });
  return Promise.race([told, new Promise((resolve) => setTimeout(resolve, PRESENTED_MS))]);
}

function plays(type) {
  return type && document.createElement("video").canPlayType(type);
}

export class Player extends EventTarget {
  /** episode: as the server describes it; base: its address below /video and /frame. */
  constructor(episode, base) {
    super();
    this.fps = episode.fps;
    this.edition = episode.edition;
    this.frames = episode.frames;
    this.frame = 0;
    this.rate = 1;
    this.playing = false;
    const cameras = episode.cameras;
    this.element = make("div", { class: `stage${cameras.length > 2 ? " many" : ""}`, style: { "--columns": Math.min(3, Math.max(1, cameras.length)) } });
    this.screens = cameras.map((camera) => this.screen(camera, base)).filter(Boolean);
    this.step = this.step.bind(this);
  }

  screen(camera, base) {
    const place = make("figure", { class: "screen", "data-camera": camera.name, style: { "--shape": `${camera.width} / ${camera.height}` } }, make("figcaption", {}, camera.label));
    this.element.append(place);
    if (!camera.is_there) {
      place.append(make("p", { class: "gone" }, "the video is missing"));
      return null;
    }
    const frames = () => new FrameScreen((frame) => inEdition(`/frame/${base}/${camera.number}/${frame}.jpg`, this.edition), this.frames);
    const holder = { camera, screen: null };
    const put = (screen) => {
      holder.screen?.element.remove();
      holder.screen = screen;
      place.prepend(screen.element);
    };
    if (plays(camera.type)) put(new VideoScreen(camera, inEdition(`/video/${base}/${camera.number}.mp4`, this.edition), this.fps, () => (put(frames()), this.seek(this.frame))));
    else put(frames());
    if (camera.is_converted && !plays(camera.type) && plays(H264)) this.convert(camera, base, put, frames);
    return holder;
  }

  /** Let the server make a video that this browser plays; frames are shown until it is there, and where it cannot be made. */
  async convert(camera, base, put, frames) {
    const address = inEdition(`/h264/${base}/${camera.number}.mp4`, this.edition);
    const made = await fetch(address, { method: "HEAD" }).catch(() => null);
    while (this.playing) await happened(this, "state");
    if (!made?.ok || this.isClosed) return;
    const again = () => this.seek(this.frame);
    put(new VideoScreen({ ...camera, from: 0 }, address, this.fps, () => (put(frames()), again())));
    await again();
  }

  get videos() {
    return this.screens.map((holder) => holder.screen).filter((screen) => screen instanceof VideoScreen);
  }

  get pictures() {
    return this.screens.map((holder) => holder.screen).filter((screen) => screen instanceof FrameScreen);
  }

  get time() {
    return this.frame / this.fps;
  }

  /** Show a frame of every camera and stay there; afterwards data-shown of the stage is its number. */
  async seek(frame) {
    this.pause();
    this.move(Math.max(0, Math.min(this.frames - 1, Math.round(frame))));
    const mine = this.frame;
    delete this.element.dataset.shown;
    await Promise.all([...this.videos, ...this.pictures].map((screen) => screen.show(mine)));
    if (this.frame === mine && !this.playing) this.element.dataset.shown = mine;
  }

  move(frame) {
    if (frame === this.frame && this.moved) return;
    this.moved = true;
    this.frame = frame;
    this.dispatchEvent(new Event("move"));
  }

  async toggle() {
    if (this.playing) return this.seek(this.frame);
    if (this.frame >= this.frames - 1) await this.seek(0);
    return this.play();
  }

  play() {
    this.playing = true;
    delete this.element.dataset.shown;
    for (const video of this.videos) video.play(this.rate);
    this.clock = { since: performance.now(), from: this.time };
    this.dispatchEvent(new Event("state"));
    requestAnimationFrame(this.step);
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    for (const video of this.videos) video.pause();
    this.dispatchEvent(new Event("state"));
  }

  setRate(rate) {
    this.rate = rate;
    this.clock = { since: performance.now(), from: this.time };
    for (const video of this.videos) video.element.playbackRate = rate;
    this.dispatchEvent(new Event("state"));
  }

  /** Once per picture of the screen while playing: the first video is the clock, all else follows. */
  step(now) {
    if (!this.playing) return;
    const [first, ...others] = this.videos;
    const time = first ? first.time : this.clock.from + ((now - this.clock.since) / 1000) * this.rate;
    const frame = Math.max(0, Math.floor(time * this.fps + 1e-3));
    if (frame >= this.frames - 1) {
      // What comes next in the file is another episode.
      this.seek(this.frames - 1);
      return;
    }
    for (const video of others) video.follow(time, this.rate);
    for (const pictures of this.pictures) if (pictures.wanted !== frame) pictures.show(frame);
    this.move(frame);
    requestAnimationFrame(this.step);
  }

  close() {
    this.isClosed = true;
    this.pause();
    for (const video of this.videos) {
      video.element.removeAttribute("src");
      video.element.load();
    }
  }
}
