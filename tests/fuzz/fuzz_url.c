/* SPDX-License-Identifier: Apache-2.0
 *
 * The texts of an HTTP request that the gateway reads itself: a path with its query, as long as it
 * says; behind the first line a row of positions, as in Last-Event-ID. What is read of them lies
 * within what was said, holds no control character, and a row that is written is read back.
 */
#include "common/must.h"
#include "producer/gateway/http/url.h"
#include "producer/gateway/live/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROW_MAX = 8 };

static void check_plain(struct bytes text)
{
    const unsigned char *at = text.data;
    for (size_t i = 0; i < text.size; i++)
        must(at[i] >= ' ' && at[i] != 0x7f);
}

static void check_url(struct bytes raw)
{
    static const char *const patterns[] = {"/", "/v1/jobs/{id}", "/{file}",
                                           "/v1/topics/{kind}/{name}"};
    struct url u = {0};
    struct bytes parts[2];
    if (url_parse(&u, raw)) {
        must(raw.size && *(const char *)raw.data == '/' && u.pair_count <= URL_PAIRS_MAX);
        size_t kept = u.segment_count < URL_SEGMENTS_MAX ? u.segment_count : URL_SEGMENTS_MAX;
        for (size_t i = 0; i < kept; i++)
            check_plain(u.segments[i]);
        for (size_t i = 0; i < u.pair_count; i++) {
            check_plain(u.pairs[i].name);
            check_plain(u.pairs[i].value);
        }
        for (size_t i = 0; i < LENGTH(patterns); i++)
            if (url_match(&u, patterns[i], parts, LENGTH(parts)) && i)
                must(parts[0].size && !bytes_equal(parts[0], bytes_text("..")));
    }
    url_fini(&u);
}

static void check_row(struct bytes text)
{
    struct position row[ROW_MAX], back[ROW_MAX];
    for (size_t count = 1; count <= ROW_MAX; count++) {
        if (!position_row(text, row, count))
            continue;
        struct buf out = {0};
        uint64_t before = 0;
        for (size_t i = 0; i < count; i++) {
            if (i)
                buf_put(&out, ",", 1);
            position_put(&out, row[i], &before);
        }
        must(position_row(buf_bytes(&out), back, count));
        for (size_t i = 0; i < count; i++)
            must(back[i].incarnation == row[i].incarnation &&
                 (!row[i].incarnation || back[i].seq == row[i].seq));
        buf_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t line = end ? (size_t)(end - data) : size;
    check_url(bytes_of(data, line));
    if (end)
        check_row(bytes_of(end + 1, size - line - 1));
    return 0;
}
