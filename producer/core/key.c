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

static struct key *key_make(struct broker *b, struct bytes name, uint64_t body_hash, uint64_t job)
{
    struct key *key = must_alloc(sizeof *key);
    *key = (struct key){.name = bytes_keep(name), .job = job, .body_hash = body_hash};
    namemap_put(&b->keys, key->name, key);
    return key;
}

void key_put(struct broker *b, struct bytes name, uint64_t body_hash, const struct job *job)
{
    struct key *key = key_make(b, name, body_hash, job->id);
    key->durable = job->durability == CLASS_DURABLE;
    keep_key(b, key);
}

/* Its day starts now. */
static void key_expires(struct broker *b, struct key *key)
{
    heap_put(&b->keys_ended, &key->expiry, b->now_ms + b->limits.key_ms, key->job);
    keep_key(b, key);
}

void key_ended(struct broker *b, struct bytes name)
{
    struct key *key = namemap_find(&b->keys, name);
    if (key) /* else its row was damaged */
        key_expires(b, key);
}

void key_load(struct broker *b, struct bytes name, const struct msg_key_row *row,
              int64_t expires_ms)
{
    struct key *key = key_make(b, name, row->body_hash, row->id);
    key->durable = true;
    if (expires_ms)
        heap_put(&b->keys_ended, &key->expiry, expires_ms, key->job);
}

/* One whose job ended in the last moment of the life before. */
void keys_loaded(struct broker *b)
{
    size_t at = 0;
    for (struct key *key; (key = namemap_next(&b->keys, &at));)
        if (!key->expiry.place && !job_find(b, key->job))
            key_expires(b, key);
}

static void key_free(struct key *key)
{
    bytes_drop(&key->name);
    free(key);
}

void keys_purge(struct broker *b)
{
    for (struct heap_node *n; (n = heap_first(&b->keys_ended)) && n->key <= b->now_ms;) {
        struct key *key = container_of(n, struct key, expiry);
        heap_take(&b->keys_ended, n);
        namemap_take(&b->keys, key->name);
        if (key->durable)
            forget(b, (struct row_key){.kind = ROW_KEY, .name = key->name});
        key_free(key);
    }
}

void keys_fini(struct broker *b)
{
    size_t at = 0;
    for (struct key *key; (key = namemap_next(&b->keys, &at));)
        key_free(key);
    namemap_fini(&b->keys);
    heap_fini(&b->keys_ended);
}
