/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of settings: whatever is said, the reader stands, zconfig is told nothing that it
 * reads otherwise than we have looked at it (a must() in there), lines rise, and what is read is
 * within a section.
 */
#include "common/config.h"
#include "common/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c;
    unsigned line = 0;
    if (config_parse(&c, bytes_of(data, size), "f")) {
        for (size_t i = 0; i < c.count; i++) {
            const struct config_item *item = &c.items[i];
            must(item->line > line && item->section && *item->section);
            must(!item->name == !item->value);
            must(i || !item->name);
            must(!item->value || strlen(item->value) < CONFIG_LINE_MAX);
            line = item->line;
        }
    } else {
        must(strncmp(c.error, "f:", 2) == 0);
    }
    config_fini(&c);
    return 0;
}
