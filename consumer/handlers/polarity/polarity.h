/* SPDX-License-Identifier: Apache-2.0
 *
 * polarity: how a text is meant, from -1 (bad) to 1 (good), 0 where nothing in it says. English and
 * Russian, in one text if need be. Rules over a lexicon:
 *
 *   weights add up in a sentence; a negation before a word turns it round and weakens it ("not
 *   good" is worse than nothing, "not bad" a little better); "very" strengthens, "a bit" weakens;
 *   after "but" words weigh more, before it less; '!' and words in capitals add emphasis; emoticons
 *   and emoji count. With s the sum over all sentences the score is s / sqrt(s^2 + 15).
 *
 * The time is linear in the text's length. Invalid UTF-8 separates words and is no error.
 */
#ifndef POLARITY_POLARITY_H
#define POLARITY_POLARITY_H

#include "consumer/handlers/polarity/lexicon.h"

double polarity_score(const struct lexicon *l, struct bytes text);

#endif
