// SPDX-License-Identifier: Apache-2.0
//
// rows: a page of a long list, kept up to date: fetched in one piece, then each row that still changes
// is watched by its own topic. Rows that come and go are found by fetching the page again. It draws nothing.
import { tell } from "./dom.js";
import { throttled } from "./frame.js";

export const ROWS = 50; // a page; and as many topics at most, of the 64 a stream may have
const RELOAD_MS = 150;
const WATCH_MS = 250; // each other set of topics is another stream

// fetch(): {rows, next}; topicOf(row); isLive(row): may still change; patch(row, update); watch(topics);
// changed(): something is to be drawn.
export function liveRows({ fetch, topicOf, isLive, patch, watch, changed }) {
  const known = new Set(); // topics that are watched
  const list = { rows: [], next: null, loaded: false };
  const rewatch = throttled(() => watch([...known]), WATCH_MS);
  let reads = 0;

  // Topics of rows that are gone are left alone until there is no room: each change is a new stream.
  function watchRows() {
    const live = list.rows.filter(isLive).map(topicOf);
    if (live.every((topic) => known.has(topic))) return;
    if (known.size + live.length > ROWS) known.clear();
    for (const topic of live) known.add(topic);
    rewatch();
  }

  async function load() {
    const mine = ++reads;
    const answer = await fetch();
    if (mine !== reads) return; // a later one has been asked for
    const had = new Map(list.rows.map((row) => [topicOf(row), row]));
    // An update may have told of an end since the list was made: that is not taken back.
    list.rows = answer.rows.map((row) => {
      const old = had.get(topicOf(row));
      return old && !isLive(old) && isLive(row) ? old : row;
    });
    list.next = answer.next;
    list.loaded = true;
    watchRows();
    changed();
  }

  list.reload = throttled(() => load().catch(tell), RELOAD_MS);

  // The row an update is about, changed by it; null: none that is shown.
  list.event = (update) => {
    const row = known.has(update.topic) ? list.rows.find((r) => topicOf(r) === update.topic) : null;
    if (!row || update.event === "error") return null;
    if (update.event === "lost") list.reload();
    else patch(row, update);
    return row;
  };

  list.close = () => {
    list.reload.stop();
    rewatch.stop();
    reads++;
  };
  return list;
}
