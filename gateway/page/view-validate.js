// A validation: a list that is pasted, or a file that is dropped, and what came of it.

import { announce, clearProblem, h, number, showProblem } from "./dom.js";
import { hasEnded } from "./tasks.js";
import { reasonsSection, verdictsSection } from "./view-task.js";
import { taskState } from "./view-tasks.js";

const MOST_A_REQUEST = 10_000;
const MOST_BYTES = 10_000_000;

export function validateView(root, page) {
  const text = h("textarea", { name: "numbers", spellcheck: "false", oninput: count });
  const file = h("input", { type: "file", accept: ".txt,.csv,text/plain,text/csv", onchange: () => read(file.files[0]) });
  const note = h("p", { class: "hint", role: "status" }, "No numbers yet.");
  const drop = h("div", { class: "drop", ondragover: over, ondragleave: out, ondrop: dropped },
    h("label", {}, "A file", " ", h("small", {}, "choose one, or drop it here: one number a line; of a CSV file, its first column"), file));
  const form = h("form", { class: "card", onsubmit: submit },
    h("h1", {}, "Validate numbers"),
    h("label", {}, "Numbers", " ", h("small", {}, "one a line, in any usual notation"), text), drop, note,
    h("button", {}, "Validate"));
  const results = h("div", { class: "results" });
  root.append(h("div", { class: "columns" }, form, results));
  const watched = new Map();

  const changed = ({ detail }) => {
    const task = page.tasks.byId.get(detail);
    const shown = watched.get(detail);
    if (!shown) return;
    shown.state.update(task);
    if (hasEnded(task) && task.result_data && !shown.done) {
      shown.done = true;
      shown.card.after(reasonsSection(task.result_data), verdictsSection(page, task).section);
    }
  };
  page.tasks.addEventListener("change", changed);

  function over(event) {
    event.preventDefault();
    drop.dataset.over = "";
  }

  function out() {
    delete drop.dataset.over;
  }

  function dropped(event) {
    event.preventDefault();
    out();
    read(event.dataTransfer.files[0]);
  }

  async function read(chosen) {
    if (!chosen) return;
    if (chosen.size > MOST_BYTES) {
      note.textContent = `${chosen.name} has more than ${number.format(MOST_BYTES)} bytes: use the API for it.`;
      return;
    }
    text.value = (await chosen.text()).split(/\r?\n/).map((line) => line.split(",")[0].replaceAll('"', "")).join("\n");
    count();
  }

  function count() {
    note.textContent = `${number.format(numbersOf(text.value).length)} numbers`;
  }

  async function submit(event) {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    clearProblem(form);
    const numbers = numbersOf(text.value), ids = [];
    try {
      for (let start = 0; start === 0 || start < numbers.length; start += MOST_A_REQUEST) {
        const part = numbers.slice(start, start + MOST_A_REQUEST);
        const { task_id: id, status } = await page.api.post("/api/bulk-validate/", { numbers: part });
        ids.push(id);
        const state = taskState(page, id);
        const card = h("section", { class: "card" }, h("h2", {}, `${number.format(part.length)} numbers `, state.status), ...state.parts);
        watched.set(id, { state, card, done: false });
        results.prepend(card);
        if (status) await page.bring(id); // else the feed brings it, once a worker does
      }
      if (!ids.every((id) => page.tasks.ended(id))) announce("submitted"); // ends that were heard are said already
    } catch (problem) {
      showProblem(form, problem);
    }
    button.disabled = false;
  }

  return () => page.tasks.removeEventListener("change", changed);
}

const numbersOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
