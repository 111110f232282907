/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/words.h"

#include "common/utf8.h"

struct words words_of(struct bytes text)
{
    const unsigned char *at = text.data;
    return (struct words){.begin = at, .at = at, .end = at ? at + text.size : at};
}

/* --- characters ------------------------------------------------------------------------------- */

/* Digits, Latin with its marks, and Cyrillic: what each is, and how far from it its small letter
 * stands. All are one byte or two, and the small letter is as many. */
enum { LETTER = 1, SMALL = LETTER | 2, UPPER = LETTER | 4, DIGIT = 8 };
enum { LETTERS_END = 0x540, LEAD_END = 0xc0 + LETTERS_END / 64 };
static const struct letter {
    unsigned char kind; /* 0: not in words */
    signed char to_small;
} letters[LETTERS_END] = {
    ['0' ... '9'] = {DIGIT, 0},        ['A' ... 'Z'] = {UPPER, 0x20},
    ['a' ... 'z'] = {SMALL, 0},        [0xc0 ... 0xd6] = {UPPER, 0x20},
    [0xd8 ... 0xde] = {UPPER, 0x20},   [0xdf ... 0xf6] = {SMALL, 0},
    [0xf8 ... 0x24f] = {SMALL, 0},     [0x400] = {UPPER, 0x50},
    [0x401] = {UPPER, 0x34},           [0x402 ... 0x40f] = {UPPER, 0x50},
    [0x410 ... 0x42f] = {UPPER, 0x20}, [0x430 ... 0x450] = {SMALL, 0},
    [0x451] = {SMALL, -0x1c}, /* ё is written е as often as not */
    [0x452 ... 0x52f] = {SMALL, 0},
};

/* The character at *at, which moves behind it, if it is one that stands in words; else 0. */
static inline uint32_t next_letter(const unsigned char **at, const unsigned char *end)
{
    const unsigned char *p = *at;
    if (p == end)
        return 0;
    uint32_t c = *p++;
    if (c >= 0x80) {
        if (c < 0xc2 || c >= LEAD_END || p == end || (signed char)*p >= -0x40)
            return 0;
        c = (c - 0xc0) * 64 + *p++ - 0x80;
    }
    if (!letters[c].kind)
        return 0;
    *at = p;
    return c;
}

static bool ends_word(const unsigned char *at, const unsigned char *end)
{
    return next_letter(&at, end) == 0;
}

static unsigned char ascii_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
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

static bool is_apostrophe(uint32_t c)
{
    return c == '\'' || c == 0x2019 || c == 0x2bc;
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
    for (; *text && at < w->end && ascii_lower(*at) == (unsigned char)*text; text++)
        at++;
    return *text == 0;
}

static void set_text(struct token *t, struct bytes text)
{
    t->size = text.size;
    memcpy(t->text, text.data, text.size);
}

/* --- words ------------------------------------------------------------------------------------ */

/* Behind an 'n': does "'t" end the word here? Its bytes, else 0. */
static size_t span_of_t(const unsigned char *begin, const unsigned char *end)
{
    const unsigned char *at = begin;
    if (at == end || !is_apostrophe(utf8_next(&at, end)) || at == end || (*at | 0x20) != 't')
        return 0;
    at++;
    return ends_word(at, end) ? (size_t)(at - begin) : 0;
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

/* All letters up to end, or to what is none. Those that do not fit are left out. */
static void take_letters(struct words *w, const unsigned char *end, struct token *t)
{
    const unsigned char *at = w->at;
    unsigned seen = 0, count = 0, run = 0;
    uint32_t c, last = 0;
    size_t size = 0;
    t->drawn = false;
    while ((c = next_letter(&at, end)) != 0) {
        const struct letter letter = letters[c];
        seen |= letter.kind;
        count += letter.kind & LETTER;
        c = (uint32_t)((int)c + letter.to_small);
        run = c == last ? run + 1 : 0;
        last = c;
        if (run >= 2 && letter.kind != DIGIT) {
            t->drawn = true;
        } else if (c < 0x80) {
            if (size < TOKEN_TEXT_MAX)
                t->text[size++] = (char)c;
        } else if (size < TOKEN_TEXT_MAX - 1) {
            t->text[size++] = (char)(0xc0 | c >> 6);
            t->text[size++] = (char)(0x80 | (c & 0x3f));
        }
    }
    t->capitals = count >= 2 && (seen & SMALL) != SMALL;
    t->size = size;
    w->at = at;
}

/* False when there is no word here. */
static bool take_word(struct words *w, struct token *t)
{
    const unsigned char *begin = w->at;
    take_letters(w, w->end, t);
    const unsigned char *end = w->at;
    if (end == begin)
        return false;
    t->kind = TOKEN_WORD;
    size_t span = (end[-1] | 0x20) == 'n' ? span_of_t(end, w->end) : 0;
    bool is_not = span > 0 && end - begin == 1; /* or the word ends before its "n't" */
    if (is_not) {
        w->at += span;
    } else if (span > 0) {
        w->at = begin;
        take_letters(w, end - 1, t);
    }
    size_t stem = stem_of_nt(t);
    if (is_not || (w->at - begin == 2 && t->size == 2 && !memcmp(t->text, "nt", 2))) {
        set_text(t, bytes_text("n't"));
        t->capitals = false;
    } else if (stem) {
        t->size = stem;
        t->capitals = false;
        w->at = begin + stem; /* its letters are one byte each; the "nt" comes next */
    }
    return true;
}

/* --- faces ------------------------------------------------------------------------------------ */

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
    return !strchr("dpo3", shape) || ends_word(at + i, w->end) ? i : 0;
}

static void put(struct token *t, unsigned char c)
{
    t->text[t->size++] = (char)c;
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
            set_text(t, bytes_text(i == 1 ? "^^" : whole[i]));
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
    set_text(t, bytes_text("/s"));
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
    set_text(t, bytes_text(t->count && asks ? "?!"
                           : t->count       ? "!"
                           : asks           ? "?"
                           : trails         ? "..."
                                            : "."));
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
    const unsigned char *begin = w->at;
    uint32_t c = take(w);
    t->kind = TOKEN_COMMA;
    if (is_mark(c)) {
        t->kind = TOKEN_MARK;
        t->count = 1;
    } else if (c == '\n') {
        t->kind = TOKEN_STOP;
    } else {
        return c == ',' || c == ':' || c == 0x2013 || c == 0x2014;
    }
    set_text(t, bytes_of(begin, (size_t)(w->at - begin)));
    return true;
}

/* What a byte may begin besides a word or a sign of its own: asked first, for most begin a word. */
enum { BLANK = 1, LINK = 2, IRONY = 4, FACE = 8 };
static const unsigned char begins[256] = {
    [' '] = BLANK, ['@'] = LINK,  ['h'] = LINK,  ['H'] = LINK, ['w'] = LINK,
    ['W'] = LINK,  ['/'] = IRONY, ['('] = IRONY, [':'] = FACE, [';'] = FACE,
    ['='] = FACE,  ['x'] = FACE,  ['X'] = FACE,  ['<'] = FACE, ['^'] = FACE,
};

/* Whatever begins here; true when it is a token. */
static bool take_one(struct words *w, struct token *t)
{
    unsigned may = begins[*w->at];
    if (may == BLANK) {
        w->at++;
        return false;
    }
    if (may == LINK && is_link(w)) {
        skip_to_blank(w);
        return false;
    }
    if ((may == IRONY && take_irony(w, t)) || (may == FACE && take_face(w, t)) || take_word(w, t))
        return true;
    uint32_t c = peek(w);
    if (is_stop(c))
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
