/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tagset.h"

/* The first of a set; it moves on. */
static struct bytes tag_next(struct bytes *set)
{
    const char *at = set->data, *comma = set->size ? memchr(at, ',', set->size) : NULL;
    size_t size = comma ? (size_t)(comma - at) : set->size;
    *set = comma ? bytes_of(comma + 1, set->size - size - 1) : (struct bytes){0};
    return bytes_of(at, size);
}

static struct bytes tag_name(struct bytes tag)
{
    const char *equals = tag.size ? memchr(tag.data, '=', tag.size) : NULL;
    return bytes_of(tag.data, equals ? (size_t)(equals - (const char *)tag.data) : 0);
}

static bool word_valid(struct bytes word, size_t most)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *at = word.data;
    for (size_t i = 0; i < word.size; i++)
        if (!memchr(letters, at[i], sizeof letters - 1))
            return false;
    return word.size <= most;
}

static bool tag_valid(struct bytes tag)
{
    struct bytes name = tag_name(tag);
    if (!name.size)
        return false;
    struct bytes value = bytes_of((const char *)tag.data + name.size + 1, tag.size - name.size - 1);
    return word_valid(name, TAG_NAME_MAX) && word_valid(value, TAG_VALUE_MAX);
}

/* Below 0: a comes before b. */
static int order(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int side = memcmp(a.data, b.data, size);
    return side ? side : (a.size > b.size) - (a.size < b.size);
}

bool tagset_valid(struct bytes set)
{
    struct bytes last = {0};
    unsigned count = 0;
    bool more = set.size;
    while (more) {
        const char *end = (const char *)set.data + set.size;
        struct bytes tag = tag_next(&set);
        if (!tag_valid(tag) || ++count > TAGS_MAX || (last.size && order(last, tag_name(tag)) >= 0))
            return false;
        last = tag_name(tag);
        more = (const char *)tag.data + tag.size < end; /* a comma at the end is one too many */
    }
    return true;
}

bool tagset_covers(struct bytes set, struct bytes wanted)
{
    while (wanted.size) {
        struct bytes tag = tag_next(&wanted), rest = set;
        bool found = false;
        while (rest.size && !found)
            found = bytes_equal(tag_next(&rest), tag);
        if (!found)
            return false;
    }
    return true;
}

const char *tagset_add(struct buf *set, struct bytes tag)
{
    struct bytes rest = buf_bytes(set);
    struct buf with = {0};
    bool placed = false;
    unsigned count = 0;
    if (!tag_valid(tag))
        return "a tag is NAME=VALUE, each at most 32 letters, digits and . _ -";
    while (rest.size || !placed) {
        struct bytes look = rest, next = rest.size ? tag_next(&look) : tag;
        int side = rest.size ? order(tag_name(tag), tag_name(next)) : -1;
        if (!placed && side <= 0)
            next = tag, placed = true;
        else
            rest = look;
        if (side == 0 || ++count > TAGS_MAX) {
            buf_fini(&with);
            return side == 0 ? "each tag once" : "at most 8 tags";
        }
        buf_printf(&with, "%s%.*s", with.size ? "," : "", BYTES_ARG(next));
    }
    buf_fini(set);
    *set = with;
    return NULL;
}

const char *tagset_read(struct buf *set, struct bytes text)
{
    const char *error = NULL;
    buf_clear(set);
    bool more = text.size;
    while (more && !error) {
        const char *end = (const char *)text.data + text.size;
        struct bytes tag = tag_next(&text);
        error = tagset_add(set, tag);
        more = (const char *)tag.data + tag.size < end;
    }
    if (error)
        buf_clear(set);
    return error;
}
