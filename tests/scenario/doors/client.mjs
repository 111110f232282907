// SPDX-License-Identifier: Apache-2.0
//
// client.mjs PACKAGES PROTO FILE...: a client of the gRPC doors on @grpc/grpc-js, which stands on Node's own HTTP/2. It
// decides nothing: it does what a scenario says, a JSON object a line on standard input, and says what came of it, one
// a line on standard output. client.go is the same in Go; what the lines are is said in stack_client.py.
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

const [packages, root, ...files] = process.argv.slice(2);
const load = createRequire(path.join(packages, "/"));
const grpc = load("@grpc/grpc-js");
const known = load("@grpc/proto-loader").loadSync(files, {
  includeDirs: [root],
  keepCase: true,
  longs: String,
  enums: String,
  bytes: String,
  defaults: true,
});

const GZIP = grpc.compressionAlgorithms.gzip;
const connections = new Map();
const calls = new Map();

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

function open({ on, target, keepalive_ms, gzip }) {
  const options = { "grpc.use_local_subchannel_pool": 1, "grpc.initial_reconnect_backoff_ms": 100 };
  if (keepalive_ms) {
    options["grpc.keepalive_time_ms"] = keepalive_ms;
    options["grpc.keepalive_permit_without_calls"] = 1;
  }
  if (gzip) options["grpc.default_compression_algorithm"] = GZIP;
  connections.set(on, new grpc.Client(target, grpc.credentials.createInsecure(), options));
}

// What each kind of method is called with; a single message goes with the call.
function begin({ call, on, message, path }, method, metadata, options) {
  const client = connections.get(on);
  const words = [path ?? method.path, method.requestSerialize, method.responseDeserialize];
  if (method.requestStream) return client.makeBidiStreamRequest(...words, metadata, options);
  if (method.responseStream) return client.makeServerStreamRequest(...words, message, metadata, options);
  const answered = (error, value) => error || say({ call, message: value });
  return client.makeUnaryRequest(...words, message, metadata, options, answered);
}

function start(said) {
  const { call, method: name, deadline_ms, wait_for_ready } = said;
  const [service, verb] = name.split("/");
  const method = known[service][verb];
  const metadata = new grpc.Metadata({ waitForReady: !!wait_for_ready });
  for (const [key, value] of Object.entries(said.metadata ?? {})) metadata.set(key, value);
  const options = deadline_ms === undefined ? {} : { deadline: Date.now() + deadline_ms };
  const stream = begin(said, method, metadata, options);
  calls.set(call, stream);
  stream.on("metadata", () => say({ call, headers: true }));
  let end;
  stream.on("status", ({ code, details }) => {
    end = { call, code, text: details };
    calls.delete(call);
    if (!method.responseStream) say(end);
  });
  stream.on("error", () => {}); // it is the status again
  if (!method.responseStream) return;
  stream.on("data", (value) => say({ call, message: value }));
  stream.on("end", () => say(end)); // after the last message, which the status is not
}

function send({ call, message }) {
  calls.get(call)?.write(message);
}

function halfClose({ call }) {
  calls.get(call)?.end();
}

function cancel({ call }) {
  calls.get(call)?.cancel();
}

const VERBS = { open, start, send, half_close: halfClose, cancel };

createInterface({ input: process.stdin }).on("line", (line) => {
  const said = JSON.parse(line);
  VERBS[said.do](said);
});
