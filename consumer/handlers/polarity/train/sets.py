# SPDX-License-Identifier: Apache-2.0
"""The files of sentences: a line is a label, a tab and a sentence. Labels are probabilities of good, or `neu`."""
import pathlib
import re
import zlib

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
RATED = "en-vadergt.train"  # the set whose sentences are held out when something is chosen or measured
NEUTRAL = "neu"
CLEAR = 0.7                 # what is good is good with this probability, what is bad is bad with it


def probability_of(label):
    return 0.5 if label == NEUTRAL else float(label)


def rows_of(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        label, sentence = line.split("\t", 1)
        yield probability_of(label), sentence


def is_held_out(sentence):
    """One in nine, always the same."""
    return zlib.crc32(sentence.encode()) % 9 == 0


def held_out():
    """Those that are clearly good or bad."""
    return [(p, s) for p, s in rows_of(DATA / f"{RATED}.tsv") if is_held_out(s) and max(p, 1 - p) >= CLEAR]


def letters_of(sentence):
    """What two spellings of a sentence have in common."""
    return re.sub("[^a-z0-9]", "", sentence.lower())
