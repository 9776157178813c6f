// Statistics as tables with bars: the same figures for the eye and for a screen reader.

import { h, number } from "./dom.js";

const PARTS = [["by_line_type", "Line types"], ["by_state", "States"], ["by_area_code", "Area codes"], ["by_carrier", "Operating companies"]];
const MOST = 12;

export function statisticsView(root, page) {
  const place = h("div");
  root.append(h("h1", {}, "Statistics"), place);
  const load = async () => {
    try {
      place.replaceChildren(...charts(await page.api.get("/api/statistics/")));
    } catch (problem) {
      place.replaceChildren(h("p", { class: "problem", role: "alert" }, problem.message));
    }
  };
  load();
  const ended = ({ detail }) => page.tasks.byId.get(detail)?.completed_at && load();
  page.tasks.addEventListener("change", ended);
  return () => page.tasks.removeEventListener("change", ended);
}

function charts(counts) {
  const totals = ["total", "valid", "invalid", "unvalidated"].map((name) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, number.format(counts[name]))));
  return [
    h("dl", { class: "totals card" }, totals),
    h("div", { class: "tiles" }, PARTS.map(([name, title]) => chart(title, Object.entries(counts[name]).sort((a, b) => b[1] - a[1]), counts.total))),
  ];
}

function chart(title, rows, total) {
  const shown = rows.slice(0, MOST);
  const rest = rows.slice(MOST).reduce((sum, [, count]) => sum + count, 0);
  const greatest = Math.max(1, ...shown.map(([, count]) => count));
  if (rest) shown.push([`${number.format(rows.length - MOST)} others`, rest]);
  return h("section", { class: "card" }, h("div", { class: "scroll" },
    h("table", { class: "bars" }, h("caption", {}, title),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, title), h("th", { scope: "col" }, "Share"),
        h("th", { scope: "col", class: "count" }, "Numbers"))),
      h("tbody", {}, shown.map(([name, count]) => h("tr", {}, h("td", {}, name), h("td", {}, count > greatest ? null : bar(count, greatest, total)),
        h("td", { class: "count" }, number.format(count))))))));
}

function bar(count, greatest, total) {
  const element = h("div", { class: "bar", role: "img", "aria-label": `${((100 * count) / total).toFixed(1)} %` });
  element.style.setProperty("--share", `${(100 * count) / greatest}%`);
  return element;
}
