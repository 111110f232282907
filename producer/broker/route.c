/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/route.h"

#include <stdio.h>

void routes_init(struct routes *r, uint64_t seed)
{
    link_init(&r->dirty);
    link_init(&r->lazy);
    r->by_name[0].seed = r->by_name[1].seed = seed;
}

void routes_fini(struct routes *r)
{
    size_t at = 0;
    for (struct route *route; (route = idmap_next(&r->by_id, &at)); at = 0)
        route_free(r, route); /* the map has changed: from its start again */
    idmap_fini(&r->by_id);
    namemap_fini(&r->by_name[0]);
    namemap_fini(&r->by_name[1]);
}

struct route *routes_find(const struct routes *r, enum port port, struct bytes routing_id)
{
    return namemap_find(&r->by_name[port], routing_id);
}

struct route *routes_find_id(const struct routes *r, uint64_t id)
{
    return idmap_find(&r->by_id, id);
}

struct route *route_make(struct routes *r, enum port port, struct bytes routing_id, const char *key)
{
    struct route *route = must_alloc(sizeof *route);
    snprintf(route->key, sizeof route->key, "%s", key);
    route->id = ++r->last_id;
    void *copy = must_alloc(routing_id.size);
    memcpy(copy, routing_id.data, routing_id.size);
    route->routing_id = bytes_of(copy, routing_id.size);
    route->port = port;
    link_init(&route->dirty);
    namemap_put(&r->by_name[port], route->routing_id, route);
    idmap_put(&r->by_id, route->id, route);
    return route;
}

void route_free(struct routes *r, struct route *route)
{
    namemap_take(&r->by_name[route->port], route->routing_id);
    idmap_take(&r->by_id, route->id);
    link_take(&route->dirty);
    outbox_fini(&route->outbox);
    free((void *)(uintptr_t)route->routing_id.data);
    free(route);
}

void route_mark(struct routes *r, struct route *route, bool lazy)
{
    if (!lazy && !route->urgent) {
        route->urgent = true;
        link_take(&route->dirty);
        list_append(&r->dirty, &route->dirty);
    } else if (!link_listed(&route->dirty)) {
        list_append(&r->lazy, &route->dirty);
    }
}

void routes_hurry(struct routes *r)
{
    while (!list_empty(&r->lazy))
        route_mark(r, list_first(&r->lazy, struct route, dirty), false);
}
