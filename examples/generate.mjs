// Ask for numbers, follow the task, and read them page by page.

const url = `http://127.0.0.1:${process.env.NUMBERLINE_HTTP_PORT}`;
const authorization = `Bearer ${process.env.TOKEN}`;

async function call(path, body) {
  const answer = await fetch(new URL(path, url), body && {
    method: "POST",
    headers: { authorization, "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
    body: JSON.stringify(body),
  } || { headers: { authorization } });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.detail);
  return content;
}

const { status_url: task } = await call("/api/generate-numbers-enhanced/", { quantity: 250, states: ["TX"] });
let progress;
do {
  await new Promise((go) => setTimeout(go, 200));
  progress = await call(`${task}progress/`);
} while (progress.status === "running");
console.log(progress.status, progress.processed_items);

let read = 0;
for (let page = `${task}numbers/?limit=100`; page; ) {
  const { results, next } = await call(page);
  read += results.length;
  page = next;
}
console.log(read, "numbers read");
