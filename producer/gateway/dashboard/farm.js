// SPDX-License-Identifier: Apache-2.0
//
// farm: what this tab knows of queues, workers and broker, on whatever page it is: two topics watched
// from the first moment on, lists fetched where a topic has no replay, and rates kept by the second.
// Events only change this model; pages draw it once a frame.
import { get } from "./api.js";
import { throttled } from "./frame.js";

export const TOPICS = ["queue/", "worker/"];

const KEPT_S = 600; // of rates
const RELOAD_MS = 500;
const ENDS = ["ok", "failed", "dead", "cancelled", "expired"];
const COUNTS = ["ready", "running", "delayed", "workers", "submitted", "run_us", "oldest_ms", ...ENDS];

const ended = (q) => ENDS.reduce((sum, end) => sum + (q[end] || 0), 0);

export class Farm {
  constructor(changed) {
    this.changed = changed;
    this.queues = new Map(); // name -> counts, and at_ms: when they were so
    this.workers = [];
    this.status = null;
    this.loaded = false;
    this.trouble = ""; // why the broker could not be asked last time
    this.depths = []; // {x, y}: ready jobs, by the second
    this.seconds = new Map(); // second -> {submitted, ended}
    this.first = 0; // second of the first reading
    this.dead = { count: 0, more: false }; // kept ones: the counts of a queue only ever grow
    this.reloadWorkers = throttled(() => this.loadWorkers().catch(() => {}), RELOAD_MS);
    this.reloadDead = throttled(() => this.loadDead().catch(() => {}), RELOAD_MS);
  }

  /* --- what is fetched --- */

  async load() {
    await Promise.all([this.loadQueues(), this.loadWorkers(), this.loadStatus(), this.loadDead()]);
    this.loaded = true;
    this.changed();
  }

  async loadQueues() {
    const { queues } = await get("/v1/queues");
    const names = new Set();
    for (const q of queues) {
      names.add(q.name);
      this.take(q.name, q);
    }
    for (const name of this.queues.keys()) if (!names.has(name)) this.queues.delete(name);
    this.sample();
    this.changed();
  }

  async loadWorkers() {
    this.workers = (await get("/v1/workers")).workers;
    this.changed();
  }

  async loadStatus() {
    try {
      this.status = await get("/v1/status");
      this.trouble = "";
    } catch (error) {
      this.trouble = error.message;
      throw error;
    } finally {
      this.changed();
    }
  }

  async loadDead() {
    const { jobs, next } = await get("/v1/jobs?state=dead&limit=100");
    this.dead = { count: jobs.length, more: !!next };
    this.changed();
  }

  /* --- what is told --- */

  event(update) {
    if (update.topic.startsWith("queue/")) {
      const name = update.topic.slice(6);
      const dead = this.queues.get(name)?.dead;
      this.take(name, update);
      if (this.queues.get(name).dead !== dead) this.reloadDead();
      this.sample();
    } else {
      this.reloadWorkers(); // events of a worker do not name its slots
    }
    this.changed();
  }

  take(name, counts) {
    const now = Date.now();
    const q = this.queues.get(name) || { name, held: false, feed: null, known: false };
    const before = { submitted: q.submitted || 0, ended: ended(q), known: q.known };
    for (const key of COUNTS) if (key in counts) q[key] = counts[key];
    if ("held" in counts) q.held = !!counts.held;
    if ("feed" in counts) q.feed = counts.feed;
    q.at_ms = now;
    q.known = true;
    this.queues.set(name, q);
    if (before.known) this.add(now, q.submitted - before.submitted, ended(q) - before.ended);
  }

  // A broker that was started anew counts from what it has kept: that is no work done just now.
  add(now, submitted, finished) {
    if (submitted < 0 || finished < 0) return;
    const second = Math.floor(now / 1000);
    const sum = this.seconds.get(second) || { submitted: 0, ended: 0 };
    sum.submitted += submitted;
    sum.ended += finished;
    this.seconds.set(second, sum);
    if (this.seconds.size > KEPT_S * 1.5) this.forget(second - KEPT_S);
  }

  forget(second) {
    for (const key of this.seconds.keys()) if (key < second) this.seconds.delete(key);
  }

  // How much is ready now, for the plot of depths.
  sample() {
    const x = Math.floor(Date.now() / 1000);
    const y = this.sum("ready");
    this.first ||= x;
    const last = this.depths[this.depths.length - 1];
    if (last && last.x === x) last.y = Math.max(last.y, y);
    else this.depths.push({ x, y });
    if (this.depths.length > KEPT_S * 1.5) this.depths = this.depths.slice(-KEPT_S);
  }

  /* --- what is asked --- */

  sum(key) {
    let all = 0;
    for (const q of this.queues.values()) all += q[key] || 0;
    return all;
  }

  // Milliseconds the oldest ready job has waited by now, and its queue. A queue that is silent grows older.
  oldest() {
    let most = 0,
      name = "";
    for (const q of this.queues.values()) {
      const age = q.ready ? (q.oldest_ms || 0) + (Date.now() - q.at_ms) : 0;
      if (age > most) [most, name] = [age, q.name];
    }
    return { ms: most, name };
  }

  // Points a second of the last `span` seconds, without the one that is not over.
  rates(span, now = Date.now()) {
    const last = Math.floor(now / 1000) - 1;
    const first = Math.max(this.first, last - span + 1);
    const submitted = [],
      finished = [];
    for (let x = first; x <= last; x++) {
      const sum = this.seconds.get(x);
      submitted.push({ x, y: sum ? sum.submitted : 0 });
      finished.push({ x, y: sum ? sum.ended : 0 });
    }
    return { submitted, ended: finished };
  }

  slots() {
    let busy = 0,
      all = 0;
    for (const w of this.workers) {
      for (const s of w.slots) {
        all++;
        if (s.job) busy++;
      }
    }
    return { busy, all };
  }
}
