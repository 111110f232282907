// SPDX-License-Identifier: Apache-2.0
//
// api: requests to /v1 with the token, and what went wrong as ApiError. The token is asked for by
// whoever sets onUnauthorized; it is kept in this browser only and never becomes part of an address.

const TOKEN_KEY = "reeve.token";

export class ApiError extends Error {
  constructor(status, code, message, hint) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint || "";
  }
}

export const hooks = { onUnauthorized() {} };

export const token = {
  get: () => localStorage.getItem(TOKEN_KEY) || "",
  set: (text) => localStorage.setItem(TOKEN_KEY, text),
  forget: () => localStorage.removeItem(TOKEN_KEY),
};

export function authorised(headers = {}) {
  return { ...headers, Authorization: "Bearer " + token.get() };
}

// Integers beyond 2^53 stay as they were written, where the browser can do that.
function exact(key, value, context) {
  const big = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return big && JSON.rawJSON && context && /^-?\d+$/.test(context.source) ? JSON.rawJSON(context.source) : value;
}

async function failure(response) {
  let error = {};
  try {
    error = (await response.json()).error || {};
  } catch {
    // not one of ours: the status has to do
  }
  const after = Number(response.headers.get("Retry-After")) || 0;
  const hint = error.hint || (after ? `Try again in ${after} s.` : "");
  return new ApiError(
    response.status,
    error.code || "status-" + response.status,
    error.message || `the gateway answered ${response.status}`,
    hint
  );
}

// The answer as it came; throws ApiError. body: an object, or text that is JSON already.
export async function request(method, path, { body, headers, signal } = {}) {
  const options = { method, headers: authorised(headers), signal, cache: "no-store" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the gateway does not answer");
  }
  if (response.ok) return response;
  if (response.status === 401) hooks.onUnauthorized();
  throw await failure(response);
}

async function json(method, path, options) {
  const text = await (await request(method, path, options)).text();
  return text ? JSON.parse(text, exact) : null;
}

export const get = (path, options) => json("GET", path, options);
export const post = (path, body, headers) => json("POST", path, { body: body ?? {}, headers });
export const remove = (path) => json("DELETE", path);

// A path of fixed and of foreign parts: path`/v1/jobs/${id}`.
export function path(texts, ...parts) {
  return texts.reduce((all, text, i) => all + encodeURIComponent(parts[i - 1]) + text);
}

export function query(fields) {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value) all.set(name, value);
  const text = all.toString();
  return text ? "?" + text : "";
}
