/* SPDX-License-Identifier: Apache-2.0
 *
 * embedded: files that became part of the program when it was built (cmake/embed.cmake).
 */
#ifndef GATEWAY_EMBEDDED_H
#define GATEWAY_EMBEDDED_H

#include <stdint.h>

struct embedded {
    const char *name; /* without folders */
    const unsigned char *data;
    const uint64_t *size;
};

#endif
