# SPDX-License-Identifier: Apache-2.0
"""What the tests call: handlers that work, fail, hang, die, and sessions."""
import logging
import os
import signal
import sys

import reeve


@reeve.handler("text.upper")
def upper(text: str) -> str:
    return text.upper()


@reeve.handler("any.echo")
def echo(*args):
    return list(args)


@reeve.handler("num.pow")
def power(base, exponent):
    return base ** exponent


@reeve.handler("num.divide")
def divide(a, b):
    print(f"dividing {a}")
    return a / b


@reeve.handler("job.about")
def about():
    job = reeve.job()
    with open("/proc/self/maps") as maps:
        page = "page.so" in maps.read()
    return {"page": page, "id": job.id, "method": job.method, "attempt": job.attempt, "time_limit": job.time_limit,
            "cancelled": job.cancelled, "pid": os.getpid()}


@reeve.handler("fail.plainly")
def plainly():
    raise reeve.Failure("no such customer")


@reeve.handler("fail.chained")
def chained():
    try:
        {}["key"]
    except KeyError as error:
        raise RuntimeError("lookup\nfailed") from error


@reeve.handler("fail.deeply")
def deeply(n=0):
    return deeply(n + 1)


@reeve.handler("fail.unsendable")
def unsendable():
    return {1, 2}


@reeve.handler("fail.too_large")
def too_large():
    return b"x" * (17 << 20)


@reeve.handler("fail.exit")
def leave(status=3):
    sys.exit(status)


@reeve.handler("fail.os_exit")
def os_exit():
    os._exit(5)


@reeve.handler("fail.signal")
def die():
    logging.getLogger("fail").error("about to die")
    os.kill(os.getpid(), signal.SIGSEGV)


@reeve.handler("fail.fork")
def fork():
    """The child comes back as if it were the handler; only one answer may be given."""
    if os.fork() == 0:
        return "child"
    os.wait()
    return "parent"


@reeve.handler("fail.eat")
def eat():
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)))


@reeve.handler("wait.politely")
def politely():
    print("waiting", flush=True)
    while not reeve.job().cancelled:
        signal.sigtimedwait([signal.SIGUSR1], 0.005)
    reeve.job().check()


@reeve.handler("wait.unless")
def unless(word):
    """Gives all words back but "wait"."""
    if word == "wait":
        politely()
    return word


@reeve.handler("wait.step_by_step")
def step_by_step():
    for step in 1, 2:
        reeve.job().progress(step, 3)
    reeve.job().progress(3, 3, stage="last")
    politely()


@reeve.handler("wait.deafly")
def deafly(path):
    """Hears no flag; TERM lets it clean up."""
    try:
        print("deaf", flush=True)
        signal.pause()
    finally:
        with open(path, "w") as file:
            file.write("cleaned up")


@reeve.handler("sum.slowly")
def slowly(state, input):
    """A session: one number an iteration."""
    done, total, wanted = state or (0, 0, input[0])
    if done == wanted:
        return reeve.Done(total)
    return reeve.Continue([done + 1, total + done, wanted], view={"done": done + 1}, lines=[f"added {done}"])


@reeve.handler("ask.name")
def ask_name(state, input):
    if state is None:
        return reeve.Ask({"asked": True}, view={"question": "who?"})
    return reeve.Done(f"hello {input}")


@reeve.handler("fork.squares")
def fork_squares(state, input):
    if state is None:
        return reeve.Fork([("num.pow", n, 2) for n in input[0]], state="forked")
    return [value for _, value in input]


@reeve.handler("feed.count", feed="counting")
def count(state, input):
    return reeve.Continue((state or 0) + 1, view={"count": (state or 0) + 1}, delay=0.01)


if __name__ == "__main__":
    reeve.serve()
