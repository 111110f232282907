#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_vader.py HANDLER FILE.tsv...: accuracy of the handler program neural_analyzer beside that of VADER (package
vaderSentiment of PyPI, in an environment of its own: python3 -m venv X; X/bin/pip install vaderSentiment; X/bin/python
this). A line of a file is 1 or 0, a tab, a sentence. Scores of
0 count for VADER as the one or the other label, whichever is better for it, and as wrong for the handler."""
import pathlib
import subprocess
import sys

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


def score(handler, sentence):
    done = subprocess.run([handler, "--call", "neural_analyzer.polarity", sentence], check=True, capture_output=True)
    return float(done.stdout)


def main(handler, files):
    vader = SentimentIntensityAnalyzer()
    for path in map(pathlib.Path, files):
        rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()]
        ours = sum(score(handler, text) * (1 if label == "1" else -1) > 0 for label, text in rows)
        compounds = [(label, vader.polarity_scores(text)["compound"]) for label, text in rows]
        theirs = max(sum((c > 0 or c == tie) == (label == "1") for label, c in compounds) for tie in (0, None))
        print(f"{path.name}: {len(rows)} sentences, handler {ours / len(rows):.4f}, VADER {theirs / len(rows):.4f}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
