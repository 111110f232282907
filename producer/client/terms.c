/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/terms.h"

#include "proto/tagset.h"

void terms_fini(struct terms *t)
{
    buf_fini(&t->tags);
    buf_fini(&t->error);
}

/* Where a key or tags stood there may stand another text by now, and most jobs have none. */
static bool is_plain(const struct reeve_job_options *o)
{
    return !o->key && !o->tags;
}

static bool alike(const struct reeve_job_options *a, const struct reeve_job_options *b)
{
    return is_plain(a) && a->priority == b->priority && a->delay_ms == b->delay_ms &&
           a->deadline_ms == b->deadline_ms && a->timeout_ms == b->timeout_ms &&
           a->retries == b->retries && a->durability == b->durability &&
           a->wait_for_handler == b->wait_for_handler && a->kind == b->kind &&
           a->together == b->together;
}

static void check(struct terms *t, struct bytes method, const struct reeve_job_options *o)
{
    const char *wrong = tagset_read(&t->tags, bytes_text(o->tags));
    buf_clear(&t->error);
    if (!queue_name_valid(method))
        buf_printf(&t->error, "%.*s: not a name like handler.method", BYTES_ARG(method));
    else if (o->priority > PRIORITY_MAX || o->priority < -PRIORITY_MAX)
        buf_printf(&t->error, "priority %d is not in -100..100", o->priority);
    else if (o->retries < 0)
        buf_printf(&t->error, "retries are not negative");
    else if (o->key && strlen(o->key) > KEY_BYTES_MAX)
        buf_printf(&t->error, "a key has at most %d bytes", KEY_BYTES_MAX);
    else if (wrong)
        buf_printf(&t->error, "%s: %s", o->tags, wrong);
}

static uint64_t flags_of(const struct reeve_job_options *o, bool lazily)
{
    return (o->wait_for_handler ? SUBMIT_WAIT_FOR_HANDLER : 0u) |
           (o->kind == REEVE_SESSION ? SUBMIT_SESSION : 0u) | (lazily ? SUBMIT_ACCEPT_LAZILY : 0u);
}

static __attribute__((noinline)) const char *change(struct terms *t, struct pending *p,
                                                    const char *method,
                                                    const struct reeve_job_options *o, bool lazily)
{
    struct bytes queue = bytes_text(method);
    check(t, queue, o);
    if (t->error.size)
        return buf_text(&t->error);
    bytes_copy(t->method, queue);
    t->method[queue.size] = '\0';
    t->plain = is_plain(o);
    t->options = *o;
    t->lazily = lazily;
    pending_terms(p, &(struct msg_submit){.queue = queue,
                                          .priority = o->priority,
                                          .flags = flags_of(o, lazily),
                                          .delay_ms = o->delay_ms,
                                          .deadline_ms = o->deadline_ms,
                                          .timeout_ms = o->timeout_ms,
                                          .retries = (uint64_t)o->retries,
                                          .key = bytes_text(o->key),
                                          .durability = o->durability,
                                          .together = o->together != 0,
                                          .tags = buf_bytes(&t->tags)});
    return NULL;
}

const char *terms_set(struct terms *t, struct pending *p, const char *method,
                      const struct reeve_job_options *o, bool lazily)
{
    bool same = t->plain && method && lazily == t->lazily && alike(o, &t->options) &&
                strcmp(method, t->method) == 0;
    return same ? NULL : change(t, p, method, o, lazily);
}
