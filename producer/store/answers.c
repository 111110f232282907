/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers travel as bytes in a buf: the struct, then its rows or its text.
 */
#include "producer/store/answers.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/must.h"

enum { KEEP_BYTES = 1 << 20 }; /* more of a buf is given back when it is empty */

void answers_init(struct answers *a)
{
    *a = (struct answers){.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    must(a->event_fd >= 0);
    must(pthread_mutex_init(&a->mutex, NULL) == 0);
}

void answers_fini(struct answers *a)
{
    close(a->event_fd);
    pthread_mutex_destroy(&a->mutex);
    buf_fini(&a->outbox);
    buf_fini(&a->reading);
}

void answers_put(struct answers *a, const struct store_answer *answer)
{
    struct store_answer head = *answer;
    struct bytes rest = answer->rows;
    if (answer->type == STORE_BROKEN)
        rest = bytes_of(answer->text, strlen(answer->text) + 1);
    head.rows = bytes_of(NULL, rest.size);
    head.text = NULL;
    pthread_mutex_lock(&a->mutex);
    buf_put(&a->outbox, &head, sizeof head);
    buf_put(&a->outbox, rest.data, rest.size);
    pthread_mutex_unlock(&a->mutex);
}

void answers_ring(struct answers *a)
{
    uint64_t one = 1;
    must(write(a->event_fd, &one, sizeof one) == (ssize_t)sizeof one);
}

/* Takes what has been put out, when the last lot has been read. */
static bool refill(struct answers *a)
{
    uint64_t count;
    if (read(a->event_fd, &count, sizeof count) < 0) {
        /* nobody rang; there may be answers all the same */
    }
    buf_clear(&a->reading);
    if (a->reading.capacity > KEEP_BYTES)
        buf_fini(&a->reading);
    a->read_at = 0;
    pthread_mutex_lock(&a->mutex);
    buf_swap(&a->reading, &a->outbox);
    pthread_mutex_unlock(&a->mutex);
    return a->reading.size;
}

bool answers_next(struct answers *a, struct store_answer *out)
{
    if (a->read_at == a->reading.size && !refill(a))
        return false;
    memcpy(out, a->reading.data + a->read_at, sizeof *out);
    const unsigned char *rest = a->reading.data + a->read_at + sizeof *out;
    a->read_at += sizeof *out + out->rows.size;
    out->rows.data = rest;
    if (out->type == STORE_BROKEN) {
        out->text = (const char *)rest;
        out->rows = bytes_of(NULL, 0);
    }
    return true;
}
