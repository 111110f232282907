/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/words.h"

#include "common/utf8.h"

struct words words_of(struct bytes text)
{
    const unsigned char *at = text.data;
    return (struct words){.begin = at, .at = at, .end = at ? at + text.size : at};
}

/* --- characters ------------------------------------------------------------------------------- */

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

/* Latin with its marks, and Cyrillic; a table, for every character is looked at twice. */
enum { UPPER = 1, SMALL = 2, LETTERS_END = 0x530 };
static const unsigned char cases[LETTERS_END] = {
    ['A' ... 'Z'] = UPPER,     ['a' ... 'z'] = SMALL,     [0xc0 ... 0xd6] = UPPER,
    [0xd8 ... 0xde] = UPPER,   [0xdf ... 0xf6] = SMALL,   [0xf8 ... 0x24f] = SMALL,
    [0x400 ... 0x42f] = UPPER, [0x430 ... 0x52f] = SMALL,
};

static bool is_upper(uint32_t c)
{
    return c < LETTERS_END && cases[c] == UPPER;
}

static bool is_letter(uint32_t c)
{
    return c < LETTERS_END && cases[c];
}

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xa0 || c == 0;
}

/* Emoji, dingbats, and what glues emoji together is passed over. */
static bool is_mark(uint32_t c)
{
    return (c >= 0x2600 && c <= 0x27bf) || c == 0x2b50 || (c >= 0x1f300 && c <= 0x1faff);
}

