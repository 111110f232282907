/* SPDX-License-Identifier: Apache-2.0
 *
 * speed FILE.tsv...: how long polarity_of takes for the sentences of such files (a label, a tab, a
 * sentence) that have about fifteen words, in microseconds: median and 99th percentile over all
 * sentences, each the least of a few runs; and how many megabytes of them a second go through as
 * one text. Built by hand in a Release build: cmake --build build --target polarity_speed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/buf.h"
#include "consumer/handlers/polarity/polarity.h"

enum { RUNS = 5, WORDS_LEAST = 13, WORDS_MOST = 17, SENTENCES_MAX = 100000 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t count_words(struct bytes text)
{
    struct words w = words_of(text);
    struct token t;
    size_t count = 0;
    for (words_next(&w, &t); t.kind != TOKEN_END; words_next(&w, &t))
        count += t.kind == TOKEN_WORD;
    return count;
}

/* The least of some runs, so that what else the machine does is left out. */
static double measure_us(const struct weights *w, struct bytes text)
{
    double least = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double start = now_us();
        volatile double score = polarity_of(w, text).score;
        double took = now_us() - start;
        (void)score;
        least = took < least ? took : least;
    }
    return least;
}

static int measure_file(const struct weights *w, const char *path)
{
    static char line[1 << 16];
    static double took[SENTENCES_MAX];
    size_t count = 0;
    struct buf all = {0};
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return 1;
    }
    while (count < SENTENCES_MAX && fgets(line, sizeof line, file)) {
        const char *tab = strchr(line, '\t');
        struct bytes text = bytes_text(tab ? tab + 1 : line);
        size_t words = count_words(text);
        buf_put(&all, text.data, text.size);
        if (words >= WORDS_LEAST && words <= WORDS_MOST)
            took[count++] = measure_us(w, text);
    }
    fclose(file);
    qsort(took, count, sizeof took[0], compare);
    double whole_us = measure_us(w, buf_bytes(&all));
    if (count > 0)
        printf("%s: %zu sentences of %d to %d words: median %.2f us, 99 %% %.2f us; whole file "
               "%.1f MB/s\n",
               path, count, WORDS_LEAST, WORDS_MOST, took[count / 2], took[count * 99 / 100],
               (double)all.size / whole_us);
    buf_fini(&all);
    return 0;
}

int main(int argc, char **argv)
{
    struct weights w = weights_built_in();
    int failed = argc < 2;
    for (int i = 1; i < argc; i++)
        failed |= measure_file(&w, argv[i]);
    return failed;
}
