/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a message body: each record either is refused or comes back the same when it is
 * written and read again; and so does the whole body, with its rows in their short form, of which
 * the maker gives both.
 */
#include "proto/again.h"

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

/* The records of a body, one after the other. */
static void put_all(struct buf *out, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r;
    r.type = REC_NONE;
    while (!cursor_done(&c)) {
        must(record_next(&c, &r) == OK);
        record_put(out, &r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(bytes_of(data, size));
    struct record r;
    struct again again = {0};
    struct buf whole = {0}, both = {0}, brief = {0}, back = {0};
    r.type = REC_NONE;
    uint32_t mark = 0;
    while (!cursor_done(&c)) {
        const unsigned char *before = c.at;
        size_t from = whole.size;
        if (record_next(&c, &r) != OK)
            break;
        must(c.at > before && c.at <= c.end);
        must(record_name(r.type) != NULL);
        if (r.type == REC_NONE)
            continue;
        check_again(&r);
        if (r.type == REC_submit)
            (void)queue_name_valid(r.submit.queue);
        record_put(&whole, &r);
        buf_clear(&both);
        struct said said = again_put(&again, &both, &r);
        struct bytes made = bytes_of(both.data + said.brief, both.size - said.brief);
        must(bytes_equal(made, bytes_of(whole.data + from, whole.size - from)));
        bool follows = said.brief && mark && said.mark == mark + 1;
        buf_put(&brief, follows ? both.data : made.data, follows ? said.brief : made.size);
        mark = said.mark;
    }
    put_all(&back, buf_bytes(&brief));
    must(bytes_equal(buf_bytes(&back), buf_bytes(&whole)));
    buf_fini(&whole);
    buf_fini(&both);
    buf_fini(&brief);
    buf_fini(&back);
    return 0;
}
