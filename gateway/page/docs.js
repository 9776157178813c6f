// The reference of the HTTP API, out of its description.

import { h } from "./dom.js";

const description = await (await fetch("/api/openapi.json")).json();
const calls = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, call]) => ({ path, method: method.toUpperCase(), ...call })));

document.getElementById("content").append(
  h("h1", {}, "The HTTP API"),
  ...description.info.description.split("\n\n").map((text) => h("p", {}, text)),
  h("ul", {}, calls.map((call) => h("li", {}, h("a", { href: `#${call.operationId}` }, `${call.method} ${call.path}`)))),
  ...calls.map(section),
);

function section(call) {
  const content = Object.entries(call.requestBody?.content ?? {});
  return h("section", { class: "card", id: call.operationId, "aria-labelledby": `${call.operationId}-title` },
    h("h2", { id: `${call.operationId}-title` }, `${call.method} ${call.path}`),
    h("p", {}, call.description ?? ""),
    call.parameters?.length ? table("Parameters", call.parameters.map((one) =>
      [one.name, one.in, typeOf(one.schema), one.description ?? one.schema.description ?? ""])) : null,
    ...content.map(([media, { schema }]) => table(`Body, ${media}`, Object.entries(fieldsOf(schema)).map(([name, one]) =>
      [name, schema.required?.includes(name) ? "required" : "", typeOf(one), one.description ?? ""]))),
    table("Answers", Object.entries(call.responses).map(([status, one]) =>
      [status, one.description, Object.keys(one.content ?? {}).join(", "), ""])));
}

function fieldsOf(schema) {
  return schema.properties ?? description.components.schemas[schema.$ref?.split("/").pop()]?.properties ?? {};
}

function typeOf(schema) {
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((type) => type !== "null").join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.enum?.join(", ") ?? schema.const ?? schema.type ?? "";
}

function table(title, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    h("table", {}, h("caption", {}, title), h("tbody", {}, rows.map((cells) =>
      h("tr", {}, cells.map((cell, place) => place ? h("td", {}, cell) : h("th", { scope: "row" }, cell)))))));
}
