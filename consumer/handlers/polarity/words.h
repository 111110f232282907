/* SPDX-License-Identifier: Apache-2.0
 *
 * words: a text in UTF-8 as a run of tokens: words in lower case (Latin and Cyrillic letters,
 * digits, apostrophes inside), stops (punctuation that ends a sentence or a clause), and marks
 * (emoticons, emoji). Links and @names are left out. Bytes that are no UTF-8 separate words. One
 * pass, no allocation.
 */
#ifndef POLARITY_WORDS_H
#define POLARITY_WORDS_H

#include "common/bytes.h"

enum { TOKEN_TEXT_MAX = 64 };

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_COMMA,  /* ends a clause: , - ( */
    TOKEN_STOP,   /* ends a sentence: . ? ; and so on; count is the number of '!' in it */
    TOKEN_MARK,   /* an emoticon or emoji */
    TOKEN_SMILES, /* closing brackets that nothing opened, count of them: ))) */
    TOKEN_FROWNS, /* opening brackets that are a face: (( or one at the end */
};

struct token {
    enum token_kind kind;
    unsigned count;
    bool capitals; /* a word of two or more letters, all of them capitals */
    size_t size;   /* of text; a longer word is cut */
    char text[TOKEN_TEXT_MAX];
};

struct words {
    const unsigned char *at, *end;
    unsigned open; /* round brackets */
};

struct words words_of(struct bytes text);
/* token->kind is TOKEN_END at the end, and stays so. */
void words_next(struct words *w, struct token *token);

#endif
