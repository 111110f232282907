// SPDX-License-Identifier: Apache-2.0
//
// test_modules: the modules of the dashboard that know no page, and what must not stand in any of them.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

const SOURCE = path.join(process.env.REEVE_SOURCE, "producer/gateway/dashboard");
const files = fs.readdirSync(SOURCE);

// A copy that Node takes for modules: the page's own folder has no package.json, and needs none.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "reeve-modules-"));
fs.writeFileSync(path.join(folder, "package.json"), '{"type": "module"}');
for (const name of files) fs.copyFileSync(path.join(SOURCE, name), path.join(folder, name));
test.after(() => fs.rmSync(folder, { recursive: true }));
globalThis.localStorage = { getItem: () => "secret", setItem() {}, removeItem() {} };
const load = (name) => import(pathToFileURL(path.join(folder, name)));
const { sseParser } = await load("sse.js");
const format = await load("format.js");
const prom = await load("prom.js");
const { readSpec, startCommand } = await load("spec.js");
const { makeTrail } = await load("trail.js");
const { path: apiPath } = await load("api.js");
const { Stream } = await load("stream.js");

/* --- what must not stand there ---------------------------------------------------------------- */

test("no module makes markup of text, evaluates text, or knows another host", () => {
  const never =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style|https?:\/\/(?!www\.w3\.org\/2000\/svg)/;
  for (const name of files.filter((n) => /\.(js|css|html|svg)$/.test(n))) {
    const lines = fs.readFileSync(path.join(SOURCE, name), "utf8").split("\n");
    lines.forEach((line, i) => assert.ok(!never.test(line), `${name}:${i + 1}: ${line}`));
  }
});

test("the page holds no script and no style of its own", () => {
  const html = fs.readFileSync(path.join(SOURCE, "index.html"), "utf8");
  assert.ok(!/<style|\sstyle=|\son\w+=|javascript:/.test(html));
  assert.ok(!/<script(?![^>]*\bsrc=)/.test(html));
});

/* --- event streams ------------------------------------------------------------------------------ */

function parsed(...pieces) {
  const seen = [];
  const feed = sseParser((event) => seen.push(event));
  pieces.forEach(feed);
  return seen;
}

test("an event is the same however it is cut into pieces", () => {
  const text = 'retry: 1000\n\nid: 7.1\ndata: {"a":1}\n\n: alive\n\nid: 7.2\ndata: x\ndata: y\r\n\r\n';
  const whole = parsed(text);
  assert.deepEqual(whole, [{ id: "7.1", data: '{"a":1}' }, { comment: "alive" }, { id: "7.2", data: "x\ny" }]);
  assert.deepEqual(parsed(...text), whole);
  assert.deepEqual(parsed(text.replaceAll("\r\n", "\n").replaceAll("\n", "\r\n")), whole);
});

test("an event that is not whole is none, an id holds until the next one", () => {
  assert.deepEqual(parsed("data: 1\n"), []);
  assert.deepEqual(
    parsed("id: a\ndata: 1\n\ndata: 2\n\n").map((e) => e.id),
    ["a", "a"]
  );
  assert.deepEqual(parsed("\n\n\nid: a\n\n"), []);
  assert.deepEqual(parsed("id: a\0b\ndata: 1\n\n"), [{ id: "", data: "1" }]);
});

/* --- the stream: what it asks for, and what it counts -------------------------------------------- */

// A gateway that plays what it is told to: answers are lists of texts, one a connection; "end" breaks it off.
function gateway(...answers) {
  const asked = [];
  globalThis.fetch = async (address, { headers, signal }) => {
    const texts = answers[asked.length] || [];
    asked.push({
      topics: new URL(address, "http://x").searchParams.getAll("topic"),
      after: new URL(address, "http://x").searchParams.getAll("after"),
      headers,
    });
    const body = new ReadableStream({
      start(out) {
        signal.addEventListener("abort", () => {
          try {
            out.error(new Error("aborted"));
          } catch {
            // it has ended already
          }
        });
        for (const text of texts) if (text !== "end") out.enqueue(new TextEncoder().encode(text));
        if (texts.includes("end")) out.close();
      },
    });
    return { ok: true, status: 200, body };
  };
  return asked;
}

