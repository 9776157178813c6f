// The tasks that this page knows, their newest states, and how fast they go.

const ENDED = ["completed", "failed", "cancelled"];
const SMOOTHING = 0.3;

export const hasEnded = (task) => ENDED.includes(task.status);

/** Whether nothing more can be heard of it: a refused request may follow corrected, as the same task. */
const isOver = (task) => hasEnded(task) && task.current_step !== "refused";

export class Tasks extends EventTarget {
  constructor() {
    super();
    this.byId = new Map();
    this.rates = new Map();
  }

  /** Newest first. */
  all() {
    return [...this.byId.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  /** Whether a task is known to have ended. */
  ended(taskId) {
    const known = this.byId.get(taskId);
    return known !== undefined && hasEnded(known);
  }

  /** A state out of a list or an answer; one that is older than what was heard changes nothing. */
  put(task) {
    const known = this.byId.get(task.task_id);
    if (known && (isOver(known) || known.processed_items > task.processed_items)) return;
    this.byId.set(task.task_id, { ...known, ...task });
    this.changed(task.task_id);
  }

  /** The whole state, in the place of what was known. */
  replace(task) {
    this.byId.delete(task.task_id);
    this.put(task);
  }

  /** A message of the WebSocket. Of a task that is not known yet there is a state to be asked for: true. */
  take(message) {
    if (message.type === "active_tasks") message.tasks.forEach((task) => this.put(task));
    if (message.type === "task_started") this.put(message.task);
    const known = this.byId.get(message.task_id);
    if (!message.type.startsWith("task_") || message.type === "task_started") return false;
    if (!known) return true;
    if (message.type === "task_progress") {
      if (isOver(known)) return false; // told again from a position before its end, which the page knows already
      this.measure(known, message);
      const { status, progress, current_step, processed_items, estimated_completion } = message;
      Object.assign(known, { status, progress, current_step, processed_items, estimated_completion });
    } else {
      known.status = message.type.slice("task_".length);
      this.rates.delete(known.task_id);
      this.changed(known.task_id);
      return true; // the whole state, with counts and result
    }
    this.changed(known.task_id);
    return false;
  }

  measure(known, { processed_items: items, timestamp }) {
    const now = Date.parse(timestamp);
    const last = this.rates.get(known.task_id) ?? { items: known.processed_items, at: Date.parse(known.started_at), rate: null };
    if (now <= last.at) return;
    const rate = ((items - last.items) * 1000) / (now - last.at);
    this.rates.set(known.task_id, {
      items, at: now, rate: last.rate === null ? rate : last.rate + SMOOTHING * (rate - last.rate),
    });
  }

  /** Numbers a second, or null where nothing was heard yet. */
  rate(taskId) {
    return this.rates.get(taskId)?.rate ?? null;
  }

  changed(taskId) {
    this.dispatchEvent(new CustomEvent("change", { detail: taskId }));
  }
}
