/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/grpc/message.h"

#include "common/utf8.h"

struct allowance {
    size_t left_bytes;
    bool spent;
};

static void *allowance_alloc(void *user, size_t size)
{
    struct allowance *a = user;
    if (size > a->left_bytes) {
        a->spent = true;
        return NULL;
    }
    a->left_bytes -= size;
    return malloc(size ? size : 1);
}

static void allowance_free(void *user, void *at)
{
    (void)user;
    free(at);
}

/* --- texts ---------------------------------------------------------------------------------- */

static bool texts_valid(const ProtobufCMessage *m);

static bool field_valid(const ProtobufCFieldDescriptor *f, const void *at)
{
    if (f->type == PROTOBUF_C_TYPE_STRING)
        return utf8_valid(bytes_text(*(char *const *)at));
    const ProtobufCMessage *inner = *(ProtobufCMessage *const *)at;
    return !inner || texts_valid(inner);
}

static size_t field_count(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    const void *quantifier = (const char *)m + f->quantifier_offset;
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)quantifier;
    if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)quantifier == f->id;
    return 1;
}

static bool texts_valid(const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
        if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const char *at = (const char *)m + f->offset;
        size_t count = field_count(m, f);
        if (count && f->label == PROTOBUF_C_LABEL_REPEATED)
            at = *(const char *const *)(const void *)at;
        for (size_t j = 0; j < count; j++)
            if (!field_valid(f, at + j * sizeof(void *)))
                return false;
    }
    return true;
}

/* --- in and out ----------------------------------------------------------------------------- */

void *grpc_message_read(struct grpc_call *c, const ProtobufCMessageDescriptor *type,
                        struct bytes message)
{
    struct allowance allowance = {.left_bytes = GRPC_UNPACKED_BYTES_MAX};
    ProtobufCAllocator allocator = {allowance_alloc, allowance_free, &allowance};
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator, message.size, message.data);
    if (m && texts_valid(m))
        return m;
    grpc_message_free(m);
    if (allowance.spent)
        grpc_call_end(c, GRPC_RESOURCE_EXHAUSTED, "the message is of too many parts");
    else
        grpc_call_end(c, GRPC_INVALID_ARGUMENT,
                      m ? "a text of the message is not UTF-8" : "the message does not decode");
    return NULL;
}

void grpc_message_free(void *message)
{
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
}

static struct buf packed(const ProtobufCMessage *message)
{
    struct buf b = {0};
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size) /* an empty one is no bytes at all */
        protobuf_c_message_pack(message, buf_extend(&b, size));
    return b;
}

bool grpc_message_send(struct grpc_call *c, const ProtobufCMessage *message)
{
    struct buf b = packed(message);
    bool taken = grpc_call_message(c, buf_bytes(&b));
    buf_fini(&b);
    return taken;
}

void grpc_message_answer(struct grpc_call *c, const ProtobufCMessage *message)
{
    struct buf b = packed(message);
    grpc_call_answer(c, buf_bytes(&b));
    buf_fini(&b);
}
