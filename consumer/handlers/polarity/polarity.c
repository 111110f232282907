/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/polarity.h"

#include <math.h>

/* Letters in a row of a word that the dictionary does not have, its borders being letters too, and
 * as many from its beginning, which stand for its stem. */
enum { LETTERS_MIN = 3, LETTERS_MAX = 5, STEM_MIN = 7, STEM_MAX = 9 };
enum { PHRASE_WORDS = 4, LONG_TEXT = 40, POOL_ADDS = INT16_MIN / INT8_MIN };

static const double neutral_below = 0.25; /* of the score, without its sign */
static const double ironic = -0.5;        /* what praise becomes before "/s" */
static const double english_least = 0.5;  /* share of English words in English */
static const double mixed_least = 0.25;   /* share of the smaller script in a mixed text */

struct reader {
    const struct weights *weights;
    struct words words;
    struct token ring[PHRASE_WORDS]; /* the next tokens, see ahead */
    size_t first;
    size_t covered; /* words ahead that a phrase has spoken for */

    /* Hashes of the last word and of the last two with the blank behind them. */
    uint64_t one, two;
    unsigned row; /* words of this sentence that these hold: 0, 1, 2 */

    int16_t pool[WEIGHTS_WIDTH]; /* in steps; spilled into total before it can overflow */
    double total[WEIGHTS_WIDTH];
    unsigned long adds; /* all that was found */

    struct tone tone;
    unsigned long latin, english; /* words in Latin letters, and those of them that are English */
    struct tone_counts counts;
    bool irony;
};

/* --- the pool --------------------------------------------------------------------------------- */

static void spill(struct reader *r)
{
    for (size_t i = 0; i < WEIGHTS_WIDTH; i++) {
        r->total[i] += r->pool[i];
        r->pool[i] = 0;
    }
}

static inline void sum_up(int16_t *restrict pool, const int8_t *restrict place)
{
    for (size_t i = 0; i < WEIGHTS_WIDTH; i++)
        pool[i] = (int16_t)(pool[i] + place[i]);
}

/* Adds what the feature of this name weighs; its entry, or -1. */
static int64_t add(struct reader *r, uint64_t hash)
{
    int64_t entry = weights_find(r->weights, hash);
    if (entry < 0)
        return -1;
    sum_up(r->pool, r->weights->places[entry]);
    if (++r->adds % POOL_ADDS == 0)
        spill(r);
    return entry;
}

/* --- words ------------------------------------------------------------------------------------ */

static bool is_cyrillic(const struct token *word)
{
    return (unsigned char)word->text[0] >= 0xd0; /* U+0400 and above; there are no longer letters */
}

static uint64_t hash_of(const struct token *t)
{
    return weights_add(WEIGHTS_START, t->text, t->size);
}

/* rows[n]: the hash of the last n + 1 letters, which get one letter more. */
static inline void grow(uint64_t rows[LETTERS_MAX], uint64_t empty, const char *letter, size_t size)
{
    for (size_t i = LETTERS_MAX - 1; i > 0; i--)
        rows[i] = weights_add(rows[i - 1], letter, size);
    rows[0] = weights_add(empty, letter, size);
}

/* All rows of letters of the word between its borders. */
static void add_letters(struct reader *r, const struct token *word)
{
    char whole[TOKEN_TEXT_MAX + 2];
    const char *at = whole, *end = whole + word->size + 2;
    const uint64_t empty = weights_add(WEIGHTS_START, "#", 1);
    uint64_t rows[LETTERS_MAX] = {0}, stem = empty;
    whole[0] = '^';
    memcpy(whole + 1, word->text, word->size);
    whole[word->size + 1] = '$';
    for (unsigned count = 1; at < end; count++) {
        size_t size = (unsigned char)*at < 0x80 ? 1 : 2; /* there are no longer letters */
        if (size == 1) /* each with its own code, without a loop over bytes */
            grow(rows, empty, at, 1);
        else
            grow(rows, empty, at, 2);
        stem = weights_add(stem, at, size);
        at += size;
        for (unsigned n = LETTERS_MIN; n <= LETTERS_MAX && n <= count; n++)
            add(r, rows[n - 1]);
        if (count >= STEM_MIN && count <= STEM_MAX && at < end)
            add(r, stem);
    }
}

