# SPDX-License-Identifier: Apache-2.0
"""Sentences made up from frames: data/frames_*.tsv. A line is a label, a tab and a frame; `{a|b|}` in it stands
for one of these, which may have braces of their own; `{name}` for one of those in the line `name:`."""
import re

from sets import probability_of

_INNERMOST = re.compile(r"\{([^{}]*)\}")


def _filled(frame, slots, random):
    while found := _INNERMOST.search(frame):
        several = found[1].split("|")
        put = "{" + slots[found[1]] + "}" if found[1] in slots else several[random.integers(len(several))]
        frame = frame[:found.start()] + put + frame[found.end():]
    return frame


def sentences(path, each, random):
    """Probabilities of good and sentences without doubles: each frame as often as told, or as it has different ones."""
    slots, made = {}, {}
    for line in path.read_text(encoding="utf-8").splitlines():
        head, frame = line.split("\t", 1) if "\t" in line else ("#", "")
        if head.endswith(":"):
            slots[head[:-1]] = frame
        elif not head.startswith("#"):
            made.update((_filled(frame, slots, random), head) for _ in range(each))
    return [(probability_of(label), sentence) for sentence, label in made.items()]
