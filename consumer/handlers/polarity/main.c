/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of neural_analyzer.polarity: its arguments, joined by blanks, are the
 * sentence; the reply is its polarity, -1 to 1, to four decimals (see polarity.h). With the word
 * --json before the sentence it is a map: polarity, label, confidence, language.
 */
#include <math.h>

#include <reeve/handler.h>

#include "common/buf.h"
#include "consumer/handlers/polarity/polarity.h"

static struct weights weights;

static bool is_blank(char c)
{
    return c && strchr(" \t\r\n", c);
}

/* The sentence: the only argument itself, or all of them in storage. */
static int read_sentence(struct reeve_job *job, struct buf *storage, struct bytes *sentence)
{
    size_t count = reeve_arg_count(job);
    for (size_t i = 0; i < count; i++) {
        const char *word;
        if (reeve_arg_words(job, i, &word))
            return -1;
        *sentence = bytes_text(word);
        if (count == 1)
            return 0;
        buf_put(storage, " ", i > 0);
        buf_put(storage, sentence->data, sentence->size);
    }
    *sentence = buf_bytes(storage);
    return 0;
}

/* Takes the word --json off the beginning. */
static bool take_json(struct bytes *text)
{
    static const char word[] = "--json";
    const size_t size = sizeof word - 1;
    const char *at = text->data;
    if (!bytes_starts(*text, bytes_text(word)) || (text->size > size && !is_blank(at[size])))
        return false;
    *text = bytes_of(at + size, text->size - size);
    return true;
}

static bool is_empty(struct bytes text)
{
    const char *at = text.data;
    for (size_t i = 0; i < text.size; i++)
        if (!is_blank(at[i]))
            return false;
    return true;
}

static double to_four_places(double x)
{
    return round(x * 10000) / 10000 + 0.0; /* + 0.0: never -0 */
}

static void reply_map(struct reeve_job *job, const struct polarity *p)
{
    struct reeve_value *map = reeve_value_new();
    reeve_put_map(map, 4);
    reeve_put_text(map, "polarity");
    reeve_put_double(map, to_four_places(p->score));
    reeve_put_text(map, "label");
    reeve_put_text(map, polarity_label_name(p->label));
    reeve_put_text(map, "confidence");
    reeve_put_double(map, to_four_places(p->confidence));
    reeve_put_text(map, "language");
    reeve_put_text(map, polarity_language_name(p->language));
    reeve_reply_value(job, reeve_value_data(map), reeve_value_size(map));
    reeve_value_free(map);
}

static void run(struct reeve_job *job)
{
    struct buf storage = {0};
    struct bytes text;
    if (read_sentence(job, &storage, &text) == 0) {
        bool json = take_json(&text);
        struct polarity p = polarity_of(&weights, text);
        if (is_empty(text))
            reeve_fail(job, "expected a sentence; there is none");
        else if (json)
            reply_map(job, &p);
        else
            reeve_reply_double(job, to_four_places(p.score));
    }
    buf_fini(&storage);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"neural_analyzer.polarity", run}, {0}};
    weights = weights_built_in();
    return reeve_serve(handlers, argc, argv);
}
