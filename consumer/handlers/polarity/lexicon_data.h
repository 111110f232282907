/* SPDX-License-Identifier: Apache-2.0
 *
 * lexicon_data: the files lexicon_*.tsv as bytes of the program; made by embed.cmake.
 */
#ifndef POLARITY_LEXICON_DATA_H
#define POLARITY_LEXICON_DATA_H

#include <stddef.h>

extern const unsigned char lexicon_en[], lexicon_ru[], lexicon_marks[];
extern const size_t lexicon_en_size, lexicon_ru_size, lexicon_marks_size;

#endif
