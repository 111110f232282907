/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/checkup.h"

#include <stdarg.h>

#include "producer/cli/output.h"

static const char *const finding_names[FINDINGS] = {"ok", "warn", "fail"};

void checkup_say(struct checkup *c, enum finding finding, const char *name, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->counts[finding]++;
    if (!c->json) {
        printf("%s %s: ", finding_names[finding], name);
        output_bytes(bytes_text(text));
        putchar('\n');
        fflush(stdout); /* the next look may take a while */
        return;
    }
    struct buf *b = &c->rows.buf;
    c->rows.count++;
    pack_map(b, 3);
    pack_text(b, "name");
    pack_text(b, name);
    pack_text(b, "state");
    pack_text(b, finding_names[finding]);
    pack_text(b, "text");
    pack_text(b, text);
}

bool checkup_end(struct checkup *c)
{
    bool well = c->counts[FINDING_FAIL] == 0;
    if (c->json) {
        struct buf b = {0};
        pack_map(&b, 2);
        pack_text(&b, "ok");
        pack_bool(&b, well);
        view_rows_put(&b, "checks", &c->rows);
        output_json(buf_bytes(&b));
        buf_fini(&b);
    }
    view_rows_fini(&c->rows);
    return well;
}
