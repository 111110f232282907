/* SPDX-License-Identifier: Apache-2.0
 *
 * weights: the file polarity.weights as the program reads it, in place: the dictionary (what each
 * feature of a text weighs, and what the lexicon says of it) and the small network behind it.
 * train/train.py writes it; this is all of its form, numbers in little-endian order:
 *
 *     struct weights_head
 *     uint32 starts[WEIGHTS_BUCKETS + 1]     where the entries of each bucket begin
 *     uint32 marks[count]                    of the entries, in order of their buckets
 *     int8   places[count][WEIGHTS_WIDTH]    times head.steps: what an entry adds to the pool
 *     int8   values[count]                   times WEIGHTS_VALUE_STEP: its value in the lexicon
 *     uint8  kinds[count]                    its role there, and the flags below
 *
 * An entry stands for a feature by 48 bits of its name's hash (weights_key): 16 are the bucket, 32
 * the mark. train.py makes sure that no two of its names share them; that a name of a text is
 * taken for another one is a matter of one in some billions.
 */
#ifndef POLARITY_WEIGHTS_H
#define POLARITY_WEIGHTS_H

#include "common/must.h"
#include "consumer/handlers/polarity/tone.h"

enum {
    WEIGHTS_VERSION = 2,
    WEIGHTS_BUCKETS = 65536,
    WEIGHTS_WIDTH = 16,
    WEIGHTS_HIDDEN = 24,
    WEIGHTS_INPUTS = WEIGHTS_WIDTH + TONE_NUMBERS,
    WEIGHTS_ROLE = 0x07,    /* mask of enum tone_role */
    WEIGHTS_LEXICON = 0x08, /* the lexicon has it, perhaps with a value of 0 */
    WEIGHTS_BEGINS = 0x10,  /* a phrase of the lexicon begins with it */
    WEIGHTS_KNOWN = 0x20,   /* a word of English */
};
#define WEIGHTS_VALUE_STEP 0.05

struct weights_network {
    float inner[WEIGHTS_INPUTS][WEIGHTS_HIDDEN]; /* pool and tone to the hidden layer */
    float inner_bias[WEIGHTS_HIDDEN];
    float outer[WEIGHTS_HIDDEN];  /* hidden layer to the answer */
    float direct[WEIGHTS_INPUTS]; /* past it */
    float bias;
    float sure[TONE_NUMBERS]; /* tone to how far it is a sentence at all */
    float sure_bias;
};

struct weights_head {
    char magic[8]; /* "reevepol" */
    uint32_t version;
    uint32_t checksum; /* crc32c of what follows */
    uint32_t count, width, tones, hidden;
    float steps[WEIGHTS_WIDTH];
    struct weights_network english, russian; /* of texts without a Cyrillic word and with one */
};

struct weights { /* borrows the file */
    const struct weights_head *head;
    const uint32_t *starts, *marks;
    const int8_t (*places)[WEIGHTS_WIDTH];
    const int8_t *values;
    const uint8_t *kinds;
};

/* 0, or -1 with *why: what is wrong with the file, which must be aligned to 4 bytes. */
MUST_CHECK int weights_read(struct weights *w, struct bytes file, const char **why);
/* Those that are compiled in; that they read is a matter of the build. */
struct weights weights_built_in(void);

/* --- names -------------------------------------------------------------------------------------
 * A name is hashed as it comes, FNV-1a: start, then weights_add for its bytes. */
#define WEIGHTS_START 0xcbf29ce484222325u

static inline uint64_t weights_add(uint64_t hash, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

static inline uint64_t weights_key(uint64_t hash)
{
    return (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u;
}

/* The entry of this name, or -1. */
static inline int64_t weights_find(const struct weights *w, uint64_t hash)
{
    uint64_t key = weights_key(hash);
    uint32_t mark = (uint32_t)(key >> 16);
    const uint32_t *bucket = &w->starts[key >> 48];
    for (uint32_t i = bucket[0]; i < bucket[1]; i++)
        if (w->marks[i] == mark)
            return i;
    return -1;
}

#endif
