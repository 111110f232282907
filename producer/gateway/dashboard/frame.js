// SPDX-License-Identifier: Apache-2.0
//
// frame: whatever changed since the last frame is drawn once, in the next one. However many updates
// come in between, that is one piece of work.

const waiting = new Set();
let asked = false;

function draw() {
  asked = false;
  const now = [...waiting];
  waiting.clear();
  for (const render of now) render();
}

export function schedule(render) {
  waiting.add(render);
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

// Calls work at once, and again at most each ms: the first call of a burst is not delayed, the last one
// not forgotten. .stop() ends it.
export function throttled(work, ms) {
  let timer = 0,
    again = false;
  function due() {
    timer = 0;
    if (again) run();
  }
  function run() {
    if (timer) {
      again = true;
      return;
    }
    again = false;
    timer = setTimeout(due, ms);
    work();
  }
  run.stop = () => {
    clearTimeout(timer);
    timer = -1;
  };
  return run;
}

// Calls work now and then each ms while the page is to be seen; the answer ends that.
export function every(ms, work) {
  let on = true,
    timer = 0;
  async function turn() {
    if (!on) return;
    if (!document.hidden) {
      try {
        await work();
      } catch {
        // the next turn may fare better; the state of the connection is shown elsewhere
      }
    }
    if (on) timer = setTimeout(turn, ms);
  }
  turn();
  return () => {
    on = false;
    clearTimeout(timer);
  };
}
