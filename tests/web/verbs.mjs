// SPDX-License-Identifier: Apache-2.0
//
// verbs: every verb of `reeve session`, `todo` and `ticker`, every option of theirs, and by what a page is
// seen to do the same: a request that its tests made it send, and that was answered well. Which verbs and
// options there are is asked of the command line, so that a new one fails until a test presses it.
import assert from "node:assert/strict";
import { asked } from "./harness.mjs";

/* --- what a page did ------------------------------------------------------------------------------- */

// `wanted` is asked of the request: see harness.mjs.
const sent = (method, path, wanted = () => true) => ({
  proof: () => asked.some((r) => r.method === method && path.test(r.path) && wanted(r)),
});
const listed = (path, wanted) => sent("GET", path, wanted);
const watched = (topic) => sent("GET", /^\/v1\/updates$/, (r) => r.topics.some((name) => topic.test(name)));
const started = (wanted) => sent("POST", /^\/v1\/sessions$/, (r) => wanted(r.body));
const steered = (verb, wanted) => sent("POST", new RegExp(`^/v1/sessions/\\w{13}/${verb}$`), (r) => !wanted || wanted(r.body));
const variable = (list, key) => list?.some((v) => key in v);

// Of requests of one page, one behind the other.
const then = (first, second) => ({
  proof: () => asked.some((a, i) => first(a) && asked.slice(i + 1).some((b) => b.page === a.page && second(b, a))),
});
const updates = (r) => r.path === "/v1/updates";

// What is about a terminal or a script is not of a page.
const terminal = (why) => ({ terminal: why });

/* --- the table --------------------------------------------------------------------------------------- */

const verbs = {
  session: {
    start: started(() => true),
    optimise: steered("optimise"),
    pause: steered("pause"),
    stop: steered("stop"),
    show: listed(/^\/v1\/sessions\/\w{13}$/),
    list: listed(/^\/v1\/sessions$/),
    objective: listed(/^\/v1\/sessions\/\w{13}\/objective$/),
    cv: steered("cv", (b) => Object.keys(b.mvs).length > 0),
    models: listed(/^\/v1\/models$/),
    status: listed(/^\/v1\/queues$/), // whether a worker offers the service
    propose: listed(/^\/v1\/sessions\/\w{13}\/proposal$/),
    tell: steered("tell", (b) => typeof b.objective === "number"),
    "tell NAME=VALUE": steered("tell", (b) => Object.keys(b.cvs).length > 0),
    "--model": started((b) => b.model && b.model !== "none"),
    "--objective": started((b) => b.objective),
    "--constraint": started((b) => b.constraints?.length > 1),
    "--maximize": started((b) => b.maximize === true),
    "--minimize": started((b) => b.maximize === false),
    "--method": started((b) => b.method),
    "--mv": started((b) => variable(b.mvs, "start") && variable(b.mvs, "lower") && variable(b.mvs, "upper")),
    "--mv of optimise": steered("optimise", (b) => Object.keys(b.mvs || {}).length > 0),
    "--cv": started((b) => variable(b.cvs, "expression") && variable(b.cvs, "lower") && variable(b.cvs, "upper")),
    "--cv of optimise": steered("optimise", (b) => Object.keys(b.cvs || {}).length > 0),
    "--max-iterations": started((b) => b.max_iterations),
    "--seed": started((b) => b.seed),
    "--islands": started((b) => b.islands > 1),
    "--delay": started((b) => b.delay),
    "--external": started((b) => b.external === true),
    "--file": then(
      (r) => r.method === "file",
      (r) => r.method === "POST" && r.path === "/v1/sessions"
    ),
    "--follow": watched(/^session\/\w{13}$/),
    "--iteration": steered("tell", (b) => b.iteration > 0),
    "--limit": listed(/^\/v1\/sessions$/, (r) => r.query.get("limit") && r.query.get("cursor")), // and the way to older ones
    "--quiet": terminal("prints ids alone"),
    "watch session/ID": watched(/^session\/\w{13}$/),
  },
  todo: {
    add: sent("POST", /^\/v1\/todo$/, (r) => r.body.title),
    list: listed(/^\/v1\/todo$/),
    complete: sent("POST", /^\/v1\/todo\/\d+\/complete$/),
    remove: sent("DELETE", /^\/v1\/todo\/\d+$/),
    watch: watched(/^todo$/),
    "--count": terminal("ends a watch after so many lines"),
    "--quiet": terminal("prints numbers alone"),
  },
  ticker: {
    SYMBOL: watched(/^ticker\/[A-Z]+$/),
    "SYMBOL SYMBOL": sent("GET", /^\/v1\/updates$/, (r) => r.topics.filter((name) => name.startsWith("ticker/")).length > 1),
    "-SYMBOL": then(updates, (r, before) => updates(r) && before.topics.some((t) => /^ticker\//.test(t) && !r.topics.includes(t))),
    "--interval": watched(/^ticker\/[A-Z]+\/0\.1$/),
    "--interval of one's own": watched(/^ticker\/[A-Z]+\/0\.25$/),
    "--count": terminal("ends after so many updates"),
  },
};

/* --- the table against the command line and what was done -------------------------------------------- */

// Words and options of a verb, as its own tables have them: what they are completed from.
function completed(script, verb) {
  const line = script.split("\n").find((text) => text.startsWith(`    ${verb}) `));
  const [, options, names] = /options="([^"]*)"; names="([^"$]*)/.exec(line);
  return { options: options.split(" ").filter(Boolean), names: names.split(" ").filter(Boolean) };
}

// To be called when all tests of a file have been.
export async function proveVerbs(farm, verb) {
  const rows = verbs[verb];
  const script = await farm.reeve("completion", "bash");
  const { options, names } = completed(script, verb);
  const ofAnyJob = new Set(completed(script, "submit").options); // and of any verb
  const wanted = [...names, ...options.filter((name) => name in rows || !ofAnyJob.has(name))];
  assert.ok(wanted.length > 0);
  for (const name of wanted) assert.ok(rows[name], `reeve ${verb} ${name}: not in the table`);
  const first = (name) => name.split(" ")[0]; // "--mv of optimise" is about --mv
  for (const name of Object.keys(rows).filter((n) => n.startsWith("--")))
    assert.ok(wanted.includes(first(name)), `reeve ${verb} ${name}: in the table only`);
  const missing = Object.entries(rows).filter(([, row]) => !row.terminal && !row.proof());
  assert.deepEqual(
    missing.map(([name]) => name),
    [],
    `what no page was seen to do of reeve ${verb}`
  );
}