const update = (topic, incarnation, seq, event = "x", more = {}) =>
  `id: ${incarnation}.${seq}\ndata: ${JSON.stringify({ topic, incarnation, seq, event, ...more })}\n\n`;

async function playing(stream, count) {
  const seen = [];
  await new Promise((resolve) => {
    stream.take = (u) => {
      seen.push(u);
      if (seen.length === count) resolve();
    };
    stream.start();
  });
  stream.stop();
  return seen;
}

const newStream = () => new Stream({ take() {}, opened() {}, changed() {} });

test("a stream that breaks off goes on behind the last event, with the token in a header", async () => {
  const asked = gateway([update("todo", 7, 3, "snapshot"), update("todo", 7, 4), "end"], [update("todo", 7, 5)]);
  const stream = newStream();
  stream.topics = ["todo"];
  const seen = await playing(stream, 3);
  assert.deepEqual(
    seen.map((u) => u.seq),
    [3, 4, 5]
  );
  assert.equal(stream.counts.gaps, 0);
  assert.equal(asked[0].headers["Last-Event-ID"], undefined);
  assert.equal(asked[1].headers["Last-Event-ID"], "7.4");
  assert.equal(asked[1].headers.Authorization, "Bearer secret");
});

test("with other topics it goes on behind what each has said, and an id of before is not used", async () => {
  const asked = gateway([update("todo", 7, 3, "snapshot")], [update("todo", 7, 4)]);
  const stream = newStream();
  stream.topics = ["todo"];
  await playing(stream, 1);
  stream.topics = ["todo", "job/a"];
  await playing(stream, 1);
  assert.deepEqual(asked[1].topics, ["todo", "job/a"]);
  assert.deepEqual(asked[1].after, ["7.3"]);
  assert.equal(asked[1].headers["Last-Event-ID"], undefined);
});

test("a gap is counted, a new life of the broker is none", async () => {
  gateway([
    update("a", 7, 1),
    update("a", 7, 3),
    update("a", 8, 1),
    update("a", 8, 1, "lost", { first: 2, last: 9 }),
    update("a", 8, 10),
  ]);
  const stream = newStream();
  stream.topics = ["a"];
  await playing(stream, 5);
  assert.equal(stream.counts.gaps, 2);
});

/* --- text and numbers ------------------------------------------------------------------------------ */

test("what would not be seen is shown, what would turn the text around cannot", () => {
  assert.equal(format.visible("\u001b[31mred\u202e\n"), "‹1B›[31mred‹202E›\n");
  assert.equal(format.visibleLine("a\nb\u200b"), "a‹0A›b‹200B›");
  assert.equal(format.cut("abc", 3), "abc");
  assert.equal(format.cut("a\u{1f600}bc", 2), "a…");
});

test("spans, sizes and numbers", () => {
  assert.deepEqual([0.073, 4.21, 1800, 200e3, 18720e3, 3 * 86400e3].map(format.span), [
    "73 µs",
    "4.2 ms",
    "1.8 s",
    "3 min 20 s",
    "5 h 12 min",
    "3 d",
  ]);
  assert.deepEqual(
    [0, 190.98033004387, 1e-9, -12.5, NaN].map((n) => format.number(n)),
    ["0", "190.98", "1.000e-9", "-12.5", "–"]
  );
  assert.deepEqual(format.apart([1, 2.5], format.number), ["1", "2.5"]);
  assert.deepEqual(format.apart([190.98033, 190.98034, 190.980355], (n) => format.number(n)), ["190.98033", "190.98034", "190.98036"]);
  assert.deepEqual(format.apart([1, 1], (n) => `${n} s`), ["1", "1"]); // which cannot be
  assert.deepEqual([17, 2048, 1 << 20].map(format.bytes), ["17 B", "2 KiB", "1 MiB"]);
  assert.deepEqual([9999, 12345, 2.5e6].map(format.compact), ["9\u202f999", "12.3k", "2.5M"]);
  assert.equal(format.shellWord("it's"), "'it'\\''s'");
});

