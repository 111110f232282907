/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/tone.h"

#include <math.h>

static const double negated_good = -0.8, negated_bad = -0.5;
static const double shouted = 1.3, drawn = 1.2, repeated = 1.2, after_despite = 0.5;
enum { TONE_REACH = 4, SCALE_REACH = 2, EXCLAIMED_MAX = 4 };

void tone_clause(struct tone *t)
{
    t->negated = t->scaled = 0;
    t->in_despite = false;
}

void tone_stop(struct tone *t, const struct token *stop)
{
    t->exclaimed += stop->count < EXCLAIMED_MAX ? stop->count : EXCLAIMED_MAX;
    t->asked += stop->text[0] == '?';
    t->trailed += stop->size == 3; /* ... */
    tone_clause(t);
    if (t->sentence != 0)
        t->last = t->sentence;
    t->sentence = 0;
}

static void add(struct tone *t, double weight)
{
    if (weight > 0) {
        t->good += weight;
        t->best = fmax(t->best, weight);
    } else {
        t->bad -= weight;
        t->worst = fmax(t->worst, -weight);
    }
    if (t->first == 0)
        t->first = weight;
    t->total += weight;
    t->sentence += weight;
}

void tone_mark(struct tone *t, const struct token *mark, double value)
{
    if (mark->count > 1)
        value *= repeated;
    t->marks += value;
    add(t, value);
}

static void weigh(struct tone *t, const struct token *word, double weight)
{
    if (t->scaled)
        weight *= t->scale;
    if (word->capitals)
        weight *= shouted;
    if (word->drawn)
        weight *= drawn;
    if (t->negated)
        weight *= weight > 0 ? negated_good : negated_bad;
    if (t->in_despite)
        weight *= after_despite;
    t->scaled = 0;
    add(t, weight);
}

void tone_pass(struct tone *t)
{
    t->negated -= t->negated > 0;
    t->scaled -= t->scaled > 0;
}

void tone_word(struct tone *t, const struct token *word, enum tone_role role, double value)
{
    switch (role) {
    case ROLE_NOT:
        t->negated = TONE_REACH;
        t->negations++;
        break;
    case ROLE_SCALE:
        tone_pass(t);
        t->scale = t->scaled ? t->scale * value : value;
        t->scaled = SCALE_REACH;
        break;
    case ROLE_BUT:
        tone_clause(t);
        t->before += t->total;
        t->total = 0;
        break;
    case ROLE_DESPITE:
        tone_clause(t);
        t->in_despite = true;
        break;
    default:
        if (value != 0)
            weigh(t, word, value);
        tone_pass(t);
        break;
    }
}

/* -1 to 1; half says where 0.71 is. */
static double squash(double x, double half)
{
    return x / sqrt(x * x + half * half);
}

void tone_numbers(const struct tone *t, const struct tone_counts *counts,
                  double numbers[TONE_NUMBERS])
{
    double pairs = (double)counts->pairs;
    double words = t->words ? (double)t->words : 1, all = t->total + t->before;
    const double made[TONE_NUMBERS] = {
        squash(t->good, 4),
        squash(t->bad, 4),
        squash(t->total, 4),
        squash(t->before, 4),
        squash(all, 4),
        squash(t->best, 3),
        squash(t->worst, 3),
        squash(t->sentence != 0 ? t->sentence : t->last, 3),
        squash(t->first, 3),
        squash(t->marks, 2),
        squash((double)t->negations, 2),
        squash((double)t->exclaimed, 2),
        squash((double)t->asked, 1),
        squash((double)t->trailed, 1),
        squash(all / sqrt(words), 1),
        (double)counts->cyrillic / words,
        (double)counts->familiar / fmax(pairs, 1),
        squash(pairs, 4),
    };
    memcpy(numbers, made, sizeof made);
}
