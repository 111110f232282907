/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/grpc/header.h"

bool grpc_header_is_grpc(struct bytes content_type)
{
    static const char type[] = "application/grpc";
    struct bytes head = bytes_text(type);
    if (!bytes_starts(content_type, head))
        return false;
    if (content_type.size == head.size)
        return true;
    char next = ((const char *)content_type.data)[head.size];
    return next == '+' || next == ';';
}

bool grpc_header_timeout(struct bytes text, int64_t *timeout_ms)
{
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {{'H', 3600000000000}, {'M', 60000000000}, {'S', 1000000000},
                 {'m', 1000000},       {'u', 1000},        {'n', 1}};
    const char *at = text.data;
    int64_t number = 0;
    if (text.size < 2 || text.size > 9)
        return false;
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        number = number * 10 + (at[i] - '0');
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].unit == at[text.size - 1]) {
            /* Eight digits of hours are 3.6e11 s: the product of ns would not fit, that of ms does.
             */
            *timeout_ms = units[i].ns >= 1000000 ? number * (units[i].ns / 1000000)
                                                 : (number * units[i].ns + 999999) / 1000000;
            return true;
        }
    return false;
}

void grpc_header_percent(struct buf *out, struct bytes text)
{
    static const char digits[] = "0123456789ABCDEF";
    const unsigned char *at = text.data;
    for (size_t i = 0; i < text.size; i++) {
        if (at[i] >= 0x20 && at[i] < 0x7f && at[i] != '%') {
            buf_put(out, &at[i], 1);
        } else {
            char coded[] = {'%', digits[at[i] >> 4], digits[at[i] & 15]};
            buf_put(out, coded, sizeof coded);
        }
    }
}
