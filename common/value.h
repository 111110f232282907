/* SPDX-License-Identifier: Apache-2.0
 *
 * value: what reeve/value.h does, into a buf: for our own code, which has many values to print.
 */
#ifndef COMMON_VALUE_H
#define COMMON_VALUE_H

#include "common/buf.h"

/* Appends the value as compact JSON; false, and nothing appended, when it is not one value. */
bool value_json(struct buf *out, struct bytes value);

/* Appends what a person wants to see: text as it is, anything else as JSON. */
bool value_text(struct buf *out, struct bytes value);

#endif
