/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/update.h"

#include <stdio.h>

#include "common/pack.h"
#include "tests/unit/check.h"

/* How many pairs the head says, and that as many are there. */
static uint32_t pairs(struct bytes body)
{
    struct cursor c = cursor_of(body);
    CHECK(pack_valid(body));
    return cursor_map(&c);
}

TEST(an_update_begins_with_what_all_have)
{
    struct update u;
    update_open(&u, 7, 3, 1000, "state");
    CHECK_EQ(pairs(update_close(&u)), 4);
    update_fini(&u);
}

TEST(an_empty_text_is_left_out)
{
    struct update u;
    update_open(&u, 1, 1, 1, "x");
    update_text(&u, "reason", (struct bytes){0});
    update_text(&u, "state", bytes_text("ok"));
    update_bool(&u, "completed", true);
    CHECK_EQ(pairs(update_close(&u)), 6);
    update_fini(&u);
}

TEST(any_number_of_pairs_has_a_head_that_fits)
{
    struct update u;
    struct buf view = {0};
    char key[16];
    for (unsigned count = 0; count < 40; count++) {
        buf_clear(&view);
        pack_map(&view, count);
        for (unsigned i = 0; i < count; i++) {
            snprintf(key, sizeof key, "k%u", i);
            pack_text(&view, key);
            pack_uint(&view, i);
        }
        update_open(&u, 1, 1, 1, "x");
        update_pairs(&u, buf_bytes(&view));
        update_pairs(&u, (struct bytes){0});
        CHECK_EQ(pairs(update_close(&u)), 4 + count);
        update_fini(&u);
    }
    buf_fini(&view);
}
