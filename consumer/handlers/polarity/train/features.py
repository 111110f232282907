# SPDX-License-Identifier: Apache-2.0
"""What the network sees of a text, as polarity.c and tone.c see it: names of features, each looked up in the
dictionary, and the tone, a few numbers that come of the lexicon's words in their order.

    "good"          a word, an emoticon, a stop that is more than a full stop
    "not good"      two or three words in a row, within a sentence
    "~good"         a word that a negation reaches
    "#^goo"         3 to 5 letters in a row of a word that the dictionary does not have, its borders being letters
                    too, and its first 7 to 9
"""
import math
from dataclasses import dataclass, field

from words import COMMA, MARK, STOP, WORD

TONES = 18
REACH, SCALE_REACH, EXCLAIMED_MAX, PHRASE_WORDS = 4, 2, 4, 4
NEGATED_GOOD, NEGATED_BAD = -0.8, -0.5
SHOUTED, DRAWN, REPEATED, AFTER_DESPITE = 1.3, 1.2, 1.2, 0.5
WEIGHT, NOT, SCALE, BUT, DESPITE = range(5)  # enum tone_role


def is_cyrillic(word):
    return word[0] >= "\u0400"


def letters(word):
    whole = "^" + word + "$"
    for start in range(len(whole)):
        for size in (3, 4, 5):
            if start + size <= len(whole):
                yield "#" + whole[start:start + size]
    for size in (7, 8, 9):
        if size < len(whole):
            yield "#" + whole[:size]


def squash(x, half):
    return x / math.sqrt(x * x + half * half)


class Tone:
    def __init__(self):
        self.good = self.bad = self.best = self.worst = self.first = self.last = 0.0
        self.total = self.before = self.sentence = self.marks = 0.0
        self.words = self.negations = self.exclaimed = self.asked = self.trailed = 0
        self.negated = self.scaled = 0
        self.scale = 1.0
        self.in_despite = False

    def clause(self):
        self.negated = self.scaled = 0
        self.in_despite = False

    def stop(self, token):
        self.exclaimed += min(token.count, EXCLAIMED_MAX)
        self.asked += "?" in token.text
        self.trailed += token.text == "..."
        self.clause()
        if self.sentence:
            self.last = self.sentence
        self.sentence = 0.0

    def add(self, weight):
        if weight > 0:
            self.good += weight
            self.best = max(self.best, weight)
        else:
            self.bad -= weight
            self.worst = max(self.worst, -weight)
        if not self.first:
            self.first = weight
        self.total += weight
        self.sentence += weight

    def mark(self, token, value):
        if token.count > 1:
            value *= REPEATED
        self.marks += value
        self.add(value)

    def weigh(self, token, weight):
        if self.scaled:
            weight *= self.scale
        if token.capitals:
            weight *= SHOUTED
        if token.drawn:
            weight *= DRAWN
        if self.negated:
            weight *= NEGATED_GOOD if weight > 0 else NEGATED_BAD
        if self.in_despite:
            weight *= AFTER_DESPITE
        self.scaled = 0
        self.add(weight)

    def pass_word(self):
        self.negated -= self.negated > 0
        self.scaled -= self.scaled > 0

    def word(self, token, role, value):
        if role == NOT:
            self.negated = REACH
            self.negations += 1
        elif role == SCALE:
            self.pass_word()
            self.scale = self.scale * value if self.scaled else value
            self.scaled = SCALE_REACH
        elif role == BUT:
            self.clause()
            self.before += self.total
            self.total = 0.0
        elif role == DESPITE:
            self.clause()
            self.in_despite = True
        else:
            if value:
                self.weigh(token, value)
            self.pass_word()

    def numbers(self, cyrillic, pairs, familiar):
        words, all_of_it = max(self.words, 1), self.total + self.before
        return [squash(self.good, 4), squash(self.bad, 4), squash(self.total, 4), squash(self.before, 4),
                squash(all_of_it, 4), squash(self.best, 3), squash(self.worst, 3),
                squash(self.sentence or self.last, 3), squash(self.first, 3), squash(self.marks, 2),
                squash(self.negations, 2), squash(self.exclaimed, 2), squash(self.asked, 1), squash(self.trailed, 1),
                squash(all_of_it / math.sqrt(words), 1), cyrillic / words, familiar / max(pairs, 1), squash(pairs, 4)]


@dataclass
class Seen:
    names: list = field(default_factory=list)
    heard: Tone = field(default_factory=Tone)
    cyrillic: int = 0
    pairs: list = field(default_factory=list)  # of words in a row
    irony: bool = False

    @property
    def words(self):
        return self.heard.words

    def tone(self, dictionary):
        """dictionary: the names in it; how many pairs it has tells sentences from words in no order."""
        return self.heard.numbers(self.cyrillic, len(self.pairs), sum(pair in dictionary for pair in self.pairs))


class Reader:
    """lexicon: name -> (role, value); known: the words of the dictionary."""

    def __init__(self, lexicon, known):
        self.lexicon, self.known = lexicon, known

    def phrase(self, tokens, at):
        """The longest entry of the lexicon that begins here: its number of words, role and value."""
        texts = []
        for token in tokens[at:at + PHRASE_WORDS]:
            if token.kind != WORD:
                break
            texts.append(token.text)
        for count in range(len(texts), 0, -1):
            found = self.lexicon.get(" ".join(texts[:count]))
            if found:
                return count, *found
        return 0, None, None

    def see(self, tokens):
        seen, row, covered = Seen(), [], 0
        names, tone = seen.names, seen.heard
        for at, token in enumerate(tokens):
            text = token.text
            if token.kind == COMMA:
                tone.clause()
            elif token.kind == STOP:
                if text not in (".", "\n"):
                    names.append(text)
                    names += [row[-1] + " " + text] if row else []
                tone.stop(token)
                row = []
            elif token.kind == MARK:
                names.append(text)
                value = self.lexicon.get(text, (WEIGHT, 0.0))[1]
                if value:
                    tone.mark(token, value)
                seen.irony = seen.irony or text == "/s"
            else:
                tone.words += 1
                seen.cyrillic += is_cyrillic(text)
                names += [text] if text in self.known else letters(text)
                names += ["~" + text] if tone.negated else []
                row = row[-2:] + [text]
                names += [" ".join(row[-size:]) for size in (2, 3) if len(row) >= size]
                seen.pairs += [" ".join(row[-2:])] if len(row) > 1 else []
                if covered:
                    covered -= 1
                    continue
                count, role, value = self.phrase(tokens, at)
                if count:
                    covered = count - 1
                    tone.word(token, role, value)
                else:
                    tone.pass_word()
        return seen
