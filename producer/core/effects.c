/* SPDX-License-Identifier: Apache-2.0
 *
 * effects: what leaves the core. Bytes are gathered in one arena a step.
 */
#include "producer/core/core.h"

struct effect *effect_add(struct broker *b, enum effect_type type)
{
    struct effects *out = b->out;
    if (out->count == out->capacity) {
        out->capacity = out->capacity ? out->capacity * 2 : 64;
        out->list = must_realloc(out->list, out->capacity * sizeof *out->list);
    }
    struct effect *e = &out->list[out->count++];
    *e = (struct effect){.type = type, .at = out->bytes.size};
    return e;
}

void effects_fini(struct effects *out)
{
    free(out->list);
    buf_fini(&out->bytes);
    *out = (struct effects){0};
}

struct effect *send_open(struct broker *b, const struct peer *peer)
{
    struct effect *e = effect_add(b, FX_SEND);
    e->peer = peer->id;
    return e;
}

void send_close(struct broker *b, struct effect *e)
{
    e->size = b->out->bytes.size - e->at;
}

void send_record(struct broker *b, const struct peer *peer, const struct record *r)
{
    struct effect *e = send_open(b, peer);
    record_put(&b->out->bytes, r);
    send_close(b, e);
}

void send_lazily(struct broker *b, const struct peer *peer, const struct record *r)
{
    send_record(b, peer, r);
    b->out->list[b->out->count - 1].lazy = true;
}

void send_error(struct broker *b, const struct peer *peer, uint64_t number, enum err code,
                const char *text)
{
    struct record r = {.type = REC_error,
                       .error = {.number = number,
                                 .code = code,
                                 .text = bytes_text(text ? text : err_text(code)),
                                 .retry_ms = code == ERR_BUSY ? 1000 : 0}};
    send_record(b, peer, &r);
}

void send_done(struct broker *b, const struct peer *peer, uint64_t number)
{
    send_record(b, peer, &(struct record){.type = REC_done, .done = {.number = number}});
}

struct bytes bytes_keep(struct bytes b)
{
    if (!b.size)
        return (struct bytes){0};
    void *copy = must_alloc(b.size);
    memcpy(copy, b.data, b.size);
    return bytes_of(copy, b.size);
}

void bytes_drop(struct bytes *b)
{
    free((void *)(uintptr_t)b->data);
    *b = (struct bytes){0};
}
