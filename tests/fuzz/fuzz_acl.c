/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a list of principals: it is refused with the number of a line, or what was read is
 * found by key and by name, and printed and read again is the same.
 */
#include "common/must.h"
#include "proto/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct principal *a, const struct principal *b)
{
    must(bytes_equal(a->name, b->name) && bytes_equal(a->key, b->key) &&
         bytes_equal(a->queues, b->queues) && a->role == b->role && a->revoked == b->revoked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acl acl, again;
    struct buf text = {0};
    char why[200] = "";
    if (!acl_read(&acl, bytes_of(data, size), why, sizeof why)) {
        must(strncmp(why, "line ", 5) == 0 && !acl.list && !acl.text);
        return 0;
    }
    for (size_t i = 0; i < acl.count; i++) {
        const struct principal *p = &acl.list[i];
        must(acl_name_valid(p->name) && acl_key_valid(p->key));
        must(acl_by_key(&acl, p->key) == p);
        must(p->revoked ? acl_by_name(&acl, p->name) != p : acl_by_name(&acl, p->name) == p);
        must(!p->revoked || !acl_covers(p, bytes_text("a.b")));
        acl_print(&text, p);
    }
    must(acl_read(&again, buf_bytes(&text), why, sizeof why) && again.count == acl.count);
    for (size_t i = 0; i < acl.count; i++)
        same(&acl.list[i], &again.list[i]);
    acl_fini(&again);
    acl_fini(&acl);
    buf_fini(&text);
    return 0;
}
