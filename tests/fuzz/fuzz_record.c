/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a message body: each record either is refused or comes back the same when it is
 * written and read again.
 */
#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct record *r)
{
    struct buf first = {0}, second = {0};
    struct record again;
    record_put(&first, r);
    struct cursor c = cursor_of(buf_bytes(&first));
    must(record_get(&c, &again) == OK && cursor_done(&c));
    record_put(&second, &again);
    must(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(bytes_of(data, size));
    struct record r;
    while (!cursor_done(&c)) {
        const unsigned char *before = c.at;
        if (record_get(&c, &r) != OK)
            break;
        must(c.at > before && c.at <= c.end);
        must(record_name(r.type) != NULL);
        if (r.type != REC_NONE)
            check_again(&r);
        if (r.type == REC_submit)
            (void)queue_name_valid(r.submit.queue);
    }
    return 0;
}
