// A file of any length out of the export: read as it comes, and gone on with where it was cut.

const TRIES = 5;

/** Read an export to its end. onText: told of each text, whole lines only; onCount: of the lines so far. */
export async function readExport(api, query, onText, onCount) {
  let rest = "";
  let lines = 0;
  let last = null;
  for (let left = TRIES; ; ) {
    const parameters = new URLSearchParams(query);
    if (last) parameters.set("after", last);
    try {
      const answer = await api.call(`/api/numbers/export?${parameters}`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return lines;
        const text = rest + value;
        const end = text.lastIndexOf("\n") + 1;
        rest = text.slice(end);
        if (!end) continue;
        await onText(text.slice(0, end));
        last = numberOf(text.slice(text.lastIndexOf("\n", end - 2) + 1, end)) ?? last;
        lines += text.slice(0, end).split("\n").length - 1;
        onCount(lines);
        left = TRIES;
      }
    } catch (error) {
      if (error.status || --left === 0) throw error;
      rest = ""; // half a line: it comes again, whole
      await new Promise((go) => setTimeout(go, 1000));
    }
  }
}

const numberOf = (line) => /\+1\d{10}/.exec(line)?.[0] ?? null;

/** Where the file goes: straight to disk where the browser lets a page do that, else through memory. */
export async function openFile(name, large) {
  if (large && globalThis.showSaveFilePicker) {
    const stream = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
    return { write: (text) => stream.write(text), close: () => stream.close() };
  }
  const parts = [];
  return {
    write: (text) => parts.push(text),
    close() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(parts));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
  };
}
