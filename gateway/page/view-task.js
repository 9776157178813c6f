// One task: how far it is, its numbers in pages by filters, and all of them as a file.

import { announce, field, h, number } from "./dom.js";
import { openFile, readExport } from "./download.js";
import { taskState, titleOf } from "./view-tasks.js";

const COLUMNS = [
  ["number", "Number"], ["carrier", "Operating company"], ["line_type", "Line type"], ["state", "State"],
  ["rate_center", "Rate centre"], ["timezone", "Time zone"], ["validation_reason", "Verdict"],
];
const LARGE = 200_000;
const ROWS = 50;

export function taskView(root, page, taskId) {
  const title = h("h1", {});
  const state = taskState(page, taskId);
  root.append(
    h("p", {}, h("a", { href: "#/tasks" }, "← all tasks")),
    h("section", { class: "card", "aria-label": "The task" }, h("div", { class: "top" }, title, state.status), ...state.parts));
  let rows = null;

  const update = (task) => {
    title.textContent = titleOf(task);
    state.update(task);
    if (task.type === "generate" && !rows) {
      rows = numbersSection(page, task);
      root.append(rows.section);
    } else if (task.type === "validate" && task.result_data && !rows) {
      rows = { reload() {} };
      root.append(reasonsSection(task.result_data));
    }
  };
  let stored = -1;
  const changed = ({ detail }) => {
    if (detail !== taskId) return;
    const task = page.tasks.byId.get(taskId);
    const first = stored <= 0 && task.processed_items > 0;
    update(task);
    if (first || (task.completed_at && stored !== task.processed_items)) rows?.reload();
    stored = task.processed_items;
  };
  page.tasks.addEventListener("change", changed);
  const known = page.tasks.byId.get(taskId);
  if (known) update(known);
  page.api.get(`/api/tasks/${taskId}/`).then((task) => (page.tasks.put(task), update(page.tasks.byId.get(taskId))))
    .catch((problem) => root.append(h("p", { class: "problem", role: "alert" }, problem.message)));
  return () => page.tasks.removeEventListener("change", changed);
}

function numbersSection(page, task) {
  const filters = h("form", { class: "filters", onsubmit: (event) => (event.preventDefault(), reload()) },
    field("Area code", h("input", { name: "area_code", inputmode: "numeric", maxlength: 3 })),
    field("State", h("input", { name: "state", maxlength: 2 })),
    field("Operating company", h("input", { name: "carrier" })),
    field("Line type", h("select", { name: "line_type" }, h("option", { value: "" }, "any"),
      ["wireless", "voip", "landline", "pager"].map((type) => h("option", {}, type)))),
    h("div", { class: "actions" }, h("button", { class: "quiet" }, "Filter")));
  const body = h("tbody");
  const note = h("p", { class: "hint", role: "status" });
  const back = h("button", { type: "button", class: "quiet", onclick: () => load(links.previous) }, "Previous page");
  const forth = h("button", { type: "button", class: "quiet", onclick: () => load(links.next) }, "Next page");
  const formats = ["csv", "ndjson", "txt"].map((format) =>
    h("button", { type: "button", onclick: () => download(format) }, `Download ${format.toUpperCase()}`));
  const section = h("section", { class: "card", "aria-labelledby": "numbers-title" },
    h("h2", { id: "numbers-title" }, "Numbers"), filters,
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Numbers of the task" },
      h("table", {}, h("thead", {}, h("tr", {}, COLUMNS.map(([, head]) => h("th", { scope: "col" }, head)))), body)),
    note, h("div", { class: "actions" }, back, forth), h("div", { class: "actions" }, formats));
  let links = {};
  const chosen = () => Object.fromEntries([...new FormData(filters)].filter(([, value]) => value));

  async function load(url) {
    try {
      const { results, next, previous } = await page.api.get(url);
      links = { next, previous };
      body.replaceChildren(...results.map((row) => h("tr", {}, COLUMNS.map(([name]) => h("td", {}, row[name] ?? "")))));
      note.textContent = results.length ? `${number.format(results.length)} numbers on this page` : "No number matches.";
    } catch (problem) {
      note.textContent = problem.message;
    }
    back.disabled = !links.previous;
    forth.disabled = !links.next;
  }

  const reload = () => load(`/api/tasks/${task.task_id}/numbers/?${new URLSearchParams({ ...chosen(), limit: ROWS })}`);

  async function download(format) {
    try {
      const file = await openFile(`numbers-${task.task_id}.${format}`, task.quantity > LARGE);
      const query = { ...chosen(), format, task_id: task.task_id };
      const show = (lines) => (note.textContent = `${number.format(lines)} lines read …`);
      const lines = await readExport(page.api, query, file.write, show);
      await file.close();
      note.textContent = `${number.format(lines)} lines saved`;
      announce(note.textContent);
    } catch (problem) {
      note.textContent = `The download ended early: ${problem.message}`;
    }
  }

  reload();
  return { section, reload };
}

export function reasonsSection(result) {
  const rows = Object.entries(result.reasons).sort((a, b) => b[1] - a[1]);
  return h("section", { class: "card", "aria-labelledby": "verdicts-title" },
    h("h2", { id: "verdicts-title" }, "Verdicts"),
    h("dl", { class: "totals" },
      h("div", {}, h("dt", {}, "valid"), h("dd", {}, number.format(result.valid_count))),
      h("div", {}, h("dt", {}, "invalid"), h("dd", {}, number.format(result.invalid_count)))),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Reason"), h("th", { scope: "col", class: "count" }, "Numbers"))),
      h("tbody", {}, rows.map(([reason, count]) => h("tr", {}, h("td", {}, reason), h("td", { class: "count" }, number.format(count)))))));
}
