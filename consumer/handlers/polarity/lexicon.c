/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/lexicon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/map.h"
#include "consumer/handlers/polarity/lexicon_data.h"

/* The text stands in the tables as it is in the file: "word", "=word", "stem*", "two_words". A
 * phrase's first word is there too, with '_' behind it. */
struct item {
    struct item *next;
    struct lexicon_entry entry;
    size_t size;
    char text[];
};

struct lexicon {
    struct namemap items;
    struct item *all;
    size_t count;
    size_t stem_least, stem_most; /* bytes of the stems, without the '*' */
};

struct lexicon *lexicon_new(void)
{
    struct lexicon *l = must_alloc(sizeof *l);
    l->stem_least = LEXICON_WORD_MAX;
    return l;
}

void lexicon_free(struct lexicon *l)
{
    if (!l)
        return;
    while (l->all) {
        struct item *item = l->all;
        l->all = item->next;
        free(item);
    }
    namemap_fini(&l->items);
    free(l);
}

size_t lexicon_count(const struct lexicon *l)
{
    return l->count;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct item *item_put(struct lexicon *l, struct bytes text, struct lexicon_entry entry)
{
    struct item *item = must_alloc(sizeof *item + text.size);
    item->entry = entry;
    item->size = text.size;
    memcpy(item->text, text.data, text.size);
    item->next = l->all;
    l->all = item;
    namemap_put(&l->items, bytes_of(item->text, text.size), item);
    return item;
}

static int read_role(struct lexicon_entry *entry, struct bytes text)
{
    static const struct {
        const char *name;
        enum lexicon_role role;
        bool valued;
    } roles[] = {{"not:", ROLE_NOT, true},
                 {"scale:", ROLE_SCALE, true},
                 {"but", ROLE_BUT, false},
                 {"despite", ROLE_DESPITE, false},
                 {"", ROLE_WEIGHT, true}};
    char copy[32];
    if (text.size >= sizeof copy)
        return -1;
    snprintf(copy, sizeof copy, "%.*s", BYTES_ARG(text));
    size_t i = 0;
    while (!bytes_starts(text, bytes_text(roles[i].name)))
        i++;
    const char *value = copy + strlen(roles[i].name);
    char *end;
    entry->role = roles[i].role;
    entry->value = strtod(value, &end);
    if (*end || (*value != 0) != roles[i].valued || !isfinite(entry->value))
        return -1;
    return 0;
}

/* The first word of a phrase is put down as well, so that most words need no look at phrases. */
static void put_beginning(struct lexicon *l, struct bytes phrase)
{
    const char *at = phrase.data;
    const char *bar = memchr(at, '_', phrase.size);
    if (!bar || bar == at)
        return;
    struct bytes beginning = bytes_of(at, (size_t)(bar - at) + 1);
    if (!namemap_find(&l->items, beginning))
        item_put(l, beginning, (struct lexicon_entry){0});
}

static const char *add_entry(struct lexicon *l, struct bytes text, struct lexicon_entry entry)
{
    const char *at = text.data;
    if (text.size > LEXICON_WORD_MAX)
        return "is too long";
    if (namemap_find(&l->items, text))
        return "stands there twice";
    if (text.size > 1 && at[text.size - 1] == '*' && at[0] != '=') {
        size_t stem = text.size - 1;
        l->stem_least = stem < l->stem_least ? stem : l->stem_least;
        l->stem_most = stem > l->stem_most ? stem : l->stem_most;
    }
    item_put(l, text, entry);
    put_beginning(l, text);
    l->count++;
    return NULL;
}

/* The next run of bytes up to one of stops; rest gets shorter by it and the byte behind it. */
static struct bytes next_run(struct bytes *rest, const char *stops)
{
    const char *at = rest->data;
    size_t size = 0;
    while (size < rest->size && !strchr(stops, at[size]))
        size++;
    size_t used = size < rest->size ? size + 1 : size;
    *rest = bytes_of(at + used, rest->size - used);
    return bytes_of(at, size);
}

static int add_line(struct lexicon *l, struct bytes line, unsigned number,
                    char error[LEXICON_ERROR_SIZE])
{
    struct bytes rest = line, role = next_run(&rest, "\t");
    struct lexicon_entry entry;
    if (read_role(&entry, role) || rest.size == 0) {
        snprintf(error, LEXICON_ERROR_SIZE, "line %u: no role and a tab: %.*s", number,
                 (int)(line.size < 40 ? line.size : 40), (const char *)line.data);
        return -1;
    }
    while (rest.size) {
        struct bytes text = next_run(&rest, " ");
        const char *wrong = text.size ? add_entry(l, text, entry) : NULL;
        if (!wrong)
            continue;
        snprintf(error, LEXICON_ERROR_SIZE, "line %u: %.*s %s", number, BYTES_ARG(text), wrong);
        return -1;
    }
    return 0;
}

int lexicon_add(struct lexicon *l, struct bytes file, char error[LEXICON_ERROR_SIZE])
{
    for (unsigned number = 1; file.size; number++) {
        struct bytes line = next_run(&file, "\n");
        if (line.size == 0 || *(const char *)line.data == '#')
            continue;
        if (add_line(l, line, number, error))
            return -1;
    }
    return 0;
}

struct lexicon *lexicon_built_in(void)
{
    const struct bytes files[] = {bytes_of(lexicon_en, lexicon_en_size),
                                  bytes_of(lexicon_ru, lexicon_ru_size),
                                  bytes_of(lexicon_marks, lexicon_marks_size)};
    struct lexicon *l = lexicon_new();
    char error[LEXICON_ERROR_SIZE];
    for (size_t i = 0; i < LENGTH(files); i++) {
        if (lexicon_add(l, files[i], error) == 0)
            continue;
        fprintf(stderr, "built-in lexicon %zu, %s\n", i, error);
        must(false && "the built-in lexicon reads");
    }
    return l;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const struct lexicon_entry *find(const struct lexicon *l, const char *text, size_t size)
{
    struct item *item = namemap_find(&l->items, bytes_of(text, size));
    return item ? &item->entry : NULL;
}

/* Regular endings of English: what is cut off, what is put in its place, and what must stand before
 * it. A doubled consonant is tried single too ("stunned"). */
static const struct ending {
    const char *cut, *put;
    char before; /* 0: anything */
    bool doubled;
} endings[] = {
    {"'s", "", 0, false},   {"s", "", 0, false},     {"es", "", 0, false},
    {"ies", "y", 0, false}, {"d", "", 'e', false},   {"ed", "", 0, true},
    {"ied", "y", 0, false}, {"ing", "", 0, true},    {"ing", "e", 0, false},
    {"in'", "", 0, true},   {"ly", "", 0, false},    {"ily", "y", 0, false},
    {"ly", "le", 0, false}, {"ness", "", 0, false},  {"er", "", 0, true},
    {"r", "", 'e', false},  {"est", "", 0, true},    {"st", "", 'e', false},
    {"ier", "y", 0, false}, {"iest", "y", 0, false}, {"iness", "y", 0, false},
    {"ally", "", 0, false},
};

static const struct lexicon_entry *find_inflected(const struct lexicon *l, struct bytes word)
{
    char stem[LEXICON_WORD_MAX + 2];
    for (size_t i = 0; i < LENGTH(endings); i++) {
        const struct ending *e = &endings[i];
        size_t cut = strlen(e->cut), put = strlen(e->put);
        if (word.size < cut + 3)
            continue;
        size_t size = word.size - cut;
        if (memcmp((const char *)word.data + size, e->cut, cut) != 0)
            continue;
        memcpy(stem, word.data, size);
        memcpy(stem + size, e->put, put);
        if (e->before && stem[size - 1] != e->before)
            continue;
        const struct lexicon_entry *found = find(l, stem, size + put);
        if (!found && e->doubled && stem[size - 1] == stem[size - 2])
            found = find(l, stem, size - 1);
        if (found)
            return found;
    }
    return NULL;
}

/* The longest stem that the word begins with. */
static const struct lexicon_entry *find_stem(const struct lexicon *l, struct bytes word)
{
    char stem[LEXICON_WORD_MAX + 1];
    size_t size = word.size < l->stem_most ? word.size : l->stem_most;
    for (; size >= l->stem_least; size--) {
        memcpy(stem, word.data, size);
        stem[size] = '*';
        const struct lexicon_entry *found = find(l, stem, size + 1);
        if (found)
            return found;
    }
    return NULL;
}

const struct lexicon_entry *lexicon_word(const struct lexicon *l, struct bytes word)
{
    char exact[LEXICON_WORD_MAX + 1];
    if (word.size == 0 || word.size > LEXICON_WORD_MAX - 1)
        return NULL;
    const struct lexicon_entry *found = find(l, word.data, word.size);
    if (found)
        return found;
    exact[0] = '=';
    memcpy(exact + 1, word.data, word.size);
    found = find(l, exact, word.size + 1);
    if (!found)
        found = find_inflected(l, word);
    return found ? found : find_stem(l, word);
}

const struct lexicon_entry *lexicon_phrase(const struct lexicon *l, struct bytes words)
{
    return words.size <= LEXICON_WORD_MAX ? find(l, words.data, words.size) : NULL;
}

bool lexicon_begins_phrase(const struct lexicon *l, struct bytes word)
{
    char beginning[LEXICON_WORD_MAX + 1];
    if (word.size > LEXICON_WORD_MAX)
        return false;
    memcpy(beginning, word.data, word.size);
    beginning[word.size] = '_';
    return find(l, beginning, word.size + 1);
}