static bool is_in_word(uint32_t c)
{
    return is_letter(c) || is_digit(c);
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

/* Left out when the token is full. */
static void put(struct token *t, uint32_t c)
{
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    char *at = t->text + t->size;
    if (t->size + size > TOKEN_TEXT_MAX)
        return;
    t->size += size;
    if (size == 2) {
        at[0] = (char)(0xc0 | c >> 6);
        at[1] = (char)(0x80 | (c & 0x3f));
        return;
    }
    for (size_t i = size; i-- > 1; c >>= 6)
        at[i] = (char)(0x80 | (c & 0x3f));
    at[0] = (char)(heads[size] | c);
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

/* text: ASCII in lower case, compared without regard to case. */
static bool starts(const struct words *w, const char *text)
{
    const unsigned char *at = w->at;
    for (; *text && at < w->end && lower(*at) == (unsigned char)*text; text++)
        at++;
    return *text == 0;
}

static void set_text(struct token *t, const char *text)
{
    t->size = strlen(text);
    memcpy(t->text, text, t->size);
}

/* --- words ------------------------------------------------------------------------------------ */

/* Behind an 'n': does "'t" end the word here? Its bytes, else 0. */
static size_t span_of_t(const unsigned char *begin, const unsigned char *end)
{
    const unsigned char *at = begin;
    if (at == end || !is_apostrophe(utf8_next(&at, end)) || at == end || (*at | 0x20) != 't')
        return 0;
    size_t size = (size_t)(++at - begin);
    return at < end && is_in_word(utf8_next(&at, end)) ? 0 : size;
}

/* Where the word that begins here ends: before the "n't" that it ends in, behind it when that is
 * all of it (*is_not). */
static const unsigned char *find_end(const struct words *w, bool *is_not)
{
    const unsigned char *at = w->at, *last = at, *next = at;
    while (next < w->end && is_in_word(utf8_next(&next, w->end))) {
        last = at;
        at = next;
    }
    size_t t = (*last | 0x20) == 'n' ? span_of_t(at, w->end) : 0;
    *is_not = t > 0 && last == w->at;
    return t == 0 ? at : *is_not ? at + t : last;
}

/* "dont": the bytes before its "nt"; 0 when it is no such word. */
static size_t stem_of_nt(const struct token *t)
{
    static const char *const stems[] = {"ai",   "are", "ca",   "could", "did",    "do",
                                        "does", "had", "has",  "have",  "is",     "must",
                                        "need", "was", "were", "wo",    "should", "would"};
    if (t->size < 4 || memcmp(t->text + t->size - 2, "nt", 2) != 0)
        return 0;
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++)
        if (bytes_equal(bytes_of(t->text, t->size - 2), bytes_text(stems[i])))
            return t->size - 2;
    return 0;
}

static void take_word(struct words *w, struct token *t)
{
    bool is_not;
    const unsigned char *end = find_end(w, &is_not), *begin = w->at;
    unsigned letters = 0, capitals = 0, run = 0;
    t->kind = TOKEN_WORD;
    for (uint32_t before = 0; w->at < end && !is_not;) {
        uint32_t raw = take(w), c = lower(raw);
        run = c == before && !is_digit(c) ? run + 1 : 1;
        letters += !is_digit(c);
        capitals += is_upper(raw);
        if (run <= 2)
            put(t, c);
        t->drawn = t->drawn || run > 2;
        before = c;
    }
    w->at = end;
    t->capitals = letters >= 2 && capitals == letters;
    size_t stem = stem_of_nt(t);
    if (is_not || (end - begin == 2 && t->size == 2 && !memcmp(t->text, "nt", 2))) {
        set_text(t, "n't");
        t->capitals = false;
    } else if (stem) {
        t->size = stem;
        t->capitals = false;
        w->at = begin + stem; /* its letters are one byte each; the "nt" comes next */
    }
}

/* --- faces ------------------------------------------------------------------------------------ */

static unsigned char ascii_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/* Eyes, perhaps a nose, a mouth that may be repeated: :) ;-( =D :'((( xD. The bytes of it, 0 when
 * there is none here; *mouth is where the mouth begins. A letter as mouth must end the word. */
static size_t face_span(const struct words *w, size_t *mouth)
{
    const unsigned char *at = w->at;
    size_t left = (size_t)(w->end - at), i = 1;
    if (left < 2 || !at[0] || !strchr(":;=xX", at[0]))
        return 0;
    if (at[i] == '\'' || at[i] == '-')
        i++;
    unsigned char shape = i < left ? ascii_lower(at[i]) : 0;
    bool laughs = ascii_lower(at[0]) == 'x';
    if (!shape || !strchr(laughs ? "d" : ")](|[\\/dpo3*", shape))
        return 0;
    *mouth = i++;
    while (i < left && ascii_lower(at[i]) == shape && shape != '/')
        i++;
    const unsigned char *next = at + i;
    bool letter = strchr("dpo3", shape);
    return letter && next < w->end && is_in_word(utf8_next(&next, w->end)) ? 0 : i;
}

/* As one spelling a meaning: no nose unless it is a tear, the mouth once. */
static bool take_face(struct words *w, struct token *t)
{
    static const char *const whole[] = {"<3", "^_^", "^^"};
    size_t mouth = 0, span = 0;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (starts(w, whole[i])) {
            t->kind = TOKEN_MARK;
            t->count = 1;
            set_text(t, i == 1 ? "^^" : whole[i]);
            w->at += strlen(whole[i]);
            return true;
        }
    if ((span = face_span(w, &mouth)) == 0)
        return false;
    t->kind = TOKEN_MARK;
    unsigned char eyes = ascii_lower(w->at[0]), shape = ascii_lower(w->at[mouth]);
    put(t, eyes == '=' ? ':' : eyes);
    if (mouth == 2 && w->at[1] == '\'')
        put(t, '\'');
    put(t, shape == ']' ? ')' : shape == '[' ? '(' : shape);
    t->count = (unsigned)(span - mouth);
    w->at += span;
    return true;
}

/* --- the rest --------------------------------------------------------------------------------- */

/* "/s" alone between blanks, and "(!)". */
static bool take_irony(struct words *w, struct token *t)
{
    const unsigned char *at = w->at, *next = at + 2;
    bool after_blank = at == w->begin || is_blank(at[-1]) ||
                       (at - w->begin >= 2 && at[-2] == 0xc2 && at[-1] == 0xa0);
    bool slash =
        starts(w, "/s") && after_blank && (next == w->end || is_blank(utf8_next(&next, w->end)));
    if (!slash && !starts(w, "(!)"))
        return false;
    w->at += slash ? 2 : 3;
    t->kind = TOKEN_MARK;
    t->count = 1;
    set_text(t, "/s");
    return true;
}

/* A closing bracket that closes nothing is how Russian writes a smile; an opening one followed by
 * another, or by the end, a frown. */
static void take_brackets(struct words *w, struct token *t)
{
    unsigned char bracket = *w->at;
    unsigned run = 0, closed = 0;
    for (; w->at < w->end && *w->at == bracket; w->at++)
        run++;
    bool face = bracket == '(' && (run > 1 || is_blank(peek(w)));
    if (bracket == ')') {
        closed = run < w->open ? run : w->open;
        w->open -= closed;
        face = run > closed;
    } else if (!face) {
        w->open++;
    }
    t->kind = face ? TOKEN_MARK : TOKEN_COMMA;
    if (face) {
        t->count = run - closed;
        put(t, bracket);
    }
}

static bool is_stop(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == ';' || c == 0x2026;
}

static void take_stops(struct words *w, struct token *t)
{
    bool asks = false, trails = false;
    uint32_t before = 0;
    t->kind = TOKEN_STOP;
    while (w->at < w->end && is_stop(peek(w))) {
        uint32_t c = take(w);
        t->count += c == '!';
        asks = asks || c == '?';
        trails = trails || c == 0x2026 || (c == '.' && before == '.');
        before = c;
    }
    set_text(t, t->count && asks ? "?!" : t->count ? "!" : asks ? "?" : trails ? "..." : ".");
    w->open = 0;
}

static bool is_link(const struct words *w)
{
    return *w->at == '@' || starts(w, "http://") || starts(w, "https://") || starts(w, "www.");
}

static void skip_to_blank(struct words *w)
{
    while (w->at < w->end && !is_blank(peek(w)))
        take(w);
}

/* One character by itself; true when it is a token. */
static bool take_sign(struct words *w, struct token *t)
{
    uint32_t c = take(w);
    if (is_mark(c)) {
        t->kind = TOKEN_MARK;
        t->count = 1;
        put(t, c);
    } else if (c == '\n') {
        t->kind = TOKEN_STOP;
        put(t, c);
    } else {
        t->kind = TOKEN_COMMA;
        return c == ',' || c == ':' || c == 0x2013 || c == 0x2014;
    }
    return true;
}

/* Most words and blanks, told by their first character: none of these begins a link or a face. */
static bool is_plain(uint32_t c)
{
    uint32_t small = c | 0x20;
    return is_in_word(c) ? small != 'h' && small != 'w' && small != 'x' : c == ' ';
}

/* Whatever begins here; true when it is a token. */
static bool take_one(struct words *w, struct token *t)
{
    uint32_t c = peek(w);
    if (is_plain(c)) {
        if (c == ' ')
            w->at++;
        else
            take_word(w, t);
        return c != ' ';
    }
    if (is_link(w)) {
        skip_to_blank(w);
        return false;
    }
    if (take_irony(w, t) || take_face(w, t))
        return true;
    if (is_in_word(c))
        take_word(w, t);
    else if (is_stop(c))
        take_stops(w, t);
    else if (c == '(' || c == ')')
        take_brackets(w, t);
    else
        return take_sign(w, t);
    return true;
}

void words_next(struct words *w, struct token *token)
{
    do {
        token->kind = TOKEN_END;
        token->count = 0;
        token->capitals = token->drawn = false;
        token->size = 0;
        if (w->at == w->end)
            return;
    } while (!take_one(w, token));
}
