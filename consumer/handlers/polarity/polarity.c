/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/polarity.h"

#include <math.h>

#include "consumer/handlers/polarity/words.h"

static const double half_way = 15;       /* the sum squared at which the score is 0.71 */
static const double negated_good = -0.8; /* "not good" says more than "not bad" */
static const double negated_bad = -0.5;
static const double before_but = 0.5, after_but = 1.4, after_despite = 0.5;
static const double exclaimed = 0.3; /* each of up to 4 '!' */
static const double shouted = 1.3;   /* a word in capitals among others */
static const double smile = 1.5, frown = -1.5;
enum { EXCLAIMED_MAX = 4, SCALE_WORDS = 2 };

struct scorer {
    const struct lexicon *lexicon;
    struct words words;
    struct token ahead[LEXICON_PHRASE_WORDS]; /* tokens read, not yet used */
    size_t ahead_count;
    bool shouts; /* capitals stand out in this text */

    double total, sentence; /* sums; total without the sentence */
    double part;            /* what words weigh in this part of the sentence */
    bool in_despite;
    unsigned negated; /* words that the negation still reaches */
    double scale;
    unsigned scaled; /* words that scale still reaches */
};

/* --- tokens ahead ----------------------------------------------------------------------------- */

static void look_ahead(struct scorer *s)
{
    while (s->ahead_count < LEXICON_PHRASE_WORDS)
        words_next(&s->words, &s->ahead[s->ahead_count++]);
}

static void use(struct scorer *s, size_t count)
{
    s->ahead_count -= count;
    memmove(s->ahead, s->ahead + count, s->ahead_count * sizeof s->ahead[0]);
}

static struct bytes token_text(const struct token *t)
{
    return bytes_of(t->text, t->size);
}

/* The longest phrase that begins here; its number of words in *count. */
static const struct lexicon_entry *find_phrase(const struct scorer *s, size_t *count)
{
    char joined[LEXICON_PHRASE_WORDS * (TOKEN_TEXT_MAX + 1)];
    size_t ends[LEXICON_PHRASE_WORDS], n = 0, size = 0;
    if (!lexicon_begins_phrase(s->lexicon, token_text(&s->ahead[0])))
        return NULL;
    for (; n < LEXICON_PHRASE_WORDS && s->ahead[n].kind == TOKEN_WORD; n++) {
        if (n)
            joined[size++] = '_';
        memcpy(joined + size, s->ahead[n].text, s->ahead[n].size);
        size += s->ahead[n].size;
        ends[n] = size;
    }
    for (; n > 1; n--) {
        const struct lexicon_entry *found =
            lexicon_phrase(s->lexicon, bytes_of(joined, ends[n - 1]));
        if (found) {
            *count = n;
            return found;
        }
    }
    return NULL;
}

/* "sooo gooood": a letter three times or more is meant twice or once. */
static const struct lexicon_entry *find_word(const struct scorer *s, struct bytes word)
{
    const struct lexicon_entry *found = lexicon_word(s->lexicon, word);
    const char *at = word.data;
    for (size_t keep = 2; !found && keep > 0; keep--) {
        char shorter[TOKEN_TEXT_MAX];
        size_t size = 0, run = 0;
        bool drawn = false;
        for (size_t i = 0; i < word.size; i++) {
            /* Letters of two bytes repeat at a distance of two. */
            size_t step = (unsigned char)at[i] < 0x80 ? 1 : 2;
            bool again = i >= step && i + step <= word.size && !memcmp(at + i, at + i - step, step);
            run = again ? run + 1 : 0;
            drawn = drawn || run >= 2;
            if (run < keep) {
                memcpy(shorter + size, at + i, step < word.size - i ? step : word.size - i);
                size += step < word.size - i ? step : word.size - i;
            }
            i += step - 1;
        }
        if (!drawn)
            return NULL;
        found = lexicon_word(s->lexicon, bytes_of(shorter, size));
    }
    return found;
}

/* --- scoring ---------------------------------------------------------------------------------- */

