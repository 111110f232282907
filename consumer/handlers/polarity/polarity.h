/* SPDX-License-Identifier: Apache-2.0
 *
 * polarity: how a text is meant, from -1 (bad) to 1 (good), about 0 where nothing in it says.
 * English and Russian, in one text if need be. A small trained network:
 *
 *   the text falls into words and marks (words.h); features of it (words, two and three in a row,
 *   negated words, the letters of unknown words) are looked up in a dictionary (weights.h) and what
 *   they weigh is summed up into a pool; the lexicon's words give the tone (tone.h); pool and tone
 *   go through one layer of rectifiers (there are two: for texts with Cyrillic words and for the
 *   others); what comes of it counts as far as the text is a sentence at all and not words in no
 *   order; the score is tanh(logit / 2), so it is the probability of good less that of bad.
 *
 * MODEL.md says what it was trained on, how good it is and what it cannot do. train/features.py and
 * train/network.py do the same in Python.
 *
 * The time is linear in the text's length; nothing is allocated, and nothing is kept between calls,
 * so any number of threads may share the weights. Invalid UTF-8 separates words and is no error.
 */
#ifndef POLARITY_POLARITY_H
#define POLARITY_POLARITY_H

#include "consumer/handlers/polarity/weights.h"

enum polarity_label { POLARITY_NEGATIVE, POLARITY_NEUTRAL, POLARITY_POSITIVE, POLARITY_LABELS };
enum polarity_language {
    POLARITY_ENGLISH,
    POLARITY_RUSSIAN,
    POLARITY_MIXED,
    POLARITY_UNKNOWN, /* another language, or no words */
    POLARITY_LANGUAGES
};

struct polarity {
    double score;
    enum polarity_label label;
    double confidence; /* that the label is right, 0 to 1 */
    enum polarity_language language;
};

struct polarity polarity_of(const struct weights *w, struct bytes text);

const char *polarity_label_name(enum polarity_label label); /* "positive" ... */
const char *
polarity_language_name(enum polarity_language language); /* "en", "ru", "mixed", "und" */

#endif
