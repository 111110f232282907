/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/progress_view.h"

#include <inttypes.h>

#include "common/must.h"
#include "common/value.h"
#include "producer/view/field.h"

static const char *const counted[] = {"done", "of"};

/* False: it does not say how far it is. */
static bool put_share(struct buf *out, struct bytes map)
{
    double done, of;
    if (!field_number(map, counted[0], &done))
        return false;
    buf_printf(out, "%.10g", done);
    if (!field_number(map, counted[1], &of))
        return true;
    buf_printf(out, " of %.10g", of);
    if (of > 0 && done >= 0 && done <= of)
        buf_printf(out, " (%d %%)", (int)(done / of * 100));
    return true;
}

void progress_words(struct buf *out, struct bytes map)
{
    const char *gap = put_share(out, map) ? ", " : "";
    size_t told = *gap ? LENGTH(counted) : 0;
    for (struct fields f = fields_of(map); fields_next(&f);) {
        if (field_among(f.key, counted, told))
            continue;
        buf_printf(out, "%s", gap);
        buf_put(out, f.key.data, f.key.size);
        buf_put(out, "=", 1);
        if (!value_text(out, f.value))
            buf_printf(out, "?");
        gap = ", ";
    }
}
