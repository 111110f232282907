# SPDX-License-Identifier: Apache-2.0
"""What a worker starts: `python3 FOLDER FILE`, FOLDER being this one, FILE the user's handlers."""
import pathlib
import sys


def main() -> int:
    try:
        from reeve.program import main as serve_file
    except ModuleNotFoundError as missing:
        if missing.name != "msgpack":
            raise
        print(f"{sys.executable} has no msgpack, which handlers need: `deploy/setup.sh --python` makes an environment "
              "that has it, REEVE_PYTHON names another interpreter", file=sys.stderr)
        return 7
    return serve_file(sys.argv[1:], pathlib.Path(__file__).parent)


if __name__ == "__main__":
    sys.exit(main())
