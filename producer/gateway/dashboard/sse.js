// SPDX-License-Identifier: Apache-2.0
//
// sse: the text of an event stream becomes events. Knows no network and no page.

const LINE_END = /\r\n|\n|\r/;

// A parser to be fed with pieces of text as they arrive; take(event) is called for each whole event,
// {id, data}. A comment is taken as {comment}: it shows that the other side is alive.
export function sseParser(take) {
  let rest = "";
  let id = "";
  let data = [];

  function line(text) {
    if (text === "") {
      if (data.length) take({ id, data: data.join("\n") });
      data = [];
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) {
      take({ comment: text.slice(1).trim() });
      return;
    }
    const name = colon < 0 ? text : text.slice(0, colon);
    let value = colon < 0 ? "" : text.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") data.push(value);
    else if (name === "id" && !value.includes("\0")) id = value;
  }

  return function feed(text) {
    rest += text;
    // A \r at the very end may be the first half of a \r\n.
    const held = rest.endsWith("\r") ? 1 : 0;
    const lines = rest.slice(0, rest.length - held).split(LINE_END);
    rest = lines.pop() + rest.slice(rest.length - held);
    for (const text of lines) line(text);
  };
}
