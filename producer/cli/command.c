/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/command.h"

#include "common/pack.h"

static struct bytes read_stream(struct cursor *c)
{
    return cursor_peek(c) == PACK_BIN ? cursor_bin(c) : cursor_str(c);
}

bool command_read(struct bytes value, struct command_end *end)
{
    struct cursor c = cursor_of(value);
    bool seen = false;
    *end = (struct command_end){0};
    for (uint32_t pairs = cursor_map(&c); pairs-- > 0 && cursor_ok(&c);) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("status"))) {
            end->status = (int)(cursor_uint(&c) & 0xff);
            seen = true;
        } else if (bytes_equal(key, bytes_text("stdout"))) {
            end->out = read_stream(&c);
        } else if (bytes_equal(key, bytes_text("stderr"))) {
            end->err = read_stream(&c);
        } else {
            cursor_skip(&c);
        }
    }
    return seen && cursor_ok(&c);
}
