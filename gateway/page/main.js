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
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const content = document.getElementById("content");
let page = null; // {session, api, tasks, feed, wanted, bring}, while somebody is signed in; wanted: see refresh
let leave = () => {};
let turns = 0; // of signing in

async function begin(session) {
  const turn = ++turns;
  const url = await gatewayUrl();
  if (turn !== turns) return; // signed in twice at once: one connection
  const api = new Api(session, signOut);
  const tasks = new Tasks();
  const feed = new Feed(url, session);
  page = { session, api, tasks, feed, wanted: new Map(), bring };
  feed.addEventListener("message", ({ detail }) => hear(detail));
  feed.addEventListener("state", ({ detail }) => showConnection(detail));
  feed.addEventListener("refused", ({ detail }) => signOut(`Sign in again: ${detail}.`));
  document.querySelector(".user").textContent = session.user;
  for (const part of document.querySelectorAll("header nav, header .who")) part.hidden = false;
  show();
}

/** Where the connection goes. Asked until it is told: while the gateway is away, nothing else says so. */
async function gatewayUrl() {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      const answer = await fetch("/page/settings.json");
      if (answer.ok) return (await answer.json()).websocket_url;
    } catch {
      // as where it answers with an error
    }
    if (pause === FIRST_PAUSE) {
      content.replaceChildren(h("p", { class: "problem", role: "alert" }, "The gateway cannot be reached; trying again."));
    }
    await new Promise((go) => setTimeout(go, pause * (0.5 + Math.random())));
  }
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
  const here = page;
  for (const task of here.tasks.all()) if (!hasEnded(task)) refresh(task.task_id);
  const { results } = await here.api.get("/api/tasks/?limit=100").catch(() => ({ results: [] })); // the rest shows later
  results.forEach((task) => here.tasks.put(task));
}

/** The whole state of a task: a message has only what it is about. It is asked for until it has come, one call at a
 * time, for an older answer must not take the place of a newer one. */
async function refresh(taskId) {
  const here = page; // somebody else may be signed in when the answer comes
  const asking = here.wanted.has(taskId);
  here.wanted.set(taskId, true);
  if (asking) return;
  for (let pause = FIRST_PAUSE; here === page && here.wanted.get(taskId); ) {
    here.wanted.set(taskId, false);
    try {
      const task = await here.api.get(`/api/tasks/${taskId}/`);
      if (hasEnded(task) || !here.tasks.ended(taskId)) {
        here.tasks.replace(task);
        continue;
      } // else it is of a gateway that has not heard of the end yet
    } catch (problem) {
      if ([401, 403, 404].includes(problem.status)) break;
    }
    here.wanted.set(taskId, true);
    await new Promise((go) => setTimeout(go, pause * (0.5 + Math.random())));
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
  here.wanted.delete(taskId);
}

/** The state of a task that a page sent just now: that it cannot be read yet is no reason to send it again. */
async function bring(taskId) {
  const here = this; // as it was sent: nobody, or somebody else, may be signed in by now
  try {
    here.tasks.put(await here.api.get(`/api/tasks/${taskId}/`));
  } catch {
    if (here === page) refresh(taskId);
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
