# SPDX-License-Identifier: Apache-2.0
"""program: a file of handlers as a program: served by a worker, listed and tried by hand."""
from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import sys
from typing import Any, NoReturn, Sequence

from reeve import slot
from reeve.errors import Failure
from reeve.handlers import registered

EXIT_FAILED, EXIT_USAGE, EXIT_CONFIG = 1, 2, 7
USAGE = """usage: {0} --offers | --call HANDLER.METHOD ARG...
Python handlers: a worker starts them (reeve worker --python FILE) and feeds them jobs. By hand:
  --offers               list them, and what they feed
  --call METHOD ARG...   run one, print its value; exit 1 when it fails
  --help                 this text"""


def word(text: str) -> Any:
    """A word of a command line: a JSON number, boolean, array or object is that, anything else is text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if value is None or isinstance(value, str) else value


def show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def call(name: str, words: Sequence[str]) -> int:
    """Runs one handler without a farm."""
    found = registered.get(name)
    if found is None:
        print(f"no handler {name} here; --offers lists them", file=sys.stderr)
        return EXIT_USAGE
    try:
        print(show(found.function(*map(word, words))))
    except Failure as failure:
        print(failure, file=sys.stderr)
        return EXIT_FAILED
    except Exception as error:
        print(slot.error_text(error, 1), file=sys.stderr)
        return EXIT_FAILED
    return 0


def run(arguments: Sequence[str], name: str, library: pathlib.Path | None = None) -> int:
    match list(arguments):
        case [] if "REEVE_SLOT" in os.environ:
            slot.serve(list(registered.values()), library)
        case ["--offers"]:
            for handler in registered.values():
                print(handler.name if handler.feed is None else f"{handler.name} {handler.feed}")
        case ["--call", method, *words]:
            return call(method, words)
        case ["--help"]:
            print(USAGE.format(name))
        case _:
            print(USAGE.format(name), file=sys.stderr)
            return EXIT_USAGE
    return 0


class Started:
    """What the worker has started us with, while it loads a file."""

    arguments: Sequence[str] | None = None
    library: pathlib.Path | None = None


def serve() -> NoReturn:
    """Serves the handlers that were made so far, and ends the process. For a file that is run by itself:

        if __name__ == "__main__":
            reeve.serve()

    `reeve worker --python FILE` does not need it.
    """
    arguments = sys.argv[1:] if Started.arguments is None else Started.arguments
    sys.exit(run(arguments, pathlib.Path(sys.argv[0]).name, Started.library))


def load(path: pathlib.Path) -> None:
    """Runs the user's file as a module of its own name: what stands under `if __name__ == "__main__"` is not for us."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file (its name ends in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)


def main(arguments: Sequence[str], folder: pathlib.Path) -> int:
    """FILE [--offers | --call ...]: what a worker starts. folder: where page.so may lie; $REEVE_PYTHON_PAGE names another,
    or one that is not there: then jobs come over the socket."""
    if not arguments:
        print(USAGE.format("FILE"), file=sys.stderr)
        return EXIT_USAGE
    path = pathlib.Path(arguments[0]).resolve()
    if not path.is_file():
        print(f"{path} is not there", file=sys.stderr)
        return EXIT_CONFIG
    library = folder / os.environ.get("REEVE_PYTHON_PAGE", "page.so")
    sys.argv = [str(path)]
    Started.arguments, Started.library = arguments[1:], library if library.exists() else None
    load(path)
    return run(arguments[1:], path.name, Started.library)
