/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handler's method sees of its job, and what becomes of its answers: without a worker.
 */
#include "consumer/sdk/job.h"

#include "common/pack.h"
#include "proto/record.h"
#include "tests/unit/check.h"

/* A job with the arguments of this JSON array; ended by end(). */
struct sample {
    struct reeve_job job;
    struct reeve_value *args;
};

static void begin(struct sample *s, const char *json)
{
    char error[100];
    s->args = reeve_value_new();
    s->job = (struct reeve_job){.id = 1, .attempt = 2};
    CHECK_EQ(reeve_put_json(s->args, json, strlen(json), error, sizeof error), 0);
    job_begin(&s->job, "sample.run",
              bytes_of(reeve_value_data(s->args), reeve_value_size(s->args)));
}

/* The answer so far: "ok VALUE", "failed TEXT" or "none". Stands until the next call. */
static const char *answer_of(const struct sample *s)
{
    static char text[5000];
    if (!s->job.answered)
        return "none";
    if (s->job.status == PAGE_TOO_LARGE)
        return "too large";
    char *json = reeve_text(s->job.answer.data, s->job.answer.size, NULL);
    snprintf(text, sizeof text, "%s %s", s->job.status == PAGE_OK ? "ok" : "failed",
             json ? json : "not one value");
    free(json);
    return text;
}

static void end(struct sample *s)
{
    job_fini(&s->job);
    reeve_value_free(s->args);
}

TEST(arguments_are_read)
{
    struct sample s;
    int64_t number;
    double real;
    const char *text;
    size_t size;
    const void *value;
    begin(&s, "[-7, 2.5, \"word\", [1, {\"a\": null}], 3]");
    CHECK_EQ(reeve_arg_count(&s.job), 5);
    CHECK_EQ(reeve_args_expect(&s.job, 1, 5), 0);
    CHECK_EQ(reeve_arg_int(&s.job, 0, &number), 0);
    CHECK_EQ(number, -7);
    CHECK_EQ(reeve_arg_double(&s.job, 1, &real), 0);
    CHECK(real == 2.5);
    CHECK_EQ(reeve_arg_double(&s.job, 4, &real), 0);
    CHECK(real == 3);
    CHECK_EQ(reeve_arg_text(&s.job, 2, &text), 0);
    CHECK_TEXT(text, "word");
    CHECK_EQ(reeve_arg_words(&s.job, 2, &text), 0);
    CHECK_TEXT(text, "word");
    CHECK_EQ(reeve_arg_words(&s.job, 3, &text), 0);
    CHECK_TEXT(text, "[1,{\"a\":null}]");
    CHECK_EQ(reeve_arg_value(&s.job, 3, &value, &size), 0);
    CHECK_BYTES(bytes_of(value, size), bytes_of("\x92\x01\x81\xa1\x61\xc0", 6));
    CHECK_TEXT(answer_of(&s), "none");
    end(&s);
}

