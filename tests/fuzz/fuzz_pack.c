/* SPDX-License-Identifier: Apache-2.0
 *
 * Our cursor against msgpack-c: on any bytes both agree whether they are one whole value, except
 * that msgpack-c takes one level of nesting more. It allocates what a header claims, so it is not
 * shown bytes with a large claim anywhere in them; those our cursor must refuse, or read by itself.
 */
#include <msgpack.h>

#include "common/must.h"
#include "common/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool claims_much(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 4 < size; i++)
        if ((data[i] == 0xdd || data[i] == 0xdf) && (data[i + 1] || data[i + 2] > 0x0f))
            return true;
    return false;
}

/* How deep containers that hold something are nested. */
static unsigned depth_of(const msgpack_object *o)
{
    unsigned deepest = 0;
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < o->via.array.size; i++) {
            unsigned d = 1 + depth_of(&o->via.array.ptr[i]);
            deepest = d > deepest ? d : deepest;
        }
    } else if (o->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < o->via.map.size; i++) {
            unsigned key = 1 + depth_of(&o->via.map.ptr[i].key);
            unsigned value = 1 + depth_of(&o->via.map.ptr[i].val);
            deepest = key > deepest ? key : deepest;
            deepest = value > deepest ? value : deepest;
        }
    }
    return deepest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool ours = pack_valid(bytes_of(data, size));
    if (!ours && claims_much(data, size))
        return 0;
    msgpack_unpacked unpacked;
    size_t at = 0;
    msgpack_unpacked_init(&unpacked);
    bool theirs =
        msgpack_unpack_next(&unpacked, (const char *)data, size, &at) == MSGPACK_UNPACK_SUCCESS &&
        at == size;
    must(!ours || theirs);
    must(!theirs || ours || depth_of(&unpacked.data) >= PACK_DEPTH_MAX);
    msgpack_unpacked_destroy(&unpacked);
    return 0;
}
