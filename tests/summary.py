#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""summary.py FILE...: adds up the results that ctest wrote (JUnit); the last line is the sum.

A test program that ends with `N passed, N failed` counts as its N; any other counts as one. A
program that failed counts as one failure at least, whatever it printed.
"""
import re
import sys
import xml.etree.ElementTree as tree

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)


def counts(case):
    output = case.findtext("system-out") or ""
    found = COUNTS.findall(output)
    passed, failed = map(int, found[-1]) if found else (0, 0)
    if case.get("status") == "run":
        return max(passed, 1) if not failed else passed, failed
    return passed, max(failed, 1)


def main(paths):
    passed = failed = 0
    for path in paths:
        try:
            suite = tree.parse(path).getroot()
        except (OSError, tree.ParseError) as error:
            print(f"failed: no results: {error}")
            failed += 1
            continue
        cases = suite.findall("testcase")
        for case in cases:
            good, bad = counts(case)
            passed += good
            failed += bad
            if bad:
                print(f"failed: {case.get('name')} ({path})")
    print(f"{passed} passed, {failed} failed")
    return failed or not passed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