static void end_clause(struct scorer *s)
{
    s->negated = 0;
    s->scaled = 0;
    if (s->in_despite)
        s->part = 1;
    s->in_despite = false;
}

static void end_sentence(struct scorer *s, unsigned exclamations)
{
    if (exclamations > EXCLAIMED_MAX)
        exclamations = EXCLAIMED_MAX;
    if (s->sentence != 0)
        s->sentence += copysign(exclaimed * exclamations, s->sentence);
    s->total += s->sentence;
    s->sentence = 0;
    s->part = 1;
    end_clause(s);
}

static void weigh(struct scorer *s, double weight, const struct token *t)
{
    if (s->shouts && t->capitals)
        weight *= shouted;
    if (s->scaled)
        weight *= s->scale;
    if (s->negated)
        weight *= weight > 0 ? negated_good : negated_bad;
    s->sentence += weight * s->part;
    s->scaled = 0;
}

static void pass_word(struct scorer *s)
{
    s->negated -= s->negated > 0;
    s->scaled -= s->scaled > 0;
}

static void apply(struct scorer *s, const struct lexicon_entry *entry, const struct token *t)
{
    switch (entry->role) {
    case ROLE_WEIGHT:
        weigh(s, entry->value, t);
        pass_word(s);
        break;
    case ROLE_NOT: s->negated = (unsigned)entry->value; break;
    case ROLE_SCALE:
        pass_word(s);
        s->scale = s->scaled ? s->scale * entry->value : entry->value;
        s->scaled = SCALE_WORDS;
        break;
    case ROLE_BUT:
        end_clause(s);
        s->sentence *= before_but;
        s->part = after_but;
        break;
    case ROLE_DESPITE:
        end_clause(s);
        s->part = after_despite;
        s->in_despite = true;
        break;
    }
}

static bool ends_in_nt(struct bytes word)
{
    return word.size >= 3 && !memcmp((const char *)word.data + word.size - 3, "n't", 3);
}

static void score_word(struct scorer *s)
{
    static const struct lexicon_entry not = {.role = ROLE_NOT, .value = 4};
    struct bytes word = token_text(&s->ahead[0]);
    size_t count = 1;
    const struct lexicon_entry *entry = find_phrase(s, &count);
    if (!entry)
        entry = find_word(s, word);
    if (!entry && ends_in_nt(word))
        entry = &not ;
    if (entry)
        apply(s, entry, &s->ahead[0]);
    else
        pass_word(s);
    use(s, count);
}

static void score_mark(struct scorer *s, const struct token *t)
{
    const struct lexicon_entry *entry = lexicon_word(s->lexicon, token_text(t));
    if (entry && entry->role == ROLE_WEIGHT)
        s->sentence += entry->value * (t->count > 1 ? 1.2 : 1);
}

/* Do some words, but not most, stand in capitals? */
static bool shouts(struct bytes text)
{
    struct words words = words_of(text);
    struct token t;
    size_t capitals = 0, all = 0;
    for (words_next(&words, &t); t.kind != TOKEN_END; words_next(&words, &t)) {
        all += t.kind == TOKEN_WORD;
        capitals += t.capitals;
    }
    return capitals * 2 < all;
}

double polarity_score(const struct lexicon *l, struct bytes text)
{
    struct scorer s = {.lexicon = l, .words = words_of(text), .part = 1, .shouts = shouts(text)};
    for (look_ahead(&s); s.ahead[0].kind != TOKEN_END; look_ahead(&s)) {
        struct token *t = &s.ahead[0];
        if (t->kind == TOKEN_WORD) {
            score_word(&s);
            continue;
        }
        switch (t->kind) {
        case TOKEN_MARK: score_mark(&s, t); break;
        case TOKEN_SMILES: s.sentence += smile * (t->count > 1 ? 1.3 : 1); break;
        case TOKEN_FROWNS: s.sentence += frown * (t->count > 1 ? 1.3 : 1); break;
        case TOKEN_STOP: end_sentence(&s, t->count); break;
        default: end_clause(&s); break;
        }
        use(&s, 1);
    }
    end_sentence(&s, 0);
    return s.total / sqrt(s.total * s.total + half_way);
}
