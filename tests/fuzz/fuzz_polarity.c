/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a text: there is a score, a label and a confidence, the same each time, and what
 * stands before the text in the same memory changes nothing. And any bytes as a file of weights:
 * refused, since the sum cannot be right.
 */
#include <math.h>

#include "consumer/handlers/polarity/polarity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weights weights;
    struct weights refused;
    const char *why = NULL;
    if (!weights.head)
        weights = weights_built_in();
    struct polarity p = polarity_of(&weights, bytes_of(data, size));
    must(p.score >= -1 && p.score <= 1);
    must(p.confidence >= 0 && p.confidence <= 1);
    must(p.label < POLARITY_LABELS && p.language < POLARITY_LANGUAGES);
    unsigned char *moved = must_alloc(size + 1);
    bytes_copy(moved + 1, bytes_of(data, size));
    moved[0] = 'a';
    must(polarity_of(&weights, bytes_of(moved + 1, size)).score == p.score);
    bytes_copy(moved, bytes_of(data, size));
    must(weights_read(&refused, bytes_of(moved, size), &why) == -1 && why);
    free(moved);
    return 0;
}
