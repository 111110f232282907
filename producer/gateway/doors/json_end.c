/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/json_end.h"

enum step { GOES_ON, ENDS, WRONG };

static enum step open_level(struct json_end *e, bool object)
{
    if (e->depth == JSON_END_DEPTH_MAX)
        return WRONG;
    uint64_t bit = 1ull << e->depth++;
    e->objects = object ? e->objects | bit : e->objects & ~bit;
    return GOES_ON;
}

static enum step close_level(struct json_end *e, bool object)
{
    if (e->depth == 0 || (e->objects >> (e->depth - 1) & 1) != object)
        return WRONG;
    return --e->depth ? GOES_ON : ENDS;
}

static enum step in_string(struct json_end *e, char c)
{
    if (e->escaped)
        e->escaped = false;
    else if (c == '\\')
        e->escaped = true;
    else if (c == '"')
        e->string = false;
    return GOES_ON;
}

static enum step take(struct json_end *e, char c)
{
    if (e->string)
        return in_string(e, c);
    switch (c) {
    case '{':
    case '[': return open_level(e, c == '{');
    case '}':
    case ']': return close_level(e, c == '}');
    case ' ':
    case '\t':
    case '\n':
    case '\r': return GOES_ON;
    default: e->string = c == '"'; return e->depth ? GOES_ON : WRONG;
    }
}

ptrdiff_t json_end(struct json_end *e, struct bytes arrived)
{
    const char *at = arrived.data;
    while (e->seen < arrived.size && !e->wrong) {
        enum step step = take(e, at[e->seen++]);
        if (step == ENDS)
            return (ptrdiff_t)e->seen;
        e->wrong = step == WRONG;
    }
    return e->wrong ? 0 : -1;
}
