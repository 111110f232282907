/* SPDX-License-Identifier: Apache-2.0
 *
 * descriptor: looking things up in a FileDescriptorSet, as protoc writes it: which file has a name,
 * or declares a symbol. It reads the wire form itself; nothing of a file but names is looked at.
 */
#ifndef DOORS_DESCRIPTOR_H
#define DOORS_DESCRIPTOR_H

#include "common/bytes.h"

/* The FileDescriptorProto, as bytes that lie in the set; data NULL: none. */
struct bytes descriptor_file(struct bytes set, struct bytes name);
/* Of a service, a method, a message, a field, an enum: "todo.TodoService.AddTask". */
struct bytes descriptor_symbol(struct bytes set, struct bytes symbol);

#endif
