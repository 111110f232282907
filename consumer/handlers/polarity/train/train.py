#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""train.py [--measure FILE.tsv...]: makes polarity.weights of the files in data/, and tests/polarity/reference.tsv,
what a thousand sentences score with them. train.sh starts it. With --measure, also the accuracy on files of the same
form as those in data/ (1 or 0, a tab, a sentence).

train.py --hold-out: learns without the sentences held out (sets.py) and writes nothing but how many of them it gets
right: so the numbers below were chosen.

The same data give the same file: all that is drawn comes from SEED.
"""
import argparse
import math
import pathlib
from collections import Counter

import numpy as np
import scipy.sparse as sparse

import features
import frames
import lexicon
import network as net
import weights
import words
from sets import DATA, RATED, held_out, is_held_out, rows_of

HERE = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = HERE.parents[2] / "tests/polarity/reference.tsv"
SEED = 1

WIDTH, HIDDEN = 16, 24
WORD_MIN, ROW_MIN, LETTERS_MIN = 2, 2, 4  # how often a feature must have been seen
ROWS, PAIRS, LETTERS, LETTERS_KEPT = 12000, 9000, 60000, 7000
LETTERS_WEIGHT, VECTORS_WEIGHT = 0.3, 0.25
COMMON = 4                     # a word of English was seen so often
SALADS, SALAD_WEIGHT = 10000, 2.5  # texts of common words in no order
TURNS, TURN_WEIGHT = 2000, 0.3     # phrases with a negation: "it is not bad"
FRAMED, FRAMED_WEIGHT = 40, 0.5    # sentences of each frame
TAUGHT = {"en-taught": 2.0, "en-taught-words": 0.4}  # what a larger network says of pieces and words counts so
TOLD_LEAST = 0.7                   # log odds of a taught word that stands in the lexicon; of the size of VADER's values
TURNED_LEAST = 1.5                 # value of their word in the lexicon
TURNED_GOOD, TURNED_BAD = 0.1, 0.8  # probability of good that a good word and a bad one have in them
LONG_TEXT = 40
IRONIC = -0.5

# What a sentence of a set counts, and whether it is of a foreign kind (network.py).
SETS = {RATED: (1.0, 0), "en-goemotions.train": (0.2, 1), "en-neutral": (0.3, 0),
        "ru-cedr.train": (1.5, 0), "ru-goemotions-mt": (1.5, 0), "ru-neutral": (0.6, 0)}
DEV = ("en-vadergt.dev", "en-goemotions.dev", "ru-cedr.dev")
PLACEHOLDERS = ("[NAME]", "[RELIGION]", "@anonymous")  # what the sets put for names

# Of each dev set so many sentences stand in the reference, and these, which no set has.
REFERENCES = 330
CURIOUS = (
    "12345", "?!", "...", ":)", ":'(", "❤", "👍👍👍", "😍 !!!", "🙄", "❌ ⭐⭐⭐⭐⭐", "/s", "Oh great, it broke again /s",
    "So useful (!)", "GREAT", "THE FOOD IS GOOD", "sooooo goooood", "ОЧЕНЬ ХОРОШО!!!", "очееееень плохо", "ура)))",
    "жаль((", "ну вот (", "f(x) (y) )", "Don't", "DON'T like it", "dont like it", "I do n't like it",
    "can\u2019t stand it", "n't", "nt", "rock'n'roll", "it's 'fine'", "Сервис very bad, но еда great",
    "The food was вкусная", "Das Buch ist sehr gut", "Ce film est très mauvais", "これは良い", "caf\u00c9 \u00df \u024f",
    "Ёжик ѐ \u0460", "a\u00a0/s\u00a0b", "x/s", "10/10", "2+2=4 :d", "xD x-D xdd :DDD =P :3 10:30 <3 ^^ ^_^ >:(",
    "see http://good.example/bad?love=hate and www.awful.example, @lovely_hater", "one\u2026 two.. three;four",
    "a" * 200 + " good", "é" * 40 + "bad", "not " * 30 + "good", " ".join(["good"] * 90),
    "never say never again but yes, although no: despite everything it works",
    "wonderfull expirience, definately recomend", "прекраснейшее обслуживаниеее", "\ufffd good \ufffd", "1 star",
    "#love #hate", "*love* _hate_",
)


def read_rows(rows):
    """Probabilities of good and texts as tokens."""
    labels, texts = [], []
    for label, sentence in rows:
        for placeholder in PLACEHOLDERS:
            sentence = sentence.replace(placeholder, "")
        labels.append(label)
        texts.append(words.tokens(sentence))
    return np.array(labels), texts


def read_set(path):
    return read_rows(rows_of(path))


def is_word(name):
    """Of a feature's name: a word, and so made of letters."""
    return " " not in name and (name[0].isalnum() or name == "n't")


