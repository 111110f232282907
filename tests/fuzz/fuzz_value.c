/* SPDX-License-Identifier: Apache-2.0
 *
 * Values and JSON. Bytes that are a value have JSON, and JSON that was read once says the same when
 * it is printed and read again; anything else is refused.
 */
#include <reeve/value.h>

#include "common/must.h"
#include "common/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes -> JSON: exactly for what the cursor calls one value. Text may be no UTF-8: then not. */
static void from_value(const uint8_t *data, size_t size)
{
    char *json = reeve_json(data, size);
    must(!json || pack_valid(bytes_of(data, size)));
    free(json);
    size_t text_size = 0;
    char *text = reeve_text(data, size, &text_size);
    must(!text || strlen(text) <= text_size);
    free(text);
}

static void from_json(const uint8_t *data, size_t size)
{
    char error[80] = "";
    struct reeve_value *once = reeve_value_new(), *again = reeve_value_new();
    if (reeve_put_json(once, (const char *)data, size, error, sizeof error)) {
        must(error[0] && reeve_value_size(once) == 0);
    } else {
        struct bytes value = bytes_of(reeve_value_data(once), reeve_value_size(once));
        must(pack_valid(value));
        char *json = reeve_json(value.data, value.size);
        must(json);
        must(reeve_put_json(again, json, strlen(json), error, sizeof error) == 0);
        must(bytes_equal(value, bytes_of(reeve_value_data(again), reeve_value_size(again))));
        free(json);
    }
    reeve_value_free(once);
    reeve_value_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == '#')
        from_json(data + 1, size - 1);
    else
        from_value(data, size);
    return 0;
}
