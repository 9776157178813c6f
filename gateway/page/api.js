// The HTTP API, and what it answers when it refuses.

/** An error of a call, as RFC 9457 has it. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `the gateway answered ${status}`);
    Object.assign(this, { status, code: body.code, detail: this.message, errors: body.errors ?? [] });
  }
}

/** A key of its own. Not by randomUUID, which a page that came without TLS from another machine does not have. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Api {
  constructor(session, onSignedOut) {
    this.session = session;
    this.onSignedOut = onSignedOut;
    this.unanswered = new Map(); // what was asked -> its key
  }

  async get(path) {
    return (await this.call(path)).json();
  }

  /** Produce a request. A key makes it the same task however often it has to be sent: what is asked again because no
   * answer came, or none that says what became of it, has the key that it had. */
  async post(path, body) {
    const text = body && JSON.stringify(body);
    const asked = `${path} ${text}`;
    const key = this.unanswered.get(asked) ?? newKey();
    const headers = { "Idempotency-Key": key, ...(text === undefined ? {} : { "Content-Type": "application/json" }) };
    this.unanswered.set(asked, key);
    try {
      const answer = await (await this.call(path, { method: "POST", headers, body: text })).json();
      this.unanswered.delete(asked);
      return answer;
    } catch (problem) {
      if (problem.status >= 400 && problem.status < 500) this.unanswered.delete(asked);
      throw problem;
    }
  }

  async call(path, options = {}) {
    const url = new URL(path, location.href);
    const headers = { ...options.headers, Authorization: `Bearer ${this.session.token}` };
    let answer;
    try {
      answer = await fetch(url.pathname + url.search, { ...options, headers });
    } catch {
      throw new Problem(0, { detail: "the gateway cannot be reached; try again" });
    }
    if (answer.status === 401) this.onSignedOut("Sign in again: your token is not valid any more.");
    if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
    return answer;
  }
}