class Vectors:
    """Word vectors, each as much as its word is rare in the training texts."""

    def __init__(self, path, counts):
        file = np.load(path)
        self.words = bytes(file["words"]).decode().split("\n")
        total = sum(counts.values())
        rare = np.array([1e-3 / (1e-3 + counts[word] / total) for word in self.words])
        self.rows = file["vectors"] * file["steps"] * rare[:, None] * VECTORS_WEIGHT
        self.index = {word: i for i, word in enumerate(self.words)}

    def of(self, names):
        out = np.zeros((len(names), self.rows.shape[1]))
        for i, name in enumerate(names):
            if name in self.index:
                out[i] = self.rows[self.index[name]]
        return out


def salads(seen, random):
    """Common words in no order, which say nothing, as tokens."""
    counts = Counter(name for s in seen for name in s.names if name.isalpha() and name.isascii() and len(name) > 1)
    pool = sorted(word for word, count in counts.items() if count >= 15)
    share = np.array([counts[word] for word in pool]) ** 0.2
    for _ in range(SALADS):
        picked = random.choice(len(pool), random.integers(3, 10), p=share / share.sum())
        yield words.tokens(" ".join(pool[i] for i in picked) + ".")


def turns(table, counts, random):
    """Words of the lexicon with and without a negation, as tokens, and their probability of good."""
    told = sorted(word for word, (role, value) in table.items()
                  if role == features.WEIGHT and abs(value) >= TURNED_LEAST and counts[word] >= 3)
    plain = {False: ("it is {}", "{}", "so {}"), True: ("это {}", "{}", "так {}")}
    turned = {False: ("not {}", "it's not {}", "it is not {}", "this was not {} at all", "isn't {}", "never {}",
                      "not very {}"),
              True: ("не {}", "это не {}", "совсем не {}", "не очень {}")}
    for i in range(TURNS):
        word = told[random.integers(len(told))]
        good, forms = table[word][1] > 0, (turned if i % 2 else plain)[features.is_cyrillic(word)]
        wanted = (TURNED_GOOD if good else TURNED_BAD) if i % 2 else float(good)
        yield wanted, words.tokens(forms[random.integers(len(forms))].format(word))


def strongest(seen, wanted, weight, least, most, chosen):
    """Names that tell good from bad best: by their log odds over the deviation of these."""
    good, bad, count = Counter(), Counter(), Counter()
    for s, y, w in zip(seen, wanted, weight):
        for name in sorted(set(filter(chosen, s))):
            good[name] += w * y
            bad[name] += w * (1 - y)
            count[name] += 1
    def strength(name):
        p, q = good[name] + 0.5, bad[name] + 0.5
        return abs(math.log(p / q)) * math.sqrt(p * q / (p + q))
    return sorted((n for n in count if count[n] >= least), key=lambda n: (-strength(n), n))[:most]


