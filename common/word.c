/* SPDX-License-Identifier: Apache-2.0 */
#include "common/word.h"

void word_put(struct reeve_value *out, struct bytes word)
{
    const char *at = word.data;
    /* Only these begin such a JSON value; null and quoted strings are text like any other. */
    if (word.size && strchr("-0123456789[{tf", at[0]) && at[0] &&
        reeve_put_json(out, at, word.size, NULL, 0) == 0)
        return;
    reeve_put_text_n(out, at, word.size);
}
