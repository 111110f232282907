/* SPDX-License-Identifier: Apache-2.0
 *
 * words: a text in UTF-8 as a run of tokens: words in lower case (Latin and Cyrillic letters,
 * digits), stops (punctuation that ends a sentence), and marks (emoticons, emoji, signs of irony).
 * "don't", "do n't" and "dont" are all "do" and "n't"; any other apostrophe parts two words; a
 * letter that stands three times or more in a row is kept twice. Links and @names are left out.
 * Bytes that are no UTF-8 separate words. One pass, no allocation.
 *
 * train/words.py says the same in Python: the network was trained on what that one sees.
 */
#ifndef POLARITY_WORDS_H
#define POLARITY_WORDS_H

#include "common/bytes.h"

enum { TOKEN_TEXT_MAX = 64 };

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_COMMA, /* ends a clause: , - ( and brackets */
    TOKEN_STOP,  /* ends a sentence; its text is one of . ... ! ? ?! and a newline */
    TOKEN_MARK,  /* an emoticon in one spelling (":)" for ":-)))"), an emoji, "/s" for irony; ")" or
                    "(" for brackets that close or open nothing, as Russian writes faces */
};

struct token {
    enum token_kind kind;
    unsigned count; /* of '!' in a stop, of mouths or brackets of a mark */
    bool capitals;  /* a word of two or more letters, all of them capitals */
    bool drawn;     /* a letter of the word stood there three times or more */
    size_t size;    /* of text; what does not fit is left out */
    char text[TOKEN_TEXT_MAX];
};

struct words {
    const unsigned char *begin, *at, *end;
    unsigned open; /* round brackets */
};

struct words words_of(struct bytes text);
/* token->kind is TOKEN_END at the end, and stays so. */
void words_next(struct words *w, struct token *token);

#endif
