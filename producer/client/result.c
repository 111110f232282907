/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/result.h"

#include "common/value.h"

static void text_set(char *out, size_t room, struct bytes text)
{
    size_t size = text.size < room ? text.size : room - 1;
    if (size)
        memcpy(out, text.data, size);
    out[size] = 0;
}

void result_text(struct buf *out, struct bytes value, unsigned state, const char *why)
{
    if (value.size && value_text(out, value))
        return;
    /* Jobs that were cancelled or died without a word have no value. */
    const char *word = state == JOB_OK ? "" : *why ? why : job_state_name(state);
    buf_put(out, word, strlen(word));
}

/* Only `again` makes one record of the bytes of another, and leaves alike what is kept here. */
static bool as_before(const struct result_strings *s, const struct msg_ended *m)
{
    return s->worker_at && m->worker.data == s->worker_at && m->value.data == s->value_at;
}

struct reeve_result *result_ended(struct result_strings *s, const struct msg_ended *m)
{
    struct reeve_result *out = &s->result;
    if (as_before(s, m)) {
        out->id = m->id;
        out->run_us = m->run_us;
        return out;
    }
    const char *why = s->reason;
    s->reason[0] = 0;
    if (m->reason != REASON_NONE) /* most have none */
        reason_text((unsigned)m->reason, (unsigned)m->detail, s->reason);
    text_set(s->worker, sizeof s->worker, m->worker);
    buf_clear(&s->text);
    result_text(&s->text, m->value, (unsigned)m->state, why);
    s->worker_at = m->worker.data;
    s->value_at = m->value.data;
    *out = (struct reeve_result){.id = m->id,
                                 .code = REEVE_OK,
                                 .state = (enum reeve_state)m->state,
                                 .value = m->value.data,
                                 .size = m->value.size,
                                 .text = buf_text(&s->text),
                                 .worker = s->worker,
                                 .reason = s->reason,
                                 .run_us = m->run_us,
                                 .attempts = (unsigned)m->attempts,
                                 .text_size = s->text.size};
    return out;
}

void result_over(struct result_strings *s)
{
    s->worker_at = NULL;
}

struct reeve_result *result_refused(struct result_strings *s, const struct msg_error *m)
{
    result_over(s);
    s->worker[0] = s->reason[0] = 0;
    buf_clear(&s->text);
    if (m->text.size)
        buf_put(&s->text, m->text.data, m->text.size);
    else
        buf_printf(&s->text, "%s", err_text((unsigned)m->code));
    s->result = (struct reeve_result){.code = (int)m->code,
                                      .text = buf_text(&s->text),
                                      .worker = s->worker,
                                      .reason = s->reason,
                                      .text_size = s->text.size};
    return &s->result;
}

void result_keep(struct reeve_result *out, struct result_strings *s,
                 const struct reeve_result *from)
{
    *out = *from;
    buf_clear(&s->text);
    buf_clear(&s->value);
    buf_put(&s->text, from->text, from->text_size);
    buf_put(&s->value, from->value, from->size);
    text_set(s->worker, sizeof s->worker, bytes_text(from->worker));
    text_set(s->reason, sizeof s->reason, bytes_text(from->reason));
    out->text = buf_text(&s->text);
    out->value = s->value.data;
    out->worker = s->worker;
    out->reason = s->reason;
}

void result_strings_fini(struct result_strings *s)
{
    buf_fini(&s->text);
    buf_fini(&s->value);
}

void reeve_job_id_format(uint64_t id, char text[14])
{
    job_id_text(id, text);
}

uint64_t reeve_job_id_parse(const char *text)
{
    return job_id_parse(text);
}

const char *reeve_state_name(enum reeve_state state)
{
    return job_state_name((unsigned)state);
}