class Dictionary:
    """The names of all features; a word is also its letters, and has its vector."""

    def __init__(self, names, letters, vectors):
        self.names = names + letters
        self.index = {name: i for i, name in enumerate(self.names)}
        self.vectors = vectors.of(self.names)
        self.spread = self._spread()

    def _spread(self):
        rows, columns, data = [], [], []
        for i, name in enumerate(self.names):
            rows.append(i)
            columns.append(i)
            data.append(LETTERS_WEIGHT if name[0] == "#" else 1.0)
            if is_word(name):
                for row in features.letters(name):
                    if row in self.index:
                        rows.append(i)
                        columns.append(self.index[row])
                        data.append(LETTERS_WEIGHT)
        return sparse.csr_matrix((data, (rows, columns)), (len(self.names),) * 2)

    def matrix(self, seen):
        """How often each name stands in each text; a long text counts less."""
        columns, starts, data = [], [0], []
        for s in seen:
            found = [self.index[name] for name in s.names if name in self.index]
            columns += found
            data += [math.sqrt(LONG_TEXT / s.words) if s.words > LONG_TEXT else 1.0] * len(found)
            starts.append(len(columns))
        return sparse.csr_matrix((data, columns, starts), (len(seen), len(self.names)))


class Model:
    """What is written: places in whole steps, and the networks of English and Russian in single precision."""

    def __init__(self, reader, names, places, steps, networks):
        self.reader = reader
        self.steps = steps
        self.places = np.clip(np.round(places / self.steps), -127, 127).astype(np.int8)
        self.names = names
        self.index = {name: i for i, name in enumerate(names)}
        self.networks = [[np.asarray(a, "f4") for a in (n.W1, n.b1, n.w2, [1.0] + [0.0] * (WIDTH - 1) + list(n.direct),
                                                        n.b, n.sure, n.c)] for n in networks]

    def score(self, tokens):
        seen = self.reader.see(tokens)
        found = [self.index[name] for name in seen.names if name in self.index]
        if not found:
            return 0.0
        share = math.sqrt(LONG_TEXT / seen.words) if seen.words > LONG_TEXT else 1.0
        network = self.networks[seen.cyrillic > 0]
        inner, inner_bias, outer, direct, bias, sure, sure_bias = (a.astype("f8") for a in network)
        pool = self.places[found].sum(0, dtype=np.int64) * self.steps.astype("f8") * share
        tone = np.array(seen.tone(self.index))
        inputs = np.concatenate([pool, tone])
        said = np.maximum(inputs @ inner + inner_bias, 0) @ outer + inputs @ direct + bias[0]
        score = math.tanh(said / (1 + math.exp(-(tone @ sure + sure_bias[0]))) / 2)
        return score * IRONIC if seen.irony and score > 0 else score

    def packed(self, common):
        kinds, values = [], []
        begins = {name.split(" ")[0] for name in self.reader.lexicon if " " in name}
        for name in self.names:
            role, value = self.reader.lexicon.get(name, (None, 0.0))
            kinds.append((role | weights.LEXICON if role is not None else 0) |
                         (weights.BEGINS if name in begins else 0) | (weights.KNOWN if name in common else 0))
            values.append(round(value / lexicon.STEP))
        return weights.packed(self.names, self.places, values, kinds, self.steps, sum(self.networks, []))


def accuracy(model, labels, texts):
    scores = np.array([model.score(text) for text in texts])
    return float(((scores > 0) == (labels > 0.5)).mean())


def read_lexicon():
    """What people said of words."""
    made = lexicon.Lexicon()
    for part in ("en", "ru", "marks"):
        made.add(DATA / f"lexicon_{part}.tsv")
    made.add_values(DATA / "vader_lexicon.tsv")
    return made


def told(made, vocabulary):
    """The lexicon's table with the words that the larger network alone says something of."""
    for p, word in rows_of(DATA / "en-taught-words.tsv"):
        odds = math.log((p + 0.005) / (1.005 - p))  # p is rounded to 0.01
        if abs(odds) >= TOLD_LEAST and [token.text for token in words.tokens(word)] == [word]:
            made.add_told(word, odds)
    return made.table(vocabulary)


