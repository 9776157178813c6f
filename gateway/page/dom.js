// Elements out of plain calls: text is always text, so nothing that a task is called can become markup.

/** An element with properties, listeners (onclick, ...) and children; null children are left out. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Say something to those who do not see the screen change. */
export function announce(text) {
  document.querySelector(".announcer").textContent = text;
}

export const number = new Intl.NumberFormat("en-US");

/** A label around a field, with a place for the rule that it breaks. */
export function field(title, control, hint = null) {
  return h("label", {}, title, " ", hint ? h("small", {}, hint) : null, control);
}

/** Show the problem of a call: each broken field beside its control, all else in one sentence above them. */
export function showProblem(form, problem) {
  clearProblem(form);
  const left = [];
  let first = null;
  for (const { field: name, message } of problem.errors ?? []) {
    const found = form.elements.namedItem(name) ?? form.elements.namedItem(ALIASES[name]);
    const group = found instanceof RadioNodeList; // boxes of one name: the rule is for all of them
    const control = group ? found[0] : found;
    if (!control) {
      left.push(`${name}: ${message}`);
      continue;
    }
    const rule = h("span", { class: "rule", id: `rule-${control.name}` }, message);
    if (group) control.closest("fieldset").append(rule);
    else control.after(rule);
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", rule.id);
    first ??= control;
  }
  const sentence = left.length || !first ? left.join("; ") || problem.detail : null;
  if (sentence) form.prepend(h("p", { class: "problem", role: "alert" }, sentence));
  first?.focus();
}

const ALIASES = { area_code: "area_codes" };

/** Take away what showProblem showed. */
export function clearProblem(form) {
  for (const shown of form.querySelectorAll(".rule, .problem")) shown.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

/** A call that waits until nothing has happened for so many milliseconds. */
export function settled(milliseconds, call) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
}
