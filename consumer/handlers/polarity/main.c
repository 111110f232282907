/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of neural_analyzer.polarity: its arguments, joined by blanks, are the
 * sentence; the reply is its polarity, -1 to 1, to four decimals (see polarity.h).
 */
#include <math.h>

#include <reeve/handler.h>

#include "common/buf.h"
#include "consumer/handlers/polarity/polarity.h"

static struct lexicon *lexicon;

static int join(struct reeve_job *job, struct buf *sentence)
{
    size_t count = reeve_arg_count(job);
    for (size_t i = 0; i < count; i++) {
        const char *word;
        if (reeve_arg_words(job, i, &word))
            return -1;
        buf_printf(sentence, "%s%s", i ? " " : "", word);
    }
    for (size_t i = 0; i < sentence->size; i++)
        if (!strchr(" \t\r\n", sentence->data[i]))
            return 0;
    reeve_fail(job, "expected a sentence; there is none");
    return -1;
}

static void run(struct reeve_job *job)
{
    struct buf sentence = {0};
    if (join(job, &sentence) == 0) {
        double score = polarity_score(lexicon, buf_bytes(&sentence));
        reeve_reply_double(job, round(score * 10000) / 10000 + 0.0); /* + 0.0: never -0 */
    }
    buf_fini(&sentence);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"neural_analyzer.polarity", run}, {0}};
    lexicon = lexicon_built_in();
    int status = reeve_serve(handlers, argc, argv);
    lexicon_free(lexicon);
    return status;
}
