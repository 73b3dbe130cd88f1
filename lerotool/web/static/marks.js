// What a person says about an episode. Saved at once; what the server has refused is taken back on the page.

import { ask, icon, make, say } from "./dom.js";

export class Marks {
  constructor(player, address, mark, canMark) {
    this.player = player;
    this.canMark = canMark;
    this.address = `${address}/mark`;
    this.stored = mark;
    this.unsaved = [];
    this.turn = Promise.resolve();
    this.mark = mark;
    this.listeners = [];
    const button = (kind, text, key, press) => make("button", { class: `button tone-${kind}`, "data-mark": kind, "aria-pressed": "false", title: `${text} (${key})`, disabled: !canMark, onclick: press }, icon(kind), text, make("kbd", {}, key));
    this.success = button("success", "Success", "s", () => this.toggleOutcome("success"));
    this.failure = button("failure", "Failure", "f", () => this.toggleOutcome("failure"));
    this.flag = button("flagged", "Flag", "x", () => this.toggleFlag());
    this.note = make("input", { class: "note", type: "text", maxlength: 2000, placeholder: "Note (n)", "aria-label": "Note", disabled: !canMark, onchange: () => this.save({ note: this.note.value.trim() }), onkeydown: (event) => event.key === "Enter" && this.note.blur() });
    this.first = make("button", { class: "button", title: "Keep from this frame on ([)", disabled: !canMark, onclick: () => this.trimFrom() }, "Begin here", make("kbd", {}, "["));
    this.last = make("button", { class: "button", title: "Keep up to this frame (])", disabled: !canMark, onclick: () => this.trimTo() }, "End here", make("kbd", {}, "]"));
    this.whole = make("button", { class: "button bare", title: "Keep the whole episode", "aria-label": "Keep the whole episode", onclick: () => this.save({ trim: null }) }, icon("failure"));
    this.element = make("section", { class: "marks sheet", "aria-label": "Marks" }, this.success, this.failure, this.flag, this.note, make("div", { class: "trims" }, this.first, this.last, this.whole));
    this.show();
  }

  get trim() {
    return this.mark.trim ?? [0, this.player.frames];
  }

  toggleOutcome(outcome) {
    return this.save({ outcome: this.mark.outcome === outcome ? null : outcome });
  }

  toggleFlag() {
    return this.save({ flagged: !this.mark.flagged });
  }

  trimFrom() {
    const [, after] = this.trim;
    return this.keep(this.player.frame, after > this.player.frame ? after : this.player.frames);
  }

  trimTo() {
    const [first] = this.trim;
    const after = this.player.frame + 1;
    return this.keep(first < after ? first : 0, after);
  }

  keep(first, after) {
    return this.save({ trim: first === 0 && after === this.player.frames ? null : [first, after] });
  }

  // One after another: what is pressed while a mark is being saved is kept until its turn.
  save(said) {
    this.unsaved.push(said);
    this.merge();
    this.element.dataset.state = "saving";
    this.turn = this.turn.then(() => this.send(said));
    return this.turn;
  }

  async send(said) {
    let state = "saved";
    try {
      this.stored = (await ask(this.address, said)).mark;
    } catch (error) {
      state = "refused";
      say(`not saved: ${error.message}`);
    }
    this.unsaved.shift();
    this.merge();
    if (this.unsaved.length === 0) this.element.dataset.state = state;
  }

  merge() {
    this.mark = Object.assign({}, this.stored, ...this.unsaved);
    this.show();
  }

  show() {
    const press = (button, isOn) => button.setAttribute("aria-pressed", String(Boolean(isOn)));
    press(this.success, this.mark.outcome === "success");
    press(this.failure, this.mark.outcome === "failure");
    press(this.flag, this.mark.flagged);
    if (document.activeElement !== this.note) this.note.value = this.mark.note ?? "";
    const [first, after] = this.trim;
    press(this.first, first > 0);
    press(this.last, after < this.player.frames);
    this.whole.hidden = !this.mark.trim;
    for (const listener of this.listeners) listener();
  }
}
