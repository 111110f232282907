/* SPDX-License-Identifier: Apache-2.0
 *
 * crc32c: Castagnoli's checksum, by the processor's own instruction where it has one. It finds what
 * a disk or a memory bit did; it is no defence against somebody who means it.
 */
#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include "common/bytes.h"

/* Goes on from crc, which is 0 at the start: the sum of a whole is that of its parts in order. */
uint32_t crc32c(uint32_t crc, struct bytes data);

/* The same without the instruction, for tests. */
uint32_t crc32c_plain(uint32_t crc, struct bytes data);

#endif