test("foreign words in a path stay one part of it", () => {
  assert.equal(apiPath`/v1/queues/${"a/../b?c"}/hold`, "/v1/queues/a%2F..%2Fb%3Fc/hold");
});

/* --- figures ----------------------------------------------------------------------------------------- */

test("quantiles of what came between two readings", () => {
  const text = (a, b, c) =>
    `# TYPE x histogram\nx_bucket{le="0.001"} ${a}\nx_bucket{le="0.01"} ${b}\nx_bucket{le="+Inf"} ${c}\nx_sum 1\n`;
  const before = prom.histograms(text(5, 5, 5)).get("x");
  const now = prom.histograms(text(5, 15, 15)).get("x");
  const fresh = prom.since(now, before);
  assert.deepEqual(
    fresh.map((b) => b[1]),
    [0, 10, 10]
  );
  assert.ok(Math.abs(prom.quantile(fresh, 0.5) - 0.0055) < 1e-9);
  assert.equal(prom.quantile(prom.since(now, now), 0.5), null);
  assert.deepEqual(
    prom.since(before, now).map((b) => b[1]),
    [5, 5, 5]
  ); // a new life counts from nothing
});

/* --- the trail of a session ---------------------------------------------------------------------------- */

test("a trail begins with the history and goes on with what is seen", () => {
  const trail = makeTrail();
  trail.take({
    iteration: 4,
    history: [1, 2, 3],
    objective: 2.5,
    violation: 0,
    best: { objective: 3, violation: 0, mvs: { u: 1 }, cvs: { y: 2 } },
    mvs: { u: 0.5 },
    cvs: { y: 1 },
  });
  assert.deepEqual(trail.objective().best, [
    { x: 1, y: 1 },
    { x: 2, y: 2 },
    { x: 3, y: 3 },
  ]);
  assert.deepEqual(trail.names("mvs"), ["u"]);
  assert.deepEqual(trail.of("mvs", "u"), { best: [{ x: 3, y: 1 }], last: [{ x: 3, y: 0.5 }] });
  trail.take({ iteration: 1, best: null });
  assert.equal(trail.reach(), 3);
});

/* --- what a session is started with --------------------------------------------------------------------- */

test("a file of a session says the same as the command", () => {
  const spec = {
    model: "none",
    objective: "[x]^2 + [d]",
    maximize: false,
    mvs: [{ name: "x", start: 1, lower: -5, upper: 5 }],
    cvs: [{ name: "d", expression: "2", upper: 3 }],
    constraints: ["[x] <= 3", "it's"],
    method: "auto",
    max_iterations: 9,
    seed: 7,
    islands: 2,
    delay: 0.5,
    external: true,
  };
  assert.deepEqual(readSpec(JSON.stringify(spec)), spec);
  assert.deepEqual(readSpec('{"maximise": true}'), { maximize: true }); // as the service reads it
  assert.equal(
    startCommand(spec),
    "reeve session start --model none --objective '[x]^2 + [d]' --minimize --method auto --mv x=1:-5..5 --cv d=2:..3 " +
      "--constraint '[x] <= 3' --constraint 'it'\\''s' --max-iterations 9 --seed 7 --islands 2 --delay 0.5 --external"
  );
});

test("a file that is none is refused by what is wrong with it", () => {
  for (const [text, why] of [
    ["", /no JSON/],
    ["null", /not one JSON object/],
    ["[1]", /not one JSON object/],
    ['{"toString": 1}', /"toString" is nothing/],
    ['{"model": 1}', /"model" is not/],
    ['{"seed": 9007199254740993}', /"seed" is not/], // which would become another one
    ['{"delay": "1"}', /"delay" is not/],
    ['{"mvs": {}}', /"mvs" is not/],
    ['{"mvs": [null]}', /"mvs" is not/],
    ['{"mvs": [{"lower": 1}]}', /"mvs" is not/],
    ['{"mvs": [{"name": "x", "toString": 1}]}', /"mvs" is not/],
    ['{"cvs": [{"name": "x", "upper": null}]}', /"cvs" is not/],
    ['{"constraints": [1]}', /"constraints" is not/],
  ])
    assert.throws(() => readSpec(text), why, text);
});
