// What ties the page together: who is signed in, which part is shown, and the one connection that all parts hear.

import { Api } from "./api.js";
import { announce, h } from "./dom.js";
import { Feed } from "./feed.js";
import { Session } from "./session.js";
import { hasEnded, Tasks } from "./tasks.js";
import { signInView } from "./view-sign-in.js";
import { statisticsView } from "./view-statistics.js";
import { taskView } from "./view-task.js";
import { tasksView } from "./view-tasks.js";
import { validateView } from "./view-validate.js";

const STATES = { live: "live", connecting: "connecting", waiting: "cut off, trying again" };
const content = document.getElementById("content");
let page = null; // {session, api, tasks, feed}, while somebody is signed in
let leave = () => {};

async function begin(session) {
  const { websocket_url: url } = await (await fetch("/page/settings.json")).json();
  const api = new Api(session, signOut);
  const tasks = new Tasks();
  const feed = new Feed(url, session);
  page = { session, api, tasks, feed };
  feed.addEventListener("message", ({ detail }) => hear(detail));
  feed.addEventListener("state", ({ detail }) => showConnection(detail));
  feed.addEventListener("refused", ({ detail }) => signOut(`Sign in again: ${detail}.`));
  document.querySelector(".user").textContent = session.user;
  for (const part of document.querySelectorAll("header nav, header .who")) part.hidden = false;
  show();
}

function signOut(reason = "") {
  page?.feed.end();
  page = null;
  Session.end();
  for (const part of document.querySelectorAll("header nav, header .who")) part.hidden = true;
  show(reason);
}

function hear(message) {
  if (message.type === "error" && message.code === "position_expired") catchUp();
  if (page.tasks.take(message)) refresh(message.task_id);
  const name = page.tasks.byId.get(message.task_id)?.task_name ?? "a task";
  if (message.type === "task_completed") announce(`${name} is completed`);
  if (message.type === "task_failed") announce(`${name} has failed: ${message.error_message}`);
  if (message.type === "task_cancelled") announce(`${name} is cancelled`);
}

/** What was said while nobody listened is not kept any more: ask for the states instead. */
async function catchUp() {
  const { results } = await page.api.get("/api/tasks/?limit=100");
  results.forEach((task) => page?.tasks.put(task));
  for (const task of page?.tasks.all() ?? []) if (!hasEnded(task)) refresh(task.task_id);
}

/** The whole state of a task: a message has only what it is about. */
async function refresh(taskId) {
  try {
    const task = await page.api.get(`/api/tasks/${taskId}/`);
    page?.tasks.byId.delete(taskId);
    page?.tasks.put(task);
  } catch (problem) {
    if (problem.status !== 404) throw problem;
  }
}

function showConnection(state) {
  const shown = document.querySelector(".connection");
  shown.dataset.state = state;
  shown.textContent = STATES[state];
}

const ROUTES = [
  [/^#\/tasks\/([0-9a-f-]{36})$/, taskView, "Task", "#/tasks"],
  [/^#\/validate$/, validateView, "Validate", "#/validate"],
  [/^#\/statistics$/, statisticsView, "Statistics", "#/statistics"],
  [/^/, tasksView, "Tasks", "#/tasks"],
];

/** Show the part that the address names; it gives back what is to be done when it is left. */
function show(reason = "") {
  leave();
  leave = () => {};
  if (!page) {
    document.title = "Sign in · numberline";
    content.replaceChildren(signInView(reason, (session) => (session.keep(), begin(session))));
    return;
  }
  const [pattern, view, title, part] = ROUTES.find(([one]) => one.test(location.hash));
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === part) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${title} · numberline`;
  const root = h("div");
  content.replaceChildren(root);
  leave = view(root, page, ...(pattern.exec(location.hash)?.slice(1) ?? [])) ?? leave;
}

addEventListener("hashchange", () => {
  show();
  content.focus();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is the part that is shown
  content.focus();
});
document.getElementById("sign-out").addEventListener("click", () => signOut());

const session = Session.current();
if (session) begin(session);
else show();
