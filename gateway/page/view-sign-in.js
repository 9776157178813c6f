// Signing in: a token, which `numberline token USER` or an identity provider gives.

import { h } from "./dom.js";
import { Session } from "./session.js";

export function signInView(reason, onSession) {
  const token = h("textarea", { name: "token", required: true, autocomplete: "off", spellcheck: "false" });
  const problem = h("p", { class: "problem", role: "alert", hidden: !reason }, reason);
  token.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // a token is one line, however long
    token.form.requestSubmit();
  });
  const submit = (event) => {
    event.preventDefault();
    try {
      onSession(new Session(token.value.trim()));
    } catch {
      problem.hidden = false;
      problem.textContent = "This is no token: it has three parts with dots between them.";
      token.focus();
    }
  };
  return h("form", { class: "card", onsubmit: submit },
    h("h1", {}, "Sign in"),
    problem,
    h("label", {}, "Your token", " ", h("small", {}, "numberline token YOUR-NAME prints one. It stays in this tab."), token),
    h("button", {}, "Sign in"));
}
