// SPDX-License-Identifier: Apache-2.0
//
// prom: reads the histograms of /metrics, and what lies between two readings of one. Knows no page.

const SAMPLE = /^(\w+)_bucket\{(?:.*,)?le="([^"]+)"\} (\S+)/;

// name -> [[bound in seconds, how many up to it], ...], bounds rising, the last one Infinity. Histograms
// of several label sets are added up.
export function histograms(text) {
  const all = new Map();
  for (const line of text.split("\n")) {
    const found = SAMPLE.exec(line);
    if (!found) continue;
    const bound = found[2] === "+Inf" ? Infinity : Number(found[2]);
    const buckets = all.get(found[1]) || new Map();
    buckets.set(bound, (buckets.get(bound) || 0) + Number(found[3]));
    all.set(found[1], buckets);
  }
  for (const [name, buckets] of all)
    all.set(
      name,
      [...buckets].sort((a, b) => a[0] - b[0])
    );
  return all;
}

// What has come between two readings; a counter that went back belongs to a new life.
export function since(now, before) {
  const old = new Map(before || []);
  const fresh = now.some(([bound, n]) => n < (old.get(bound) || 0));
  return now.map(([bound, n]) => [bound, n - (fresh ? 0 : old.get(bound) || 0)]);
}

// Where the q-th part (0..1) of all lies, in seconds, interpolated within its bucket; null: there are none.
export function quantile(buckets, q) {
  const total = buckets.length ? buckets[buckets.length - 1][1] : 0;
  if (!total) return null;
  let from = 0,
    below = 0;
  for (const [bound, n] of buckets) {
    if (n >= q * total && n > below)
      return bound === Infinity ? from : from + (bound - from) * ((q * total - below) / (n - below));
    from = bound === Infinity ? from : bound;
    below = n;
  }
  return from;
}
