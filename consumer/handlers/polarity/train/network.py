# SPDX-License-Identifier: Apache-2.0
"""The network: a text's pool and tone through one layer of rectifiers and past it.

    pool = X @ E + G @ P        X: how often each feature stands in a text; E: their places, learned
                                G: sums of word vectors; P: where those vectors lie in the pool
    in = [pool, tone]           the first number of the pool goes straight to the answer as well
    sense = sigmoid(tone @ sure + c)    how far it is a sentence at all: words in no order say nothing
    logit = sense * (relu(in @ W1 + b1) @ w2 + pool[0] + tone @ direct + b)
    score = tanh(logit / 2)

Learned on the cross entropy; a neutral text is one whose probability of good is 1/2. The network learns by Adam,
the places by plain descent: Adam would take as large steps for a feature that was seen twice as for a common one.
Texts of a foreign kind (comments) have a second weight for each feature, which is theirs alone and is thrown away.

A second network for some of the texts begins as a copy of the first; the places of features that other texts have too
stay in it as they were.
"""
import copy

import numpy as np

RATE, RATE_E, EPOCHS, BATCH = 0.001, 10.0, 12, 128
DECAY = {"E": 1e-5, "P": 1e-4, "W1": 1e-4}
DROPPED_FEATURES, DROPPED_HIDDEN = 0.3, 0.3
FOREIGN, START_E = 0.5, 0.003
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


class Adam:
    """Moments of one array."""

    def __init__(self, like):
        self.first, self.second = np.zeros_like(like), np.zeros_like(like)

    def step(self, gradient, time):
        self.first = BETA1 * self.first + (1 - BETA1) * gradient
        self.second = BETA2 * self.second + (1 - BETA2) * gradient * gradient
        return self.first / (1 - BETA1 ** time) / (np.sqrt(self.second / (1 - BETA2 ** time)) + EPSILON)


class Network:
    def __init__(self, features, vectors, tones, width, hidden, random):
        inputs = width + tones
        self.width = width
        self.E = random.normal(0, START_E, (features, width))
        self.E[:, 0] = 0
        self.own = np.zeros(features)  # of texts of the foreign kind
        self.P = random.normal(0, 0.05, (vectors, width))
        self.W1 = random.normal(0, inputs ** -0.5, (inputs, hidden))
        self.b1 = np.zeros(hidden)
        self.w2 = random.normal(0, 0.2, hidden)
        self.direct = np.zeros(tones)
        self.b = np.zeros(1)
        self.sure = np.zeros(tones)
        self.c = np.ones(1)

    def second(self, at, count, free, random):
        """A copy with so many features more before the one that is number at. free: of each feature 1 if its place is
        to be learned anew, else 0."""
        other = copy.deepcopy(self)
        kept = np.insert(self.E, [at] * count, 0.0, axis=0) * (1 - free[:, None])
        fresh = random.normal(0, START_E, kept.shape) * free[:, None]
        fresh[:, 0] = 0
        other.E, other.own = kept + fresh, np.zeros(len(kept))
        return other

    def forward(self, X, G, tone, kept=1.0):
        """kept: of the hidden layer, a mask that makes up for what it drops. Returns input, hidden,
        sense, and what is said if it is sense."""
        inputs = np.hstack([X @ self.E + G @ self.P, tone])
        hidden = np.maximum(inputs @ self.W1 + self.b1, 0) * kept
        said = hidden @ self.w2 + inputs[:, 0] + tone @ self.direct + self.b
        return inputs, hidden, sigmoid(tone @ self.sure + self.c), said

    def gradients(self, error, inputs, hidden, kept, G):
        """Of all but E; and of the pool, from which that of E follows."""
        back = np.outer(error, self.w2) * kept * (hidden > 0)
        pool = (back @ self.W1.T)[:, :self.width]
        pool[:, 0] += error
        return {"P": G.T @ pool + DECAY["P"] * self.P, "W1": inputs.T @ back + DECAY["W1"] * self.W1,
                "b1": back.sum(0), "w2": hidden.T @ error, "direct": inputs[:, self.width:].T @ error,
                "b": np.array([error.sum()])}, pool


def learn(network, texts, free, random, say):
    """texts: X, G, tone, the probability of good wanted, what each counts, and 1 for those of the foreign kind, else 0;
    free: of each feature 1 if its place is learned, else 0."""
    X, G, tone, wanted, weight, foreign = texts
    names = ("P", "W1", "b1", "w2", "direct", "b", "sure", "c")
    moments = {name: Adam(getattr(network, name)) for name in names}
    batches = X.shape[0] // BATCH
    time = 0
    for epoch in range(EPOCHS):
        order = random.permutation(X.shape[0])
        for at in range(0, batches * BATCH, BATCH):
            left = 1 - time / (batches * EPOCHS)
            time += 1
            some = order[at:at + BATCH]
            x = X[some]
            x.data = x.data * (random.random(len(x.data)) >= DROPPED_FEATURES) / (1 - DROPPED_FEATURES)
            rows = np.unique(x.indices)
            x = x[:, rows]
            kept = (random.random((len(some), len(network.b1))) >= DROPPED_HIDDEN) / (1 - DROPPED_HIDDEN)
            whole, network.E = network.E, network.E[rows]
            inputs, hidden, sense, said = network.forward(x, G[some], tone[some], kept)
            network.E = whole
            said += FOREIGN * foreign[some] * (x @ network.own[rows])
            error = (sigmoid(sense * said) - wanted[some]) * weight[some] / len(some)
            doubt = error * said * sense * (1 - sense)
            error *= sense
            gradients, pool = network.gradients(error, inputs, hidden, kept, G[some])
            gradients.update(sure=tone[some].T @ doubt, c=np.array([doubt.sum()]))
            for name in names:
                array = getattr(network, name)
                array -= RATE * left * moments[name].step(gradients[name], time)
            network.E[rows] -= RATE_E * left * (x.T @ pool + DECAY["E"] * network.E[rows]) * free[rows, None]
            network.own[rows] -= RATE_E * left * (x.T @ (error * foreign[some] * FOREIGN))
        say(f"epoch {epoch + 1} of {EPOCHS}")
