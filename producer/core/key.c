/* SPDX-License-Identifier: Apache-2.0
 *
 * key: a user's own names for jobs. Same key, same body: the same job; a key outlives its job by a
 * day, so that a client that lost its memory can still not run a thing twice.
 */
#include "producer/core/core.h"

enum err key_check(struct broker *b, struct bytes name, uint64_t body_hash, uint64_t *job)
{
    const struct key *key = namemap_find(&b->keys, name);
    if (!key) {
        *job = 0;
        return b->keys.count < b->limits.keys_max ? OK : ERR_BUSY;
    }
    *job = key->job;
    return key->body_hash == body_hash ? OK : ERR_KEY_TAKEN;
}

void key_put(struct broker *b, struct bytes name, uint64_t body_hash, uint64_t job)
{
    struct key *key = must_alloc(sizeof *key);
    *key = (struct key){.name = bytes_keep(name), .job = job, .body_hash = body_hash};
    link_init(&key->link);
    namemap_put(&b->keys, key->name, key);
}

/* Its day starts now. Days start in order, so the list is in order of expiry. */
void key_ended(struct broker *b, struct bytes name)
{
    struct key *key = namemap_find(&b->keys, name);
    must(key && !link_listed(&key->link));
    key->expires_ms = b->now_ms + b->limits.key_ms;
    list_append(&b->keys_ended, &key->link);
}

static void key_free(struct key *key)
{
    bytes_drop(&key->name);
    free(key);
}

void keys_purge(struct broker *b)
{
    while (!list_empty(&b->keys_ended)) {
        struct key *key = list_first(&b->keys_ended, struct key, link);
        if (key->expires_ms > b->now_ms)
            return;
        link_take(&key->link);
        namemap_take(&b->keys, key->name);
        key_free(key);
    }
}

void keys_fini(struct broker *b)
{
    size_t at = 0;
    for (struct key *key; (key = namemap_next(&b->keys, &at));)
        key_free(key);
    namemap_fini(&b->keys);
}
