/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/words.h"

#include "common/utf8.h"

struct words words_of(struct bytes text)
{
    const unsigned char *at = text.data;
    return (struct words){.at = at, .end = at ? at + text.size : at};
}

/* --- characters ------------------------------------------------------------------------------- */

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(uint32_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
           (c >= 0x400 && c <= 0x42f);
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= 0xdf && c <= 0x24f && c != 0xf7) ||
           (c >= 0x430 && c <= 0x52f);
}

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xa0 || c == 0;
}

/* Emoji, dingbats, and what glues emoji together is passed over. */
static bool is_mark(uint32_t c)
{
    return (c >= 0x2600 && c <= 0x27bf) || (c >= 0x1f300 && c <= 0x1faff);
}

static bool is_apostrophe(uint32_t c)
{
    return c == '\'' || c == 0x2019 || c == 0x2bc;
}

static uint32_t lower(uint32_t c)
{
    if (c == 0x401 || c == 0x451)
        return 0x435; /* ё is written е as often as not */
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    return c >= 0x400 && c <= 0x40f ? c + 0x50 : c;
}

/* c, which is below 0x800 or came from a mark. Left out when the token is full. */
static void put(struct token *t, uint32_t c)
{
    unsigned char bytes[4];
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size; i-- > 1; c >>= 6)
        bytes[i] = (unsigned char)(0x80 | (c & 0x3f));
    bytes[0] = (unsigned char)(heads[size] | c);
    if (t->size + size > TOKEN_TEXT_MAX)
        return;
    memcpy(t->text + t->size, bytes, size);
    t->size += size;
}

static uint32_t peek(const struct words *w)
{
    const unsigned char *at = w->at;
    return at < w->end ? utf8_next(&at, w->end) : 0;
}

static uint32_t take(struct words *w)
{
    return utf8_next(&w->at, w->end);
}

static bool starts(const struct words *w, const char *text)
{
    return bytes_starts(bytes_of(w->at, (size_t)(w->end - w->at)), bytes_text(text));
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void take_word(struct words *w, struct token *t)
{
    unsigned letters = 0, capitals = 0;
    t->kind = TOKEN_WORD;
    for (;;) {
        const unsigned char *before = w->at;
        uint32_t c = peek(w);
        if (is_apostrophe(c) && w->at < w->end) {
            take(w);
            if (is_letter(peek(w))) {
                put(t, '\'');
                continue;
            }
            w->at = before;
        }
        if (!is_letter(c) && !is_digit(c))
            break;
        letters += is_letter(c);
        capitals += is_upper(c);
        put(t, lower(take(w)));
    }
    t->capitals = letters >= 2 && capitals == letters;
}

/* Eyes, perhaps a nose, a mouth: :) ;-( =D :'( xD, and <3 ^^ ^_^. 0 when there is none here; a
 * letter as mouth must end the word. */
static size_t face_span(const struct words *w)
{
    static const char *const whole[] = {"<3", "^_^", "^^"};
    const unsigned char *at = w->at;
    size_t left = (size_t)(w->end - at), i = 1;
    for (size_t n = 0; n < sizeof whole / sizeof whole[0]; n++)
        if (starts(w, whole[n]))
            return strlen(whole[n]);
    if (left < 2 || !at[0] || !strchr(":;=xX", at[0]))
        return 0;
    if (at[i] == '\'' || at[i] == '-')
        i++;
    if (i >= left || !at[i] || !strchr(strchr(":;=", at[0]) ? ")](|[\\/DPpOo3*" : "D", at[i]))
        return 0;
    if (!strchr("DPpOo3", at[i]))
        return i + 1;
    const unsigned char *next = at + i + 1;
    while (next < w->end && *next == at[i])
        next++;
    uint32_t c = next < w->end ? utf8_next(&next, w->end) : 0;
    return is_letter(c) || is_digit(c) ? 0 : i + 1;
}

/* As one spelling a meaning: no nose, the mouth once. */
static void take_face(struct words *w, struct token *t, size_t span)
{
    unsigned char eyes = w->at[0], mouth = w->at[span - 1];
    t->kind = TOKEN_MARK;
    t->count = 1;
    if (eyes == '<' || eyes == '^') {
        put(t, eyes);
        put(t, mouth);
        w->at += span;
        return;
    }
    put(t, eyes == '=' ? ':' : eyes == 'X' ? 'x' : eyes);
    if (span == 3 && w->at[1] == '\'')
        put(t, '\'');
    put(t, mouth == ']' ? ')' : mouth == '[' ? '(' : mouth == 'p' ? 'P' : mouth);
    w->at += span;
    while (w->at < w->end && *w->at == mouth && mouth != '/') { /* :)))) */
        w->at++;
        t->count++;
    }
}

/* A closing bracket that closes nothing is how Russian writes a smile; an opening one followed by
 * another, or by the end, a frown. */
static void take_brackets(struct words *w, struct token *t)
{
    unsigned char bracket = *w->at;
    unsigned run = 0;
    while (w->at < w->end && *w->at == bracket) {
        w->at++;
        run++;
    }
    t->kind = TOKEN_COMMA;
    if (bracket == ')') {
        unsigned closed = run < w->open ? run : w->open;
        w->open -= closed;
        if (run > closed) {
            t->kind = TOKEN_SMILES;
            t->count = run - closed;
        }
    } else if (run > 1 || is_blank(peek(w)) || w->at == w->end) {
        t->kind = TOKEN_FROWNS;
        t->count = run;
    } else {
        w->open++;
    }
}

static void take_stops(struct words *w, struct token *t)
{
    t->kind = TOKEN_STOP;
    while (w->at < w->end) {
        uint32_t c = peek(w);
        if (c != '.' && c != '!' && c != '?' && c != ';' && c != 0x2026)
            break;
        t->count += c == '!';
        take(w);
    }
    w->open = 0;
}

static void skip_to_blank(struct words *w)
{
    while (w->at < w->end && !is_blank(peek(w)))
        take(w);
}

static bool is_link(const struct words *w)
{
    return starts(w, "http://") || starts(w, "https://") || starts(w, "www.");
}

/* Whatever begins here; true when it is a token. */
static bool take_one(struct words *w, struct token *t)
{
    size_t span = face_span(w);
    uint32_t c = peek(w);
    if (is_link(w) || c == '@') {
        skip_to_blank(w);
        return false;
    }
    if (span)
        take_face(w, t, span);
    else if (is_letter(c) || is_digit(c))
        take_word(w, t);
    else if (c == '(' || c == ')')
        take_brackets(w, t);
    else if (c == '.' || c == '!' || c == '?' || c == ';' || c == 0x2026)
        take_stops(w, t);
    else if (is_mark(c)) {
        t->kind = TOKEN_MARK;
        t->count = 1;
        put(t, take(w));
    } else {
        take(w);
        t->kind = c == ',' || c == ':' || c == 0x2013 || c == 0x2014 ? TOKEN_COMMA : TOKEN_STOP;
        return c == '\n' || t->kind == TOKEN_COMMA;
    }
    return true;
}

void words_next(struct words *w, struct token *token)
{
    do {
        token->kind = TOKEN_END;
        token->count = 0;
        token->capitals = false;
        token->size = 0;
        if (w->at == w->end)
            return;
    } while (!take_one(w, token));
}
