// One task: how far it is, its numbers in pages by filters, and all of them as a file.

import { announce, field, h, number } from "./dom.js";
import { openFile, readExport } from "./download.js";
import { pagedTable } from "./paged-table.js";
import { taskState, titleOf } from "./view-tasks.js";

const COLUMNS = [
  ["number", "Number"], ["carrier", "Operating company"], ["line_type", "Line type"], ["state", "State"],
  ["rate_center", "Rate centre"], ["timezone", "Time zone"], ["validation_reason", "Verdict"],
];
const VERDICTS = [
  ["given", "Given"], ["number", "Number"], ["validation_reason", "Verdict"], ["carrier", "Operating company"],
  ["line_type", "Line type"], ["state", "State"], ["rate_center", "Rate centre"],
];
const LARGE = 200_000;

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
      rows = verdictsSection(page, task);
      root.append(reasonsSection(task.result_data), rows.section);
    }
  };
  const known = page.tasks.byId.get(taskId);
  let stored = known?.processed_items ?? -1; // the table has them from the start: it is read again when there are others
  const changed = ({ detail }) => {
    if (detail !== taskId) return;
    const task = page.tasks.byId.get(taskId);
    const first = stored <= 0 && task.processed_items > 0;
    update(task);
    if (first || (task.completed_at && stored !== task.processed_items)) rows?.reload();
    stored = task.processed_items;
  };
  page.tasks.addEventListener("change", changed);
  if (known) update(known);
  page.api.get(`/api/tasks/${taskId}/`).then((task) => (page.tasks.put(task), update(page.tasks.byId.get(taskId))))
    .catch((problem) => root.append(h("p", { class: "problem", role: "alert" }, problem.message)));
  return () => page.tasks.removeEventListener("change", changed);
}

function numbersSection(page, task) {
  const filters = [
    field("Area code", h("input", { name: "area_code", inputmode: "numeric", maxlength: 3 })),
    field("State", h("input", { name: "state", maxlength: 2 })),
    field("Operating company", h("input", { name: "carrier" })),
    field("Line type", h("select", { name: "line_type" }, h("option", { value: "" }, "any"),
      ["wireless", "voip", "landline", "pager"].map((type) => h("option", {}, type)))),
  ];
  const rows = pagedTable(page, `/api/tasks/${task.task_id}/numbers/`, "Numbers", COLUMNS, filters);
  rows.section.append(h("div", { class: "actions" }, ["csv", "ndjson", "txt"].map((format) =>
    h("button", { type: "button", onclick: () => download(format) }, `Download ${format.toUpperCase()}`))));

  async function download(format) {
    try {
      const file = await openFile(`numbers-${task.task_id}.${format}`, task.quantity > LARGE);
      const query = { ...rows.chosen(), format, task_id: task.task_id };
      const lines = await readExport(page.api, query, file.write, (count) => rows.say(`${number.format(count)} lines read …`));
      await file.close();
      rows.say(`${number.format(lines)} lines saved`);
      announce(`${number.format(lines)} lines saved`);
    } catch (problem) {
      rows.say(`The download ended early: ${problem.message}`);
    }
  }

  return rows;
}

/** The verdicts on a list, number by number; on numbers that are held they show with the numbers. */
export function verdictsSection(page, task) {
  const reasons = Object.keys(task.result_data.reasons).sort();
  const filters = [field("Verdict", h("select", { name: "reason" }, h("option", { value: "" }, "any"),
    reasons.map((reason) => h("option", {}, reason))))];
  return pagedTable(page, `/api/tasks/${task.task_id}/validations/`, "Each number", VERDICTS, filters);
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