class Corpus:
    """Texts as they were read and seen, with what is wanted of them, what each counts and whether it is foreign."""

    def __init__(self):
        self.texts, self.seen, self.wanted, self.weight, self.foreign = [], [], [], [], []

    def add(self, labels, texts, weight, foreign=0):
        self.texts += texts
        self.wanted += list(labels)
        self.weight += [weight] * len(texts)
        self.foreign += [foreign] * len(texts)

    def see(self, reader):
        """What was added since the last time."""
        self.seen += [reader.see(text) for text in self.texts[len(self.seen):]]

    def english(self):
        """The texts without a Cyrillic word, to be seen again."""
        other = Corpus()
        for i, seen in enumerate(self.seen):
            if not seen.cyrillic:
                other.add(self.wanted[i:i + 1], self.texts[i:i + 1], self.weight[i], self.foreign[i])
        return other


def names_of(corpus, known, table, pairs):
    """The dictionary's words and rows of words, and the rows of letters."""
    seen, wanted, weight = corpus.seen, corpus.wanted, corpus.weight
    rows = strongest((s.names for s in seen), wanted, weight, ROW_MIN, ROWS, lambda n: " " in n or n[0] == "~")
    rows += sorted(set(sorted(pairs, key=lambda n: (-pairs[n], n))[:PAIRS]) - set(rows))
    spelt = ([row for name in s.names if is_word(name) for row in features.letters(name)] +
             [name for name in s.names if name[0] == "#"] for s in seen)
    letters = strongest(spelt, wanted, weight, LETTERS_MIN, LETTERS, bool)
    marks = Counter(n for s in seen for n in s.names if " " not in n and n[0] not in "~#" and not is_word(n))
    others = (set(table) | {mark for mark, count in marks.items() if count >= WORD_MIN}) - known - set(rows)
    return sorted(known) + rows + sorted(others), letters


def numbers_of(corpus, dictionary):
    """The corpus as the network takes it."""
    X = dictionary.matrix(corpus.seen)
    tone = np.array([s.tone(dictionary.index) for s in corpus.seen])
    return ((X @ dictionary.spread).tocsr(), X @ dictionary.vectors, tone, np.array(corpus.wanted),
            np.array(corpus.weight), np.array(corpus.foreign))


def learned(corpus, dictionary, random, say):
    texts = numbers_of(corpus, dictionary)
    say(f"{len(corpus.seen)} texts")
    network = net.Network(len(dictionary.names), texts[1].shape[1], features.TONES, WIDTH, HIDDEN, random)
    network.E[np.bincount(texts[0].indices, minlength=len(dictionary.names)) == 0] = 0
    net.learn(network, texts, np.ones(len(dictionary.names)), random, say)
    return network


def learned_english(first, at, count, corpus, dictionary, random, say):
    """The network of texts without a Cyrillic word: it places the words of English anew, and their letters. What else
    stands in texts, such as marks, keeps its place in the first network, for Russian texts have it too. count: how
    many features the first one did not know, and at: where they stand in the dictionary."""
    texts = numbers_of(corpus, dictionary)
    say(f"{len(corpus.seen)} English texts")
    marks = {token.text for text in corpus.texts for token in text if token.kind == words.MARK}
    free = np.array([float(name not in marks and any(c.isalpha() for c in name) and
                           not any(map(features.is_cyrillic, name))) for name in dictionary.names])
    network = first.second(at, count, free, random)
    network.E[(np.bincount(texts[0].indices, minlength=len(free)) == 0) & (free > 0)] = 0
    net.learn(network, texts, free, random, say)
    return network


