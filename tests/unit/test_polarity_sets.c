/* SPDX-License-Identifier: Apache-2.0
 *
 * The polarity of sets of sentences: how often its sign is right, against floors a little below
 * what MODEL.md says, and what the Python that trained the weights made of a thousand of them.
 */
#include <math.h>
#include <stdlib.h>

#include "common/buf.h"
#include "consumer/handlers/polarity/polarity.h"
#include "tests/unit/check.h"

#define DATA  POLARITY_TREE "/consumer/handlers/polarity/data/"
#define TESTS POLARITY_TREE "/tests/polarity/"

/* A line `NUMBER<tab>SENTENCE` of such a file; false at its end. */
struct set {
    FILE *file;
    char line[1 << 16];
    double number;
    struct bytes sentence;
};

static void set_open(struct set *s, const char *path)
{
    s->file = fopen(path, "r");
    if (!s->file)
        check_failed(__FILE__, __LINE__, "cannot open %s", path);
}

static bool set_next(struct set *s)
{
    if (!fgets(s->line, sizeof s->line, s->file)) {
        fclose(s->file);
        return false;
    }
    char *tab;
    s->number = strtod(s->line, &tab);
    CHECK(*tab == '\t');
    s->sentence = bytes_of(tab + 1, strcspn(tab + 1, "\n"));
    return true;
}

/* The share of sentences whose sign is right; a score of 0 is wrong. */
static void check_accuracy(const char *path, size_t count_least, double floor)
{
    struct set s;
    struct weights w = weights_built_in();
    size_t count = 0, right = 0;
    for (set_open(&s, path); set_next(&s); count++) {
        double score = polarity_of(&w, s.sentence).score;
        CHECK(score >= -1 && score <= 1);
        right += s.number > 0 ? score > 0 : score < 0;
    }
    double accuracy = (double)right / (double)count;
    printf("%s: %.4f of %zu\n", strrchr(path, '/') + 1, accuracy, count);
    CHECK(count >= count_least);
    if (accuracy < floor)
        check_failed(__FILE__, __LINE__, "%s: %.4f, below %.2f", path, accuracy, floor);
}

TEST(accuracy_on_sets_that_it_was_not_trained_on)
{
    check_accuracy(DATA "en-vadergt.dev.tsv", 1126, 0.85);
    check_accuracy(DATA "en-goemotions.dev.tsv", 5836, 0.84);
    check_accuracy(DATA "ru-cedr.dev.tsv", 968, 0.90);
}

TEST(accuracy_on_reviews)
{
    check_accuracy(TESTS "reviews_en.tsv", 200, 0.76);
    check_accuracy(TESTS "reviews_ru.tsv", 100, 0.78);
}

TEST(c_and_python_agree)
{
    struct set s;
    struct weights w = weights_built_in();
    size_t count = 0;
    for (set_open(&s, TESTS "reference.tsv"); set_next(&s); count++) {
        double score = polarity_of(&w, s.sentence).score;
        if (!(fabs(score - s.number) <= 1e-4))
            check_failed(__FILE__, __LINE__, "%.6f, not %.6f: %.*s", score, s.number,
                         BYTES_ARG(s.sentence));
    }
    CHECK(count >= 1000);
}
