/* SPDX-License-Identifier: Apache-2.0
 *
 * header: the small texts in the headers of a gRPC call. Pure functions.
 */
#ifndef GRPC_HEADER_H
#define GRPC_HEADER_H

#include "common/buf.h"

/* application/grpc, also with a suffix (+proto) or parameters. */
bool grpc_header_is_grpc(struct bytes content_type);
/* grpc-timeout: one to eight digits and a unit, H M S m u n; rounded up to ms. False: it is none.
 */
bool grpc_header_timeout(struct bytes text, int64_t *timeout_ms);
/* grpc-message: bytes outside of printable ASCII, and %, as %XX. */
void grpc_header_percent(struct buf *out, struct bytes text);

#endif
