// SPDX-License-Identifier: Apache-2.0
//
// spec: what a session is started with, as SPEC.json has it: read from such a file, and said as the command
// that starts the same. Knows no page; what the values are worth is the service's to judge.
import { shellWord } from "./format.js";

const TEXT = (v) => typeof v === "string";
const NUMBER = (v) => typeof v === "number" && Number.isFinite(v);
const WHOLE = Number.isSafeInteger;
const TRUTH = (v) => typeof v === "boolean";
const listOf = (kind) => (v) => Array.isArray(v) && v.every(kind);

// Each key of the object is one of the kinds, and as that wants it.
const fits = (kinds, object) => Object.entries(object).every(([key, value]) => Object.hasOwn(kinds, key) && kinds[key](value));
const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);

const variable = { name: TEXT, expression: TEXT, lower: NUMBER, upper: NUMBER, start: NUMBER, integer: TRUTH };
const isVariable = (v) => isObject(v) && TEXT(v.name) && fits(variable, v);

const kinds = {
  model: TEXT,
  objective: TEXT,
  maximize: TRUTH,
  maximise: TRUTH, // the same
  method: TEXT,
  max_iterations: WHOLE,
  seed: WHOLE,
  islands: WHOLE,
  delay: NUMBER,
  external: TRUTH,
  mvs: listOf(isVariable),
  cvs: listOf(isVariable),
  constraints: listOf(TEXT),
};

// The object in the text of a SPEC.json; throws what is wrong with it.
export function readSpec(text) {
  let read;
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw new Error("That file is no JSON: " + error.message);
  }
  if (!isObject(read)) throw new Error("That file is not one JSON object");
  for (const [key, value] of Object.entries(read)) {
    if (!Object.hasOwn(kinds, key)) throw new Error(`"${key}" is nothing that a session is started with`);
    if (!kinds[key](value)) throw new Error(`"${key}" is not as it must be in SPEC.json`);
  }
  const { maximise, ...spec } = read;
  return maximise === undefined ? spec : { maximize: maximise, ...spec };
}

/* --- the command that says the same --------------------------------------------------------------- */

const textOf = (n) => (n === undefined ? "" : String(n));

function boundsText(v) {
  return v.lower === undefined && v.upper === undefined ? "" : `:${textOf(v.lower)}..${textOf(v.upper)}`;
}

export function startCommand(spec) {
  const words = ["reeve", "session", "start"];
  const add = (option, value) => value !== undefined && words.push(option, String(value));
  add("--model", spec.model);
  add("--objective", spec.objective);
  if (spec.maximize !== undefined) words.push(spec.maximize ? "--maximize" : "--minimize");
  add("--method", spec.method);
  for (const v of spec.mvs || []) add("--mv", v.name + (v.start === undefined ? "" : `=${v.start}`) + boundsText(v));
  for (const v of spec.cvs || []) add("--cv", v.name + (v.expression ? `=${v.expression}` : "") + boundsText(v));
  for (const text of spec.constraints || []) add("--constraint", text);
  add("--max-iterations", spec.max_iterations);
  add("--seed", spec.seed);
  add("--islands", spec.islands);
  add("--delay", spec.delay);
  if (spec.external) words.push("--external");
  return words.map(shellWord).join(" ");
}
