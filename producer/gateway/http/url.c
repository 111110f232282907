/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/http/url.h"

#include "common/must.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Writes raw as it is meant to *to, which moves on; plus: a + is a space. */
static bool decode(char **to, struct bytes raw, bool plus, struct bytes *out)
{
    const char *at = raw.data;
    char *begin = *to;
    for (size_t i = 0; i < raw.size; i++) {
        char c = at[i];
        if (c == '%') {
            int high = i + 2 < raw.size ? digit(at[i + 1]) : -1;
            int low = i + 2 < raw.size ? digit(at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return false;
        *(*to)++ = c;
    }
    *out = bytes_of(begin, (size_t)(*to - begin));
    return true;
}

/* What stands before the first stop; *rest begins behind it, with data NULL when there is none. */
static struct bytes cut(struct bytes *rest, char stop)
{
    const char *begin = rest->data;
    const char *found = rest->size ? memchr(begin, stop, rest->size) : NULL;
    struct bytes head = bytes_of(begin, found ? (size_t)(found - begin) : rest->size);
    *rest = found ? bytes_of(found + 1, rest->size - head.size - 1) : bytes_of(NULL, 0);
    return head;
}

static bool parse_path(struct url *u, struct bytes path, char **to)
{
    path = bytes_of((const char *)path.data + 1, path.size - 1);
    if (!path.size)
        return true;
    while (path.data) {
        struct bytes raw = cut(&path, '/'), segment;
        if (!decode(to, raw, false, &segment))
            return false;
        if (u->segment_count < URL_SEGMENTS_MAX)
            u->segments[u->segment_count] = segment;
        u->segment_count++;
    }
    return true;
}

static bool parse_query(struct url *u, struct bytes query, char **to)
{
    while (query.size) {
        struct bytes pair = cut(&query, '&');
        if (!pair.size)
            continue;
        if (u->pair_count == URL_PAIRS_MAX)
            return false;
        if (!u->pairs)
            u->pairs = must_alloc(URL_PAIRS_MAX * sizeof *u->pairs);
        struct url_pair *p = &u->pairs[u->pair_count++];
        struct bytes name = cut(&pair, '=');
        if (!decode(to, name, true, &p->name) || !decode(to, pair, true, &p->value))
            return false;
    }
    return true;
}

bool url_parse(struct url *u, struct bytes raw)
{
    *u = (struct url){0};
    if (!raw.size || *(const char *)raw.data != '/')
        return false;
    char *to = u->text = must_alloc(raw.size);
    struct bytes path = cut(&raw, '?');
    return parse_path(u, path, &to) && parse_query(u, raw, &to);
}

void url_fini(struct url *u)
{
    free(u->pairs);
    free(u->text);
    *u = (struct url){0};
}

static bool names_something(struct bytes segment)
{
    return segment.size && !bytes_equal(segment, bytes_text(".")) &&
           !bytes_equal(segment, bytes_text(".."));
}

bool url_match(const struct url *u, const char *pattern, struct bytes *parts, size_t parts_max)
{
    struct bytes rest = bytes_text(pattern + 1);
    size_t part = 0, i = 0;
    for (; rest.size; i++) {
        struct bytes wanted = cut(&rest, '/');
        if (i >= u->segment_count || i >= URL_SEGMENTS_MAX)
            return false;
        if (*(const char *)wanted.data != '{') {
            if (!bytes_equal(wanted, u->segments[i]))
                return false;
        } else {
            must(part < parts_max);
            if (!names_something(u->segments[i]))
                return false;
            parts[part++] = u->segments[i];
        }
    }
    return i == u->segment_count;
}