/* The word itself, or its letters; its entry, or -1. */
static int64_t add_word(struct reader *r, const struct token *word, uint64_t hash)
{
    int64_t entry = add(r, hash);
    if (entry < 0)
        add_letters(r, word);
    if (is_cyrillic(word)) {
        r->counts.cyrillic++;
    } else {
        r->latin++;
        r->english += entry >= 0 && r->weights->kinds[entry] & WEIGHTS_KNOWN;
    }
    return entry;
}

/* The word with the one and the two before it. */
static void add_row(struct reader *r, uint64_t alone, uint64_t pair, uint64_t three)
{
    if (r->row > 0) {
        r->counts.pairs++;
        r->counts.familiar += add(r, pair) >= 0;
    }
    if (r->row > 1)
        add(r, three);
    r->two = weights_add(pair, " ", 1);
    r->one = weights_add(alone, " ", 1);
    r->row += r->row < 2;
}

/* --- the lexicon ------------------------------------------------------------------------------ */

/* The token that is n tokens ahead; 0: the one that is being read. */
static struct token *ahead(struct reader *r, size_t n)
{
    return &r->ring[(r->first + n) % PHRASE_WORDS];
}

/* The longest phrase of the lexicon that begins here, else the word's own entry; -1 when the
 * lexicon has neither. *count: its words. */
static int64_t find_phrase(struct reader *r, int64_t entry, uint64_t hash, size_t *count)
{
    const uint8_t *kinds = r->weights->kinds;
    int64_t best = entry >= 0 && kinds[entry] & WEIGHTS_LEXICON ? entry : -1;
    *count = 1;
    if (entry < 0 || !(kinds[entry] & WEIGHTS_BEGINS))
        return best;
    for (size_t n = 1; n < PHRASE_WORDS && ahead(r, n)->kind == TOKEN_WORD; n++) {
        hash = weights_add(hash, " ", 1);
        hash = weights_add(hash, ahead(r, n)->text, ahead(r, n)->size);
        int64_t phrase = weights_find(r->weights, hash);
        if (phrase >= 0 && kinds[phrase] & WEIGHTS_LEXICON) {
            best = phrase;
            *count = n + 1;
        }
    }
    return best;
}

static double value_of(const struct reader *r, int64_t entry)
{
    return r->weights->values[entry] * WEIGHTS_VALUE_STEP;
}

