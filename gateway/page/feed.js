// Tasks as they move: the WebSocket, which comes back after every cut and misses nothing (docs/websocket.md).

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const LIVENESS = 25_000; // a page sees no ping frames

export class Feed extends EventTarget {
  constructor(url, session) {
    super();
    this.url = `${url}/ws/tasks/${encodeURIComponent(session.user)}/`;
    this.session = session;
    this.position = null;
    this.pause = FIRST_PAUSE;
    this.ended = false;
    this.reconnectNow = () => navigator.onLine && !this.socket && this.open();
    addEventListener("online", this.reconnectNow);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    if (this.ended) return;
    this.say("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "authenticate", token: this.session.token }));
      if (this.position) socket.send(JSON.stringify({ type: "resume", position: this.position }));
    };
    socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.closed(socket, code, reason);
  }

  take(message) {
    if (message.type === "connection_established") {
      this.pause = FIRST_PAUSE;
      this.say("live");
      this.watch();
    }
    this.heard = Date.now();
    // that of a new connection is newer than what was missed before it, which may not have been told yet
    const first = message.type === "connection_established" && this.position;
    if (message.position && !first) this.position = message.position;
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** Ask now and then whether anybody is there: a cut that sends nothing would otherwise go unseen. */
  watch() {
    clearInterval(this.pulse);
    this.pulse = setInterval(() => {
      if (Date.now() - this.heard > 2 * LIVENESS) this.socket?.close();
      else this.socket?.send(JSON.stringify({ type: "ping" }));
    }, LIVENESS);
  }

  closed(socket, code, reason) {
    if (socket !== this.socket) return;
    this.socket = null;
    clearInterval(this.pulse);
    if (this.ended) return;
    if (code === 4401 || code === 4403) {
      this.end();
      this.dispatchEvent(new CustomEvent("refused", { detail: reason }));
      return;
    }
    this.say("waiting");
    this.timer = setTimeout(() => this.open(), this.pause * (0.5 + Math.random())); // not all at once
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
    clearInterval(this.pulse);
    removeEventListener("online", this.reconnectNow);
    this.socket?.close();
  }

  say(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
