/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/jobspec.h"

#include <stdlib.h>

#include "common/must.h"
#include "proto/record.h"
#include "proto/tagset.h"

const struct option jobspec_options[] = {
    {"delay", OPTION_SECONDS, "S", "start not before S seconds have passed"},
    {"priority", OPTION_NUMBER, "N", "-100..100, higher first", -PRIORITY_MAX, PRIORITY_MAX},
    {"deadline", OPTION_SECONDS, "S", "ended within S seconds, or expired"},
    {"time-limit", OPTION_SECONDS, "S", "limit of one attempt"},
    {"retries", OPTION_NUMBER, "N", "how often a failure of the handler is tried again", 0, 1000},
    {"key", OPTION_TEXT, "K", "same key, same job: submitting again makes no second one"},
    {"durability", OPTION_TEXT, "CLASS", "received (in memory) or durable (on disk)"},
    {"tag", OPTION_TEXT, "K=V", "only a worker with this tag runs it; may be given again"},
    {"wait-for-handler", OPTION_FLAG, NULL, "accept a handler that no worker has offered yet"},
    {0},
};

/* All that were said, as one text, which lives as long as the command line it was read from: the
 * program has one. NULL: error says why. */
static const char *tags_read(const struct options *o, char error[static 128])
{
    static char text[TAGSET_BYTES_MAX + 1];
    struct buf set = {0};
    size_t at = 0;
    const char *wrong = NULL;
    for (const char *tag; !wrong && (tag = options_next(o, "tag", &at));)
        if ((wrong = tagset_add(&set, bytes_text(tag))))
            snprintf(error, 128, "--tag %.40s: %s", tag, wrong);
    snprintf(text, sizeof text, "%s", buf_text(&set));
    buf_fini(&set);
    return wrong ? NULL : text;
}

int jobspec_read(const struct options *o, struct reeve_job_options *out, char error[static 128])
{
    const char *durability = options_text(o, "durability", NULL);
    *out = (struct reeve_job_options){
        .priority = (int)options_number(o, "priority", 0),
        .delay_ms = (uint64_t)options_ms(o, "delay", 0),
        .deadline_ms = (uint64_t)options_ms(o, "deadline", 0),
        .timeout_ms = (uint64_t)options_ms(o, "time-limit", 0),
        .retries = options_given(o, "retries") ? (int)options_number(o, "retries", 0) + 1 : 0,
        .key = options_text(o, "key", NULL),
        .wait_for_handler = options_flag(o, "wait-for-handler", false),
    };
    if (!(out->tags = tags_read(o, error)))
        return -1;
    if (durability && strcmp(durability, "received") == 0)
        out->durability = REEVE_RECEIVED;
    else if (durability && strcmp(durability, "durable") == 0)
        out->durability = REEVE_DURABLE;
    else if (durability) {
        snprintf(error, 128, "--durability is received or durable, not \"%.40s\"", durability);
        return -1;
    }
    if (out->key && (strlen(out->key) > KEY_BYTES_MAX || *out->key == 0)) {
        snprintf(error, 128, "--key wants 1 to %d bytes", KEY_BYTES_MAX);
        return -1;
    }
    /* 0 means none on the wire: a limit of no time at all is a mistake, not no limit. */
    if ((options_given(o, "deadline") && out->deadline_ms == 0) ||
        (options_given(o, "time-limit") && out->timeout_ms == 0)) {
        snprintf(error, 128, "--deadline and --time-limit want more than 0 seconds");
        return -1;
    }
    return 0;
}

bool jobspec_method(const char *method)
{
    return queue_name_valid(bytes_text(method));
}

/* --- what a line becomes -------------------------------------------------------------------- */

void spec_init(struct spec *s, const char *method, bool text, bool json)
{
    /* A sentence is one argument, however many words it has; before it stands how to answer. */
    bool sentence = strcmp(method, "neural_analyzer.polarity") == 0;
    *s = (struct spec){.kind = text || sentence ? SPEC_TEXT : SPEC_WORDS,
                       .method = method,
                       .lead = sentence && json ? "--json " : ""};
}

void spec_fini(struct spec *s)
{
    free(s->command);
    free(s->storage);
    *s = (struct spec){0};
}

/* Reads one word of the template at *from into *to (which ends in 0 then). False at the end; an
 * open quote leaves *from NULL. */
