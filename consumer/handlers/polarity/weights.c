/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/weights.h"

#include "common/crc32c.h"
#include "consumer/handlers/polarity/weights_data.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is read in place");

static bool buckets_ordered(const struct weights *w)
{
    for (size_t i = 0; i < WEIGHTS_BUCKETS; i++)
        if (w->starts[i] > w->starts[i + 1])
            return false;
    return w->starts[WEIGHTS_BUCKETS] == w->head->count;
}

int weights_read(struct weights *w, struct bytes file, const char **why)
{
    enum { SUMMED_FROM = offsetof(struct weights_head, count) };
    const char *at = file.data;
    const struct weights_head *head = file.data;
    const size_t starts_size = (WEIGHTS_BUCKETS + 1) * sizeof *w->starts;
    const size_t entry_size = sizeof *w->marks + WEIGHTS_WIDTH + 2;
    *why = "is no file of weights";
    if (file.size < sizeof *head + starts_size || memcmp(head->magic, "reevepol", 8) != 0)
        return -1;
    *why = "is of another version";
    if (head->version != WEIGHTS_VERSION || head->width != WEIGHTS_WIDTH ||
        head->tones != TONE_NUMBERS || head->hidden != WEIGHTS_HIDDEN)
        return -1;
    *why = "is damaged";
    if ((file.size - sizeof *head - starts_size) / entry_size != head->count ||
        (file.size - sizeof *head - starts_size) % entry_size != 0 ||
        crc32c(0, bytes_of(at + SUMMED_FROM, file.size - SUMMED_FROM)) != head->checksum)
        return -1;
    w->head = head;
    at += sizeof *head;
    w->starts = (const void *)at;
    w->marks = w->starts + WEIGHTS_BUCKETS + 1;
    w->places = (const void *)(w->marks + head->count);
    w->values = (const void *)(w->places + head->count);
    w->kinds = (const void *)(w->values + head->count);
    return buckets_ordered(w) ? 0 : -1;
}

struct weights weights_built_in(void)
{
    struct weights w;
    const char *why;
    must(weights_read(&w, bytes_of(polarity_weights, polarity_weights_size), &why) == 0);
    return w;
}
