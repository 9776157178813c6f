// A table that is read page by page, with filters: numbers of a task, verdicts on a list.

import { h, number } from "./dom.js";

const ROWS = 50;

/** columns: [member, title] each; filters: labelled controls, whose names are those of the call's parameters. */
export function pagedTable(page, path, title, columns, filters) {
  const id = `${title.toLowerCase().replaceAll(" ", "-")}-title`;
  const form = h("form", { class: "filters", onsubmit: (event) => (event.preventDefault(), reload()) },
    filters, h("div", { class: "actions" }, h("button", { class: "quiet" }, "Filter")));
  const body = h("tbody");
  const note = h("p", { class: "hint", role: "status" });
  const back = h("button", { type: "button", class: "quiet", onclick: () => turn("previous") }, "Previous page");
  const forth = h("button", { type: "button", class: "quiet", onclick: () => turn("next") }, "Next page");
  const section = h("section", { class: "card", "aria-labelledby": id },
    h("h2", { id }, title), form,
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table: ${title}` },
      h("table", {}, h("thead", {}, h("tr", {}, columns.map(([, head]) => h("th", { scope: "col" }, head)))), body)),
    note, h("div", { class: "actions" }, back, forth));
  let links = {};
  let loaded = Promise.resolve(); // one page after the other: a second click is meant from where the first leads
  const say = (text) => (note.textContent = text);
  const chosen = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));

  async function load(url) {
    try {
      const { results, next, previous } = await page.api.get(url);
      links = { next, previous };
      body.replaceChildren(...results.map((row) => h("tr", {}, columns.map(([name]) => h("td", {}, row[name] ?? "")))));
      say(results.length ? `${number.format(results.length)} on this page` : "None matches.");
    } catch (problem) {
      say(problem.message);
    }
    back.disabled = !links.previous;
    forth.disabled = !links.next;
  }

  const turn = (to) => (loaded = loaded.then(() => links[to] && load(links[to])));
  const reload = () => (loaded = loaded.then(() => load(`${path}?${new URLSearchParams({ ...chosen(), limit: ROWS })}`)));
  reload();
  return { section, reload, chosen, say };
}
