/* SPDX-License-Identifier: Apache-2.0
 *
 * lexicon: which words say something about how a sentence is meant. Read from text files that are
 * compiled in (lexicon_*.tsv); a line is a role, a tab, and entries parted by blanks:
 *
 *     2.5        good nice* =fine well_done      weight, about -4..4
 *     not:4      not never                       turns round what follows within 4 words
 *     scale:1.3  very                            strengthens (above 1) or weakens the next word
 *     but        but however                     what follows weighs more than what came before
 *     despite    despite                         what follows weighs less, up to the next comma
 *
 * `word` also stands for its regular English inflections, `=word` for nothing but itself, `stem*`
 * for all words that begin so, `two_words` for a phrase of up to four words. Entries are lower
 * case, with ё as е.
 * '#' begins a comment line. Characters that are no letters (emoji, emoticons) are entries like any
 * other.
 */
#ifndef POLARITY_LEXICON_H
#define POLARITY_LEXICON_H

#include "common/bytes.h"
#include "common/must.h"

enum { LEXICON_WORD_MAX = 64, LEXICON_PHRASE_WORDS = 4, LEXICON_ERROR_SIZE = 200 };

enum lexicon_role { ROLE_WEIGHT, ROLE_NOT, ROLE_SCALE, ROLE_BUT, ROLE_DESPITE };

struct lexicon_entry {
    enum lexicon_role role;
    double value; /* weight, words, factor */
};

struct lexicon;

/* Empty; the compiled-in files are added by lexicon_built_in. */
struct lexicon *lexicon_new(void);
void lexicon_free(struct lexicon *l); /* NULL is fine */
struct lexicon *lexicon_built_in(void);

/* -1 with the line and what is wrong with it; entries before it stand. An entry may come once only.
 */
MUST_CHECK int lexicon_add(struct lexicon *l, struct bytes file, char error[LEXICON_ERROR_SIZE]);
size_t lexicon_count(const struct lexicon *l);

/* NULL when the word says nothing. Lower case; more than LEXICON_WORD_MAX bytes are in no lexicon.
 */
const struct lexicon_entry *lexicon_word(const struct lexicon *l, struct bytes word);
/* Words joined by '_'. */
const struct lexicon_entry *lexicon_phrase(const struct lexicon *l, struct bytes words);
/* Does a phrase begin with this word? */
bool lexicon_begins_phrase(const struct lexicon *l, struct bytes word);

#endif