static bool take_word(const char **from, char **to)
{
    const char *at = *from + strspn(*from, " \t\n");
    if (*at == 0)
        return false;
    char quote = 0;
    for (; *at && (quote || !strchr(" \t\n", *at)); at++) {
        if (quote == *at)
            quote = 0;
        else if (!quote && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (*at == '\\' && quote != '\'' && at[1])
            *(*to)++ = *++at;
        else
            *(*to)++ = *at;
    }
    *(*to)++ = 0;
    *from = quote ? NULL : at;
    return !quote;
}

int spec_init_command(struct spec *s, const char *template)
{
    size_t size = strlen(template), count = 0;
    *s = (struct spec){.kind = SPEC_COMMAND, .method = "shell.run"};
    s->command = must_alloc((size / 2 + 3) * sizeof *s->command);
    s->storage = must_alloc(2 * size + 2); /* each word and its closing 0 */
    char *to = s->storage, *word = to;
    bool placed = false;
    while (take_word(&template, &to)) {
        s->command[count++] = word;
        placed = placed || strstr(word, "{}");
        word = to;
    }
    if (!template || count == 0) {
        spec_fini(s);
        return -1;
    }
    static char line_itself[] = "{}";
    if (!placed)
        s->command[count++] = line_itself;
    return 0;
}

static void put_filled(struct reeve_value *args, const char *word, struct bytes line,
                       struct buf *scratch)
{
    buf_clear(scratch);
    for (const char *hole; (hole = strstr(word, "{}")); word = hole + 2) {
        buf_put(scratch, word, (size_t)(hole - word));
        buf_put(scratch, line.data, line.size);
    }
    buf_put(scratch, word, strlen(word));
    reeve_put_text_n(args, (const char *)scratch->data, scratch->size);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static size_t next_word(struct bytes line, size_t *at)
{
    const char *text = line.data;
    while (*at < line.size && is_blank(text[*at]))
        ++*at;
    size_t start = *at;
    while (*at < line.size && !is_blank(text[*at]))
        ++*at;
    return *at - start;
}

static void put_words(struct reeve_value *args, struct bytes line, struct buf *scratch)
{
    uint32_t count = 0;
    for (size_t at = 0; next_word(line, &at) > 0;)
        count++;
    reeve_put_array(args, count);
    for (size_t at = 0, size; (size = next_word(line, &at)) > 0;) {
        buf_clear(scratch);
        buf_put(scratch, (const char *)line.data + at - size, size);
        reeve_put_word(args, buf_text(scratch));
    }
}

const char *spec_line(const struct spec *s, struct reeve_value *args, struct bytes line)
{
    struct buf scratch = {0};
    if (s->kind != SPEC_TEXT && line.size && memchr(line.data, 0, line.size))
        return "a zero byte in the line";
    switch (s->kind) {
    case SPEC_TEXT:
        buf_put(&scratch, s->lead, strlen(s->lead));
        buf_put(&scratch, line.data, line.size);
        reeve_put_array(args, 1);
        reeve_put_text_n(args, scratch.size ? (char *)scratch.data : "", scratch.size);
        break;
    case SPEC_COMMAND: {
        uint32_t count = 0;
        while (s->command[count])
            count++;
        reeve_put_array(args, count);
        for (char **word = s->command; *word; word++)
            put_filled(args, *word, line, &scratch);
        break;
    }
    case SPEC_WORDS: put_words(args, line, &scratch); break;
    }
    buf_fini(&scratch);
    return reeve_value_size(args) > VALUE_BYTES_MAX ? "longer than 16 MiB" : NULL;
}

void spec_words(const struct spec *s, struct reeve_value *args, char **words, size_t count)
{
    if (s->kind == SPEC_TEXT && count > 0) {
        struct buf joined = {0};
        buf_put(&joined, s->lead, strlen(s->lead));
        for (size_t i = 0; i < count; i++)
            buf_printf(&joined, "%s%s", i ? " " : "", words[i]);
        reeve_put_array(args, 1);
        reeve_put_text_n(args, joined.size ? (char *)joined.data : "", joined.size);
        buf_fini(&joined);
        return;
    }
    reeve_put_array(args, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        reeve_put_word(args, words[i]);
}

void spec_texts(struct reeve_value *args, char **words, size_t count)
{
    reeve_put_array(args, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        reeve_put_text(args, words[i]);
}