static void hear_word(struct reader *r, const struct token *word, int64_t entry, uint64_t hash)
{
    size_t count;
    if (r->covered > 0) {
        r->covered--;
        return;
    }
    int64_t phrase = find_phrase(r, entry, hash, &count);
    if (phrase < 0) {
        tone_pass(&r->tone);
        return;
    }
    r->covered = count - 1;
    tone_word(&r->tone, word, (enum tone_role)(r->weights->kinds[phrase] & WEIGHTS_ROLE),
              value_of(r, phrase));
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void read_word(struct reader *r, const struct token *word)
{
    /* Side by side, for each waits for its own multiplication. */
    uint64_t hash = WEIGHTS_START, pair = r->one, three = r->two;
    for (const char *at = word->text, *end = at + word->size; at < end; at++) {
        hash = weights_add(hash, at, 1);
        pair = weights_add(pair, at, 1);
        three = weights_add(three, at, 1);
    }
    r->tone.words++;
    int64_t entry = add_word(r, word, hash);
    if (r->tone.negated)
        add(r, weights_add(weights_add(WEIGHTS_START, "~", 1), word->text, word->size));
    add_row(r, hash, pair, three);
    hear_word(r, word, entry, hash);
}

static void read_mark(struct reader *r, const struct token *mark)
{
    int64_t entry = add(r, hash_of(mark));
    if (entry >= 0 && r->weights->values[entry] != 0)
        tone_mark(&r->tone, mark, value_of(r, entry));
    r->irony = r->irony || bytes_equal(bytes_of(mark->text, mark->size), bytes_text("/s"));
}

static void read_stop(struct reader *r, const struct token *stop)
{
    if (stop->text[0] != '\n' && !(stop->size == 1 && stop->text[0] == '.')) {
        add(r, hash_of(stop));
        if (r->row > 0)
            add(r, weights_add(r->one, stop->text, stop->size));
    }
    tone_stop(&r->tone, stop);
    r->row = 0;
}

static void read_token(struct reader *r, const struct token *t)
{
    switch (t->kind) {
    case TOKEN_WORD: read_word(r, t); break;
    case TOKEN_MARK: read_mark(r, t); break;
    case TOKEN_STOP: read_stop(r, t); break;
    default: tone_clause(&r->tone); break;
    }
}

static void read_all(struct reader *r)
{
    for (size_t i = 0; i < PHRASE_WORDS; i++)
        words_next(&r->words, &r->ring[i]);
    while (ahead(r, 0)->kind != TOKEN_END) {
        read_token(r, ahead(r, 0));
        words_next(&r->words, ahead(r, 0)); /* its place is taken by the one that comes last now */
        r->first++;
    }
    spill(r);
}

/* --- the network ------------------------------------------------------------------------------ */

/* The sums that the rectifiers get, as many at once as stay in registers. */
static void sum_hidden(const struct weights_network *net, const double in[WEIGHTS_INPUTS],
                       float hidden[WEIGHTS_HIDDEN])
{
    enum { AT_ONCE = 8 };
    _Static_assert(WEIGHTS_HIDDEN % AT_ONCE == 0, "nothing is left over");
    for (size_t at = 0; at < WEIGHTS_HIDDEN; at += AT_ONCE) {
        float sums[AT_ONCE];
        memcpy(sums, net->inner_bias + at, sizeof sums);
        for (size_t i = 0; i < WEIGHTS_INPUTS; i++) {
            float x = (float)in[i];
            for (size_t j = 0; j < AT_ONCE; j++)
                sums[j] += x * net->inner[i][at + j];
        }
        memcpy(hidden + at, sums, sizeof sums);
    }
}

static double logit(const struct reader *r)
{
    const struct weights_head *head = r->weights->head;
    const struct weights_network *net = r->counts.cyrillic > 0 ? &head->russian : &head->english;
    float hidden[WEIGHTS_HIDDEN];
    double in[WEIGHTS_INPUTS], *tone = in + WEIGHTS_WIDTH, out = net->bias, sure = net->sure_bias;
    /* A text counts as much as its words agree, not as much as it is long. */
    double words = (double)r->tone.words, share = words > LONG_TEXT ? sqrt(LONG_TEXT / words) : 1;
    for (size_t i = 0; i < WEIGHTS_WIDTH; i++)
        in[i] = r->total[i] * head->steps[i] * share;
    tone_numbers(&r->tone, &r->counts, tone);
    for (size_t i = 0; i < TONE_NUMBERS; i++)
        sure += tone[i] * net->sure[i];
    for (size_t i = 0; i < WEIGHTS_INPUTS; i++)
        out += in[i] * net->direct[i];
    sum_hidden(net, in, hidden);
    for (size_t j = 0; j < WEIGHTS_HIDDEN; j++)
        out += hidden[j] > 0 ? hidden[j] * net->outer[j] : 0;
    return out / (1 + exp(-sure));
}

static enum polarity_language language_of(const struct reader *r)
{
    unsigned long cyrillic = r->counts.cyrillic, all = r->latin + cyrillic;
    unsigned long less = r->latin < cyrillic ? r->latin : cyrillic;
    bool english = (double)r->english >= english_least * (double)r->latin;
    if (all == 0 || (cyrillic <= r->latin && !english))
        return POLARITY_UNKNOWN;
    if ((double)less >= mixed_least * (double)all && english)
        return POLARITY_MIXED;
    return cyrillic > r->latin ? POLARITY_RUSSIAN : POLARITY_ENGLISH;
}

struct polarity polarity_of(const struct weights *w, struct bytes text)
{
    struct reader r = {.weights = w, .words = words_of(text)};
    struct polarity p = {0};
    read_all(&r);
    if (r.adds > 0) /* else nothing in it says anything, and no bias either */
        p.score = tanh(logit(&r) / 2);
    if (r.irony && p.score > 0)
        p.score *= ironic;
    double strength = fabs(p.score);
    p.label = strength < neutral_below ? POLARITY_NEUTRAL
              : p.score > 0            ? POLARITY_POSITIVE
                                       : POLARITY_NEGATIVE;
    p.confidence = p.label == POLARITY_NEUTRAL ? 1 - strength : (1 + strength) / 2;
    p.language = language_of(&r);
    return p;
}

const char *polarity_label_name(enum polarity_label label)
{
    static const char *const names[] = {"negative", "neutral", "positive"};
    return names[label];
}

const char *polarity_language_name(enum polarity_language language)
{
    static const char *const names[] = {"en", "ru", "mixed", "und"};
    return names[language];
}
