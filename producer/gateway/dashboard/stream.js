// SPDX-License-Identifier: Apache-2.0
//
// stream: the one stream of updates this tab has. It goes on where it was when the connection breaks
// or the topics change, counts gaps, and says so instead of hiding them. It knows no page.
import { authorised, hooks } from "./api.js";
import { sseParser } from "./sse.js";

const RETRY_FIRST_MS = 200;
const RETRY_MOST_MS = 5000;
const SILENCE_MS = 40000; // a comment comes every 15 s
const SETTLE_MS = 20; // topics that change together make one new stream

// Prefix topics have no replay: after a break their lists must be fetched again.
const isPrefix = (topic) => topic.endsWith("/");

export class Stream {
  // take(update); opened(broken) after each connection but the first, broken: the one before was not ended by
  // us; changed() when .state has changed.
  constructor({ take, opened, changed }) {
    Object.assign(this, { take, opened, changed });
    this.state = "idle"; // idle, connecting, live, waiting
    this.topics = [];
    this.positions = new Map(); // topic -> {incarnation, seq}
    this.lastId = ""; // of the topics that `asked` names
    this.asked = null;
    this.broken = false;
    this.counts = { updates: 0, gaps: 0, connects: 0 };
    this.retryMs = RETRY_FIRST_MS;
    this.retryAt = 0;
  }

  setTopics(topics) {
    const wanted = [...new Set(topics)];
    if (wanted.length === this.topics.length && wanted.every((t, i) => t === this.topics[i])) return;
    this.topics = wanted;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), SETTLE_MS);
  }

  // A topic nobody has seen yet is wanted from here on: what its ring still has comes first.
  since(topic, incarnation, seq) {
    if (!this.positions.has(topic)) this.positions.set(topic, { incarnation, seq });
  }

  start() {
    this.stop();
    if (!this.topics.length) return;
    // What came by a prefix is not replayed: it is counted afresh.
    for (const topic of this.positions.keys()) if (!this.topics.includes(topic)) this.positions.delete(topic);
    if (this.asked !== this.topics) this.lastId = "";
    this.asked = this.topics;
    this.abort = new AbortController();
    this.run(this.abort).catch(() => {}); // it says what is wrong by its state
  }

  stop() {
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    if (this.abort) this.abort.abort();
    this.abort = null;
    this.become("idle");
  }

  become(state) {
    this.state = state;
    this.changed();
  }

  address() {
    const fields = new URLSearchParams();
    for (const topic of this.topics) {
      fields.append("topic", topic);
      const at = this.positions.get(topic);
      if (at && !isPrefix(topic) && !this.lastId) fields.append("after", `${at.incarnation}.${at.seq}`);
    }
    return "/v1/updates?" + fields;
  }

  async run(abort) {
    this.become("connecting");
    let status = 0;
    try {
      const headers = authorised(this.lastId ? { "Last-Event-ID": this.lastId } : {});
      const response = await fetch(this.address(), { headers, signal: abort.signal, cache: "no-store" });
      status = response.status;
      if (response.ok) await this.read(response.body.getReader(), abort);
    } catch {
      // broken off: it is tried again below
    }
    if (abort.signal.aborted && this.abort !== abort) return;
    if (status === 401) {
      this.stop();
      hooks.onUnauthorized();
      return;
    }
    if (status === 400) this.lastId = ""; // what it remembers is not understood: afresh
    this.again();
  }

  async read(reader, abort) {
    const decoder = new TextDecoder();
    const feed = sseParser((event) => this.event(event));
    this.counts.connects++;
    this.become("live");
    if (this.counts.connects > 1) this.opened(this.broken);
    this.broken = false;
    this.alive(abort);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.retryMs = RETRY_FIRST_MS;
      this.alive(abort);
      feed(decoder.decode(value, { stream: true }));
    }
  }

  alive(abort) {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => {
      if (this.abort !== abort) return;
      this.abort = null; // its end is no longer ours
      abort.abort();
      this.again();
    }, SILENCE_MS);
  }

  again() {
    clearTimeout(this.watchdog);
    this.broken = true;
    const wait = this.retryMs * (0.75 + Math.random() / 2);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MOST_MS);
    this.retryAt = Date.now() + wait;
    this.timer = setTimeout(() => this.start(), wait);
    this.become("waiting");
  }

  event({ id, data, comment }) {
    if (comment !== undefined) return;
    let update;
    try {
      update = JSON.parse(data);
    } catch {
      return;
    }
    if (id && this.asked === this.topics) this.lastId = id;
    this.count(update);
    this.take(update);
  }

  // Within an incarnation each update is the one behind the last; a snapshot says where it stands, and
  // what is gone is said by "lost".
  count(update) {
    const { topic, incarnation, seq, event } = update;
    const at = this.positions.get(topic);
    if (event === "lost") {
      if (update.missed || (at && at.seq > 0)) this.counts.gaps++; // who has seen nothing yet misses nothing
      if (at && update.last > at.seq) at.seq = update.last;
      return;
    }
    if (typeof seq !== "number" || event === "error") return;
    if (event !== "snapshot") {
      this.counts.updates++;
      if (at && at.incarnation === incarnation && seq > at.seq + 1) this.counts.gaps++;
    }
    if (!at || at.incarnation !== incarnation || seq > at.seq) this.positions.set(topic, { incarnation, seq });
  }
}