def train(say, is_left_out):
    """is_left_out: of a sentence of the rated set."""
    random = np.random.default_rng(SEED)
    corpus = Corpus()
    for name, (weight, foreign) in SETS.items():
        rows = (row for row in rows_of(DATA / f"{name}.tsv") if name != RATED or not is_left_out(row[1]))
        corpus.add(*read_rows(rows), weight, foreign)
    real = len(corpus.texts)
    corpus.add(*read_rows(frames.sentences(DATA / "frames_en.tsv", FRAMED, random)), FRAMED_WEIGHT)
    say("read")
    counts = Counter(t.text for text in corpus.texts for t in text if t.kind == words.WORD)
    english = Counter({w: c for w, c in counts.items() if not features.is_cyrillic(w)})
    vectors = Vectors(DATA / "glove_en.npz", english)
    made, vocabulary = read_lexicon(), sorted(set(counts) | set(vectors.words))
    table = made.table(vocabulary)
    known = {w for w, c in counts.items() if c >= WORD_MIN} | set(vectors.words)
    known |= {name.split(" ")[0] for name in table if is_word(name.split(" ")[0])}  # phrases are found by their first
    reader = features.Reader(table, known)
    corpus.see(reader)
    pairs = Counter(pair for s in corpus.seen[:real] for pair in s.pairs)
    salad = list(salads(corpus.seen, random))
    corpus.add([0.5] * len(salad), salad, SALAD_WEIGHT)
    corpus.add(*zip(*turns(table, counts, random)), TURN_WEIGHT)
    corpus.see(reader)
    say("seen")
    names, letters = names_of(corpus, known, table, pairs)
    say(f"{len(names)} names, {len(letters)} rows of letters")
    for name, weight in TAUGHT.items():  # they bring no names
        corpus.add(*read_set(DATA / f"{name}.tsv"), weight)
    corpus.see(reader)
    dictionary = Dictionary(names, letters, vectors)
    russian = learned(corpus, dictionary, random, say)
    places = dictionary.spread @ russian.E + dictionary.vectors @ russian.P
    steps = (np.quantile(np.abs(places), 0.9995, axis=0) / 127).astype("f4")
    spelt = sorted(range(len(names), len(places)), key=lambda i: -np.abs(places[i]).sum())[:LETTERS_KEPT]

    # English learns anew, with what the larger network says of words in the lexicon. Russian stays as it is.
    table = told(made, vocabulary)
    new = sorted(word for word in table if is_word(word) and " " not in word and word not in known)
    reader = features.Reader(table, known | set(new))
    corpus = corpus.english()
    corpus.see(reader)
    dictionary = Dictionary(names + new, letters, vectors)
    second = learned_english(russian, len(names), len(new), corpus, dictionary, random, say)
    places = dictionary.spread @ second.E + dictionary.vectors @ second.P
    kept = list(range(len(names) + len(new))) + [i + len(new) for i in spelt]
    model = Model(reader, [dictionary.names[i] for i in kept], places[kept], steps, [second, russian])
    return model, {w for w, c in english.items() if c >= COMMON}


def write_reference(model):
    chosen = [s for name in DEV for _, s in list(rows_of(DATA / f"{name}.tsv"))[:REFERENCES]] + list(CURIOUS)
    lines = [f"{model.score(words.tokens(sentence)):.6f}\t{sentence}\n" for sentence in chosen]
    REFERENCE.write_text("".join(lines), encoding="utf-8")


def say(text):
    print("train:", text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", type=pathlib.Path, default=[], metavar="FILE.tsv")
    parser.add_argument("--hold-out", action="store_true")
    arguments = parser.parse_args()
    if arguments.hold_out:
        model, _ = train(say, is_held_out)
        say(f"held out: {accuracy(model, *read_rows(held_out())):.4f}")
        return
    model, common = train(say, lambda sentence: False)
    data = model.packed(common)
    (HERE / "polarity.weights").write_bytes(data)
    say(f"polarity.weights: {len(model.names)} entries, {len(data)} bytes")
    write_reference(model)
    for path in [DATA / f"{name}.tsv" for name in DEV] + arguments.measure:
        say(f"{path.stem}: {accuracy(model, *read_set(path)):.4f}")


if __name__ == "__main__":
    main()
