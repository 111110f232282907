/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON door: where a request ends, however it comes in pieces (the first byte says how), what
 * it asks for, and that every answer is JSON.
 */
#include <reeve/value.h>

#include "common/must.h"
#include "producer/gateway/doors/dask_words.h"
#include "producer/gateway/doors/json_end.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(struct bytes text)
{
    static const char said[] = "\xa4text";
    struct dask_request r;
    struct buf json = {0};
    struct reeve_value *back = reeve_value_new();
    dask_read(&r, text);
    dask_answer(&json, &r, r.kind != DASK_BAD, bytes_of(said, sizeof said - 1));
    must(reeve_put_json(back, (const char *)json.data, json.size, NULL, 0) == 0);
    reeve_value_free(back);
    buf_fini(&json);
    dask_request_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct bytes text = bytes_of(data + 1, size - 1);
    struct json_end whole = {0}, pieces = {0};
    ptrdiff_t end = json_end(&whole, text), cut = -1;
    for (size_t at = 0, step = 1 + data[0] % 17; cut < 0 && at < text.size;) {
        at = at + step < text.size ? at + step : text.size;
        cut = json_end(&pieces, bytes_of(text.data, at));
    }
    must(cut == end && end <= (ptrdiff_t)text.size);
    check_answer(end > 0 ? bytes_of(text.data, (size_t)end) : text);
    return 0;
}
