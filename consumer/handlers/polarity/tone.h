/* SPDX-License-Identifier: Apache-2.0
 *
 * tone: what the words of the lexicon say together, in the order in which they stand. Weights add
 * up; a negation turns round and weakens what follows ("not good" says more than "not bad"); "very"
 * strengthens, "a bit" weakens; capitals and drawn letters shout; "but" parts what came before from
 * what follows. It decides nothing: the network gets these numbers beside the words themselves.
 * train/features.py does the same in Python.
 */
#ifndef POLARITY_TONE_H
#define POLARITY_TONE_H

#include "consumer/handlers/polarity/words.h"

enum { TONE_NUMBERS = 18 };

enum tone_role {
    ROLE_WEIGHT,  /* value: about -4 to 4 */
    ROLE_NOT,     /* turns round what follows in the clause within TONE_REACH words */
    ROLE_SCALE,   /* value: what the next word's weight is multiplied by */
    ROLE_BUT,     /* parts before from after */
    ROLE_DESPITE, /* halves what follows up to the next comma */
    TONE_ROLES
};

struct tone { /* zeroed storage is one of an empty text */
    double good, bad, best, worst, first, last;
    double total, before, sentence, marks; /* total: since the last "but", before: up to it */
    unsigned long words, negations, exclaimed, asked, trailed;
    unsigned negated, scaled; /* words that a negation, a scale still reaches */
    double scale;
    bool in_despite;
};

void tone_clause(struct tone *t);                         /* a comma */
void tone_stop(struct tone *t, const struct token *stop); /* the end of a sentence */
void tone_mark(struct tone *t, const struct token *mark, double value);
void tone_word(struct tone *t, const struct token *word, enum tone_role role, double value);
void tone_pass(struct tone *t); /* a word that is in no lexicon */

/* What is known of the words besides: how many are Cyrillic; how many pairs stand in a row, and how
 * many of these are in the dictionary, which tells sentences from words in no order. */
struct tone_counts {
    unsigned long cyrillic, pairs, familiar;
};

/* Each from -1 to 1. */
void tone_numbers(const struct tone *t, const struct tone_counts *counts,
                  double numbers[TONE_NUMBERS]);

#endif