TEST(what_is_wrong_with_an_argument_is_said)
{
    struct sample s;
    int64_t number;
    double real;
    const char *text;
    const void *bytes;
    size_t size;
    begin(&s, "[\"abc\"]");
    CHECK_EQ(reeve_arg_int(&s.job, 0, &number), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 1: expected an integer, got text");
    end(&s);
    begin(&s, "[1, 2.5]");
    CHECK_EQ(reeve_arg_int(&s.job, 1, &number), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 2: expected an integer, got a number");
    end(&s);
    begin(&s, "[true]");
    CHECK_EQ(reeve_arg_double(&s.job, 0, &real), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 1: expected a number, got a boolean");
    end(&s);
    begin(&s, "[[1]]");
    CHECK_EQ(reeve_arg_text(&s.job, 0, &text), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 1: expected text, got an array");
    end(&s);
    begin(&s, "[{\"a\":1}]");
    CHECK_EQ(reeve_arg_bytes(&s.job, 0, &bytes, &size), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 1: expected bytes, got a map");
    end(&s);
    begin(&s, "[1]");
    CHECK_EQ(reeve_arg_text(&s.job, 1, &text), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 2 is missing: got 1");
    end(&s);
    begin(&s, "[\"a\\u0000b\"]");
    CHECK_EQ(reeve_arg_text_n(&s.job, 0, &text, &size), 0);
    CHECK_EQ(size, 3);
    CHECK_EQ(reeve_arg_text(&s.job, 0, &text), -1);
    CHECK_TEXT(answer_of(&s), "failed argument 1: the text holds a zero byte");
    end(&s);
}

TEST(a_wrong_number_of_arguments_is_said)
{
    static const struct {
        size_t least, most;
        const char *answer;
    } rows[] = {
        {1, 1, "failed expected 1 argument, got 2"},
        {3, 3, "failed expected 3 arguments, got 2"},
        {3, 5, "failed expected 3 to 5 arguments, got 2"},
        {4, SIZE_MAX, "failed expected at least 4 arguments, got 2"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct sample s;
        begin(&s, "[1,2]");
        CHECK_EQ(reeve_args_expect(&s.job, rows[i].least, rows[i].most), -1);
        CHECK_TEXT(answer_of(&s), rows[i].answer);
        end(&s);
    }
}

TEST(an_integer_beyond_64_bits_is_out_of_range)
{
    struct reeve_job job = {.attempt = 1};
    int64_t number;
    job_begin(&job, "a.b", bytes_of("\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 10));
    CHECK_EQ(reeve_arg_int(&job, 0, &number), -1);
    CHECK_EQ(job.status, PAGE_FAILED);
    job_fini(&job);
}

TEST(answers)
{
    struct sample s;
    begin(&s, "[]");
    reeve_reply_int(&s.job, -5);
    CHECK_TEXT(answer_of(&s), "ok -5");
    job_begin(&s.job, "a.b", s.job.args);
    reeve_reply_double(&s.job, 3.5);
    CHECK_TEXT(answer_of(&s), "ok 3.5");
    job_begin(&s.job, "a.b", s.job.args);
    reeve_reply_text(&s.job, "a text");
    CHECK_TEXT(answer_of(&s), "ok a text");
    job_begin(&s.job, "a.b", s.job.args);
    reeve_reply_value(&s.job, "\x92\x01\x02", 3);
    CHECK_TEXT(answer_of(&s), "ok [1,2]");
    job_begin(&s.job, "a.b", s.job.args);
    reeve_reply_value(&s.job, "\x92\x01", 2);
    CHECK_TEXT(answer_of(&s), "failed the handler answered with something that is not one value");
    job_begin(&s.job, "a.b", s.job.args);
    reeve_fail(&s.job, "%d things", 3);
    CHECK_TEXT(answer_of(&s), "failed 3 things");
    end(&s);
}

TEST(the_first_answer_stands_and_none_is_nil)
{
    struct sample s;
    begin(&s, "[]");
    reeve_fail(&s.job, "no");
    reeve_reply_int(&s.job, 1);
    job_end(&s.job);
    CHECK_TEXT(answer_of(&s), "failed no");
    job_begin(&s.job, "a.b", s.job.args);
    CHECK_TEXT(answer_of(&s), "none");
    job_end(&s.job);
    CHECK_TEXT(answer_of(&s), "ok null");
    end(&s);
}

TEST(answers_above_16_mib_are_too_large)
{
    struct sample s;
    size_t most = PAGE_VALUE_MAX - 5; /* the head of a long text is 5 bytes */
    char *text = must_alloc(PAGE_VALUE_MAX + 1);
    memset(text, 'x', PAGE_VALUE_MAX + 1);
    begin(&s, "[]");
    reeve_reply_text_n(&s.job, text, most);
    CHECK_EQ(s.job.status, PAGE_OK);
    CHECK_EQ(s.job.answer.size, PAGE_VALUE_MAX);
    job_begin(&s.job, "a.b", s.job.args);
    reeve_reply_text_n(&s.job, text, most + 1);
    CHECK_TEXT(answer_of(&s), "too large");
    job_begin(&s.job, "a.b", s.job.args);
    reeve_reply_value(&s.job, text, PAGE_VALUE_MAX + 1);
    CHECK_TEXT(answer_of(&s), "too large");
    free(text);
    end(&s);
}

TEST(a_long_failure_is_cut)
{
    struct sample s;
    char *text = must_alloc(100001);
    memset(text, 'x', 100000);
    begin(&s, "[]");
    reeve_fail(&s.job, "%s", text);
    CHECK_EQ(s.job.status, PAGE_FAILED);
    CHECK(s.job.answer.size < 5000 && pack_valid(buf_bytes(&s.job.answer)));
    free(text);
    end(&s);
}

TEST(a_job_says_what_it_is)
{
    struct sample s;
    begin(&s, "[]");
    CHECK_TEXT(reeve_job_id(&s.job), "0000000000001");
    CHECK_TEXT(reeve_job_method(&s.job), "sample.run");
    CHECK_EQ(reeve_job_attempt(&s.job), 2);
    CHECK_EQ(reeve_cancelled(&s.job), 0);
    end(&s);
}

TEST(progress_is_a_small_map_with_text_keys)
{
    struct sample s;
    struct buf map = {0};
    begin(&s, "[]");
    CHECK_EQ(reeve_progress_of(&s.job, 3, 10), 0);
    CHECK_EQ(reeve_progress_of(&s.job, UINT64_MAX, 0), 0);
    CHECK_EQ(reeve_progress(&s.job, "\x80", 1), 0);
    CHECK_EQ(reeve_progress(&s.job, "\x90", 1), -1);
    CHECK_EQ(reeve_progress(&s.job, "\x81\x01\x02", 3), -1);
    CHECK_EQ(reeve_progress(&s.job, "", 0), -1);
    pack_map(&map, 1);
    pack_text(&map, "x");
    size_t head = map.size;
    buf_extend(&map, PROGRESS_BYTES_MAX);
    memset(map.data + head, 0xc0, map.size - head);
    map.data[head] = 0xdc; /* an array that fills it */
    map.data[head + 1] = (PROGRESS_BYTES_MAX - 3 - 3) >> 8;
    map.data[head + 2] = (PROGRESS_BYTES_MAX - 3 - 3) & 0xff;
    CHECK_EQ(reeve_progress(&s.job, map.data, PROGRESS_BYTES_MAX), 0);
    map.data[head + 2]++;
    CHECK_EQ(reeve_progress(&s.job, map.data, PROGRESS_BYTES_MAX + 1), -1);
    CHECK_TEXT(answer_of(&s), "none"); /* it is no answer */
    buf_fini(&map);
    end(&s);
}
