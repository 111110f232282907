/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/http/guard.h"

#include <stdio.h>
#include <strings.h>

static bool is_text(struct bytes b, const char *text)
{
    return b.size == strlen(text) && strncasecmp(b.data ? b.data : "", text, b.size) == 0;
}

bool guard_name(struct guard *g, const char *name)
{
    size_t size = strlen(name);
    if (!size || size >= GUARD_HOST_TEXT || g->host_count == GUARD_HOSTS_MAX)
        return false;
    memcpy(g->hosts[g->host_count++], name, size + 1);
    return true;
}

void guard_names(struct guard *g, const char *address, unsigned port)
{
    const char *const names[] = {"127.0.0.1", "localhost", "[::1]", address};
    char name[GUARD_HOST_TEXT];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s:%u", names[i], port);
        guard_name(g, name);
        if (port == 80) /* which browsers leave out */
            guard_name(g, names[i]);
    }
}

static bool host_ours(const struct guard *g, struct bytes host)
{
    for (size_t i = 0; i < g->host_count; i++)
        if (is_text(host, g->hosts[i]))
            return true;
    return false;
}

/* https too: what comes through a proxy was that before. */
static bool origin_ours(const struct guard *g, struct bytes origin)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);
        if (bytes_starts(origin, bytes_text(schemes[i])) &&
            host_ours(g, bytes_of((const char *)origin.data + size, origin.size - size)))
            return true;
    }
    return false;
}

/* A browser says where a request began. "none": a person typed the address. */
static bool site_ours(struct bytes site)
{
    return !site.size || is_text(site, "same-origin") || is_text(site, "none");
}

bool guard_same(struct bytes a, struct bytes b)
{
    const unsigned char *x = a.data, *y = b.data;
    size_t size = a.size < b.size ? a.size : b.size;
    volatile unsigned char differ = a.size != b.size;
    for (size_t i = 0; i < size; i++)
        differ = (unsigned char)(differ | (x[i] ^ y[i]));
    return !differ;
}

static bool token_right(const struct guard *g, struct bytes authorization)
{
    static const char bearer[] = "Bearer ";
    size_t size = sizeof bearer - 1;
    if (authorization.size <= size || strncasecmp(authorization.data, bearer, size) != 0)
        return false;
    return guard_same(bytes_of((const char *)authorization.data + size, authorization.size - size),
                      bytes_text(g->token));
}

static bool is_json(struct bytes type)
{
    const char *end = type.size ? memchr(type.data, ';', type.size) : NULL;
    if (end)
        type.size = (size_t)(end - (const char *)type.data);
    while (type.size && ((const char *)type.data)[type.size - 1] == ' ')
        type.size--;
    return is_text(type, "application/json");
}

enum guard_verdict guard_check(const struct guard *g, const struct guard_request *r)
{
    if (!host_ours(g, r->host))
        return GUARD_HOST;
    if ((r->origin.size && !origin_ours(g, r->origin)) || !site_ours(r->site))
        return GUARD_ORIGIN;
    if (!r->open && !token_right(g, r->authorization))
        return GUARD_TOKEN;
    if (r->has_body && !is_json(r->content_type))
        return GUARD_TYPE;
    return GUARD_GO;
}
