# SPDX-License-Identifier: Apache-2.0
"""The lexicon's files as one table: name -> (role, value). A line of data/lexicon_*.tsv is a role, a tab, and
entries parted by blanks:

    2.5        good nice* =fine well_done      weight, about -4..4
    not:4      not never                       turns round what follows
    scale:1.3  very                            strengthens (above 1) or weakens the next word
    but        but however                     parts what follows from what came before
    despite    despite                         what follows weighs less, up to the next comma

`word` also stands for its regular English inflections, `=word` for nothing but itself, `stem*` for the words of
the vocabulary that begin so, `two_words` for a phrase of up to four words. '#' begins a comment line.
"""
import features
import words

STEP = 0.05  # of a value in the file of weights
ROLES = {"not": features.NOT, "scale": features.SCALE, "but": features.BUT, "despite": features.DESPITE}

# Regular endings of English: what is cut off, what is put in its place, what must stand before it, and whether a
# doubled consonant is tried single too ("stunned").
ENDINGS = (("s", "", "", False), ("es", "", "", False), ("ies", "y", "", False), ("d", "", "e", False),
           ("ed", "", "", True), ("ied", "y", "", False), ("ing", "", "", True), ("ing", "e", "", False),
           ("ly", "", "", False), ("ily", "y", "", False), ("ly", "le", "", False), ("ness", "", "", False),
           ("er", "", "", True), ("r", "", "e", False), ("est", "", "", True), ("st", "", "e", False),
           ("ier", "y", "", False), ("iest", "y", "", False), ("iness", "y", "", False), ("ally", "", "", False))


def in_steps(value):
    return round(value / STEP) * STEP


def spelled(entry):
    """An entry as the tokens of a text spell it: "don't_like" is "do n't like"."""
    spaced = entry.replace("_", " ") if any(c.isalpha() for c in entry) else entry
    return " ".join(t.text for t in words.tokens(spaced) if t.text and t.kind != words.STOP)


def stems_of(word):
    for cut, put, before, doubled in ENDINGS:
        stem = word[:-len(cut)]
        if len(word) < len(cut) + 3 or not word.endswith(cut) or (before and stem[-1] != before):
            continue
        yield stem + put
        if doubled and stem[-1] == stem[-2]:
            yield stem[:-1]


class Lexicon:
    def __init__(self):
        self.exact, self.inflected, self.stems = {}, {}, {}

    def add(self, path):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line or line.startswith("#"):
                continue
            head, entries = line.split("\t")
            name, _, value = head.partition(":")
            role = ROLES.get(name, features.WEIGHT)
            value = in_steps(float(value or 0 if role else head))
            for entry in entries.split():
                self._add_entry(entry, (role, value))

    def _add_entry(self, entry, meaning):
        if entry[-1] == "*" and entry[0].isalpha():
            self.stems[entry[:-1]] = meaning
            return
        itself = entry[0] == "=" and entry[1:].isalpha()
        name = spelled(entry[1:] if itself else entry)
        if not name:
            raise ValueError(f"no token in the lexicon's {entry}")
        self.exact[name] = meaning
        if not itself and name.isalpha():
            self.inflected[name] = meaning

    def add_values(self, path):
        """A line is a value, a tab, and an entry that stands for itself; it wins over the weights added before."""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            value, entry = line.split("\t")
            name = spelled(entry)
            if name and self.find(name, (features.WEIGHT, 0.0))[0] == features.WEIGHT:
                self.exact[name] = (features.WEIGHT, in_steps(float(value)))

    def add_told(self, word, value):
        """A word that stands for itself, unless something was said of it before."""
        if not self.find(word):
            self.exact[word] = (features.WEIGHT, in_steps(value))

    def find(self, word, otherwise=None):
        if word in self.exact:
            return self.exact[word]
        for stem in stems_of(word):
            if stem in self.inflected:
                return self.inflected[stem]
        for size in range(len(word), 0, -1):
            if word[:size] in self.stems:
                return self.stems[word[:size]]
        return otherwise

    def table(self, vocabulary):
        """All entries that stand for themselves, and the words of the vocabulary that others stand for."""
        found = {word: self.find(word) for word in vocabulary}
        return {**self.exact, **{word: meaning for word, meaning in found.items() if meaning}}
