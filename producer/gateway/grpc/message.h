/* SPDX-License-Identifier: Apache-2.0
 *
 * message: the bytes of a call's messages as protobuf. What is none is answered, so that a method
 * sees only what fits its type: texts are UTF-8, and what is unpacked takes a bounded amount of
 * memory (two bytes on the wire can stand for a hundred here).
 */
#ifndef GRPC_MESSAGE_H
#define GRPC_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

#include "producer/gateway/grpc/grpc.h"

enum { GRPC_UNPACKED_BYTES_MAX = 32 << 20 };

/* The caller's, until grpc_message_free. NULL: the call has been ended, as INVALID_ARGUMENT or
 * RESOURCE_EXHAUSTED. */
void *grpc_message_read(struct grpc_call *c, const ProtobufCMessageDescriptor *type,
                        struct bytes message);
void grpc_message_free(void *message); /* NULL is fine */

/* grpc_call_message and grpc_call_answer for what is still to be packed. message: &m.base */
MUST_CHECK bool grpc_message_send(struct grpc_call *c, const ProtobufCMessage *message);
void grpc_message_answer(struct grpc_call *c, const ProtobufCMessage *message);

#endif
