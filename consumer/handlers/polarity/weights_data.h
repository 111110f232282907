/* SPDX-License-Identifier: Apache-2.0
 *
 * weights_data: the file polarity.weights as bytes of the program; made by embed.cmake.
 */
#ifndef POLARITY_WEIGHTS_DATA_H
#define POLARITY_WEIGHTS_DATA_H

#include <stddef.h>

extern const unsigned char polarity_weights[];
extern const size_t polarity_weights_size;

#endif
