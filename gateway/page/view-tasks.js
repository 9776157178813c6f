// Tasks as they move, and the form that asks for numbers, with what there is as its filters change.

import { announce, clearProblem, field, h, number, settled, showProblem } from "./dom.js";
import { hasEnded } from "./tasks.js";

const LINE_TYPES = ["wireless", "voip", "landline", "pager"];
const LISTS = ["area_codes", "states", "carriers", "line_types"];
const SHOWN = 100;

export function tasksView(root, page) {
  const list = h("ol", { class: "tasks", "aria-label": "Your tasks" });
  const none = h("p", { class: "hint" }, "None yet.");
  root.append(h("div", { class: "columns" },
    generateForm(page),
    h("section", { class: "card", "aria-labelledby": "tasks-title" }, h("h1", { id: "tasks-title" }, "Tasks"), none, list)));

  const items = new Map();
  const update = (taskId) => {
    const task = page.tasks.byId.get(taskId);
    if (!items.has(taskId)) items.set(taskId, taskItem(page, taskId));
    items.get(taskId).update(task);
    none.hidden = true;
    page.tasks.all().slice(0, SHOWN).forEach(({ task_id: id }, place) => {
      const item = items.get(id)?.element;
      if (item && list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    });
  };
  const changed = ({ detail }) => update(detail);
  page.tasks.addEventListener("change", changed);
  for (const task of page.tasks.all().reverse()) update(task.task_id);
  page.api.get(`/api/tasks/?limit=${SHOWN}`).then(({ results }) => results.reverse().forEach((task) => page.tasks.put(task)))
    .catch((problem) => list.before(h("p", { class: "problem", role: "alert" }, problem.message)));
  return () => page.tasks.removeEventListener("change", changed);
}

/** What a task is called: its name, else what was asked for, which a request that was refused has none of. */
export const titleOf = (task) => task.task_name || (task.quantity ? askedOf(task) : "refused request");

const askedOf = (task) => `${number.format(task.quantity)} ${task.type === "validate" ? "to validate" : "numbers"}`;

/** One task of a list, and how it is brought up to date without being made anew: the focus stays where it is. */
function taskItem(page, taskId) {
  const name = h("a", { class: "name", href: `#/tasks/${taskId}` });
  const state = taskState(page, taskId);
  const element = h("li", { class: "task" }, h("div", { class: "top" }, name, state.status), ...state.parts);
  return {
    element,
    update(task) {
      name.textContent = titleOf(task);
      state.update(task);
    },
  };
}

/** Status, bar, figures and the button that cancels: the same in the list and on a task's own page. */
export function taskState(page, taskId) {
  const status = h("span", { class: "status" });
  const bar = h("progress", { max: 100, "aria-label": "progress" });
  const figures = h("span", { class: "figures" });
  const problem = h("p", { class: "problem", hidden: true });
  const cancel = h("button", { type: "button", class: "quiet", onclick: cancelTask }, "Cancel");

  async function cancelTask() {
    cancel.disabled = true;
    try {
      await page.api.post(`/api/tasks/${taskId}/cancel/`);
      announce("cancelling");
    } catch (error) {
      cancel.disabled = false;
      problem.hidden = false;
      problem.textContent = error.message;
    }
  }

  return {
    status,
    parts: [bar, h("div", { class: "top" }, figures, cancel), problem],
    update(task) {
      status.textContent = task.status;
      status.dataset.status = task.status;
      bar.value = task.progress;
      bar.hidden = cancel.hidden = hasEnded(task);
      figures.textContent = figuresOf(task, page.tasks.rate(taskId));
      if (task.error) {
        problem.hidden = false;
        problem.textContent = task.error.message;
      }
    },
  };
}

function figuresOf(task, rate) {
  const count = `${number.format(task.processed_items)} of ${number.format(task.quantity)}`;
  if (hasEnded(task)) {
    const ended = new Date(task.completed_at ?? Date.now()).toLocaleString();
    return task.quantity ? `${count}, ${ended}` : ended;
  }
  const parts = [count, `${task.progress.toFixed(1)} %`];
  if (rate) parts.push(`${number.format(Math.round(rate))} a second`);
  if (task.estimated_completion) parts.push(`ends about ${new Date(task.estimated_completion).toLocaleTimeString()}`);
  return parts.join(" · ");
}

function generateForm(page) {
  const capacity = h("p", { class: "capacity", role: "status" }, "…");
  const form = h("form", { class: "card", novalidate: true, onsubmit: submit, oninput: settled(250, () => ask()) },
    h("h2", {}, "Ask for numbers"),
    field("How many", h("input", { name: "quantity", type: "number", min: 1, max: 1000000, value: 1000, required: true })),
    field("Area codes", h("input", { name: "area_codes", inputmode: "numeric", autocomplete: "off" }), "with commas between; any without"),
    field("States", h("input", { name: "states", autocomplete: "off" }), "such as CA, NY"),
    field("Operating companies", h("input", { name: "carriers", autocomplete: "off" }), "parts of their names"),
    h("fieldset", {}, h("legend", {}, "Line types"), LINE_TYPES.map((type) =>
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "line_types", value: type }), type))),
    field("Name of the task", h("input", { name: "task_name", maxlength: 200, autocomplete: "off" })),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "auto_validate" }), "with a verdict on each number"),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "partial" }), "take fewer, where fewer are left"),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "fictional" }), "fictional numbers only"),
    capacity,
    h("button", {}, "Generate"));
  let asked = 0;

  async function ask() {
    const turn = ++asked;
    let text;
    try {
      const { total, area_codes: codes } = await page.api.post("/api/capacity/", filtersOf(form));
      text = `${number.format(total.left)} of ${number.format(total.exist)} numbers are left, in ${number.format(codes.length)} area codes.`;
    } catch (problem) {
      text = problem.message;
    }
    if (turn === asked) capacity.textContent = text; // else a later question was answered already
  }

  async function submit(event) {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    clearProblem(form);
    try {
      const body = { ...filtersOf(form), quantity: Number(form.elements.quantity.value) };
      if (form.elements.task_name.value) body.task_name = form.elements.task_name.value;
      if (form.elements.auto_validate.checked) body.auto_validate = true;
      if (form.elements.partial.checked) body.on_shortfall = "partial";
      const { task_id: id, status } = await page.api.post("/api/generate-numbers-enhanced/", body);
      if (status) await page.bring(id); // else the feed brings it, once a worker does
      if (!page.tasks.ended(id)) announce("submitted"); // an end that was heard meanwhile is said already
    } catch (problem) {
      showProblem(form, problem);
    }
    button.disabled = false;
    ask();
  }

  ask();
  return form;
}

/** The filters that the form holds; what is empty is left out. */
function filtersOf(form) {
  const lists = {
    area_codes: textsOf(form.elements.area_codes),
    states: textsOf(form.elements.states),
    carriers: textsOf(form.elements.carriers),
    line_types: [...form.elements.line_types].filter((box) => box.checked).map((box) => box.value),
  };
  const filters = Object.fromEntries(LISTS.map((name) => [name, lists[name]]).filter(([, values]) => values.length));
  return form.elements.fictional.checked ? { ...filters, fictional: true } : filters;
}

const textsOf = (control) => control.value.split(",").map((text) => text.trim()).filter(Boolean);
