/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the command line: arguments from words, lines and templates; lines of a pipe;
 * the progress line; tables and times for people.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/must.h"
#include "producer/cli/child.h"
#include "producer/cli/command.h"
#include "producer/cli/jobspec.h"
#include "producer/cli/lines.h"
#include "producer/cli/output.h"
#include "producer/cli/progress.h"
#include "producer/cli/stream.h"
#include "producer/view/history.h"
#include "producer/view/moment.h"
#include "producer/view/progress_view.h"
#include "tests/unit/check.h"

/* --- arguments ------------------------------------------------------------------------------ */

static void check_line(const struct spec *s, const char *line, const char *json)
{
    struct reeve_value *args = reeve_value_new();
    CHECK(spec_line(s, args, bytes_text(line)) == NULL);
    char *is = reeve_json(reeve_value_data(args), reeve_value_size(args));
    CHECK_TEXT(is, json);
    free(is);
    reeve_value_free(args);
}

TEST(words_of_a_line_are_numbers_json_or_text)
{
    struct spec s;
    spec_init(&s, "calculator.calculate", false, true);
    check_line(&s, "2 + 2", "[2,\"+\",2]");
    check_line(&s, "  a\tb \r", "[\"a\",\"b\"]");
    check_line(&s, "", "[]");
    check_line(&s, "{\"x\":1} [1] true 1.5", "[{\"x\":1},[1],true,1.5]");
    check_line(&s, "99999999999999999999", "[\"99999999999999999999\"]");
}

TEST(a_line_may_be_one_text)
{
    struct spec s;
    spec_init(&s, "my.method", true, true);
    check_line(&s, " 2 + 2 ", "[\" 2 + 2 \"]");
    check_line(&s, "", "[\"\"]");
    spec_init(&s, "neural_analyzer.polarity", false, false);
    check_line(&s, "this is good", "[\"this is good\"]");
    spec_init(&s, "neural_analyzer.polarity", true, true);
    check_line(&s, "this is good", "[\"--json this is good\"]");
}

TEST(words_of_a_sentence_are_joined)
{
    struct spec s;
    char *words[] = {"2", "good", "days"};
    struct reeve_value *args = reeve_value_new();
    spec_init(&s, "neural_analyzer.polarity", false, false);
    spec_words(&s, args, words, LENGTH(words));
    char *is = reeve_json(reeve_value_data(args), reeve_value_size(args));
    CHECK_TEXT(is, "[\"2 good days\"]");
    free(is);
    reeve_value_free(args);
}

TEST(a_template_is_filled_word_by_word)
{
    struct spec s;
    CHECK_EQ(spec_init_command(&s, "convert {} -resize 50% 'small {}'  \"a\\\"b\" c\\ d"), 0);
    check_line(
        &s, "my file",
        "[\"convert\",\"my file\",\"-resize\",\"50%\",\"small my file\",\"a\\\"b\",\"c d\"]");
    check_line(&s, "{}",
               "[\"convert\",\"{}\",\"-resize\",\"50%\",\"small {}\",\"a\\\"b\",\"c d\"]");
    spec_fini(&s);
}

TEST(a_template_without_a_hole_gets_one_at_its_end)
{
    struct spec s;
    CHECK_EQ(spec_init_command(&s, "wc -c ''"), 0);
    check_line(&s, "12", "[\"wc\",\"-c\",\"\",\"12\"]");
    spec_fini(&s);
}

TEST(templates_that_are_none_are_refused)
{
    struct spec s;
    CHECK_EQ(spec_init_command(&s, ""), -1);
    CHECK_EQ(spec_init_command(&s, "  "), -1);
    CHECK_EQ(spec_init_command(&s, "echo 'open"), -1);
    CHECK_EQ(spec_init_command(&s, "echo \"open"), -1);
}

TEST(a_zero_byte_is_refused_not_cut_at)
{
    struct spec s;
    struct reeve_value *args = reeve_value_new();
    spec_init(&s, "a.b", false, false);
    CHECK_TEXT(spec_line(&s, args, bytes_of("a\0b", 3)), "a zero byte in the line");
    reeve_value_free(args);
}

/* --- the answer of shell.run ----------------------------------------------------------------- */

TEST(a_command_end_is_read_whatever_the_order)
{
    static const char value[] = "\x83\xa6stdout\xc4\x02hi\xa5other\x01\xa6status\x07";
    struct command_end end;
    CHECK(command_read(bytes_of(value, sizeof value - 1), &end));
    CHECK_EQ(end.status, 7);
    CHECK_BYTES(end.out, bytes_text("hi"));
    CHECK_EQ(end.err.size, 0);
    CHECK(!command_read(bytes_of("\x80", 1), &end));
    CHECK(!command_read(bytes_of("\xa2hi", 3), &end));
    CHECK(!command_read(bytes_of("\x81\xa6status", 8), &end));
    CHECK(!command_read(bytes_of("", 0), &end));
}

/* --- lines ---------------------------------------------------------------------------------- */

TEST(lines_come_whole_however_they_were_written)
{
    int ends[2];
    struct bytes line;
    CHECK_EQ(pipe(ends), 0);
    struct lines l = {.fd = ends[0]};
    CHECK(lines_hungry(&l));
    CHECK_EQ(write(ends[1], "one\ntw", 6), 6);
    lines_read(&l);
    CHECK(lines_next(&l, &line));
    CHECK_BYTES(line, bytes_text("one"));
    CHECK(!lines_next(&l, &line));
    CHECK(lines_hungry(&l));
    CHECK_EQ(write(ends[1], "o\n\nlast", 7), 7);
    lines_read(&l);
    CHECK(!lines_hungry(&l));
    CHECK(lines_next(&l, &line));
    CHECK_BYTES(line, bytes_text("two"));
    CHECK(lines_next(&l, &line));
    CHECK_EQ(line.size, 0);
    CHECK(!lines_next(&l, &line)); /* it may go on */
    CHECK_EQ(lines_total(&l), 0);
    close(ends[1]);
    lines_read(&l);
    CHECK(!lines_over(&l));
    CHECK_EQ(lines_total(&l), 4);
    CHECK(lines_next(&l, &line));
    CHECK_BYTES(line, bytes_text("last"));
    CHECK(lines_over(&l));
    CHECK(!lines_next(&l, &line));
    lines_fini(&l);
    close(ends[0]);
}

TEST(input_that_cannot_be_read_says_why)
{
    struct lines l = {.fd = -1};
    lines_read(&l);
    CHECK(lines_over(&l));
    CHECK_EQ(l.error, EBADF);
    lines_fini(&l);
}

/* --- output --------------------------------------------------------------------------------- */

TEST(a_newline_in_a_value_does_not_end_its_line)
{
    struct stream s = {.fd = -1};
    stream_line(&s, bytes_text("a\nb\n"));
    stream_line(&s, bytes_text(""));
    CHECK_BYTES(buf_bytes(&s.buf), bytes_text("a\\nb\\n\n\n"));
    stream_fini(&s);
}

TEST(a_reader_that_went_away_is_noticed_and_a_slow_one_not_waited_for)
{
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    CHECK_EQ(pipe(ends), 0);
    struct stream s = {.fd = ends[1]};
    char block[1000];
    memset(block, 'x', sizeof block);
    while (!stream_full(&s))
        stream_line(&s, bytes_of(block, sizeof block));
    size_t before = stream_pending(&s);
    stream_flush(&s, false); /* returns although nobody reads */
    CHECK(stream_pending(&s) > 0 && stream_pending(&s) < before);
    CHECK_EQ(s.error, 0);
    close(ends[0]);
    stream_flush(&s, true);
    CHECK_EQ(s.error, EPIPE);
    stream_fini(&s);
    close(ends[1]);
}

TEST(spans_are_for_people)
{
    char text[SPAN_TEXT], ago[AGO_TEXT];
    CHECK_TEXT(span_text(10, text), "10 us");
    CHECK_TEXT(span_text(1500, text), "1.5 ms");
    CHECK_TEXT(span_text(3000000, text), "3 s");
    CHECK_TEXT(span_text(150000000, text), "2.5 min");
    CHECK_TEXT(span_text(90ull * 86400 * 1000000, text), "90 d");
    CHECK_TEXT(ago_text(0, 1000, ago), "-");
    CHECK_TEXT(ago_text(1000, 1500, ago), "just now");
    CHECK_TEXT(ago_text(5000, 1500, ago), "just now"); /* their clock is ahead of ours */
    CHECK_TEXT(ago_text(1000, 4999, ago), "3 s ago");
}

TEST(sizes_and_moments_are_for_people_too)
{
    char text[SIZE_TEXT], moment[MOMENT_TEXT];
    CHECK_TEXT(size_text(0, text), "0 B");
    CHECK_TEXT(size_text(1023, text), "1023 B");
    CHECK_TEXT(size_text(1024, text), "1 KiB");
    CHECK_TEXT(size_text(1536, text), "1.5 KiB");
    CHECK_TEXT(size_text((1 << 20) - 1, text), "1 MiB");
    CHECK_TEXT(size_text(256ull << 20, text), "256 MiB");
    CHECK_TEXT(size_text(UINT64_MAX, text), "16 EiB");
    CHECK_TEXT(moment_text(0, moment), "1970-01-01T00:00:00.000Z");
    CHECK_TEXT(moment_text(1795248126342, moment), "2026-11-21T08:02:06.342Z");
    CHECK(strlen(moment_text(UINT64_MAX, moment)) < MOMENT_TEXT);
}

TEST(progress_says_total_rate_and_time_left)
{
    char text[PROGRESS_TEXT];
    progress_text(text, 50, 200, 10, 5000, 79);
    CHECK_TEXT(text, "[##########..............................] 50/200  25%  10/s  ETA 0:15");
    progress_text(text, 50, 0, 10, 65000, 79);
    CHECK_TEXT(text, "50 done  10/s  1:05");
    progress_text(text, 200, 200, 10, 5000, 30);
    CHECK_TEXT(text, "200/200  100%  10/s  ETA 0:00");
    progress_text(text, 0, 200, 0, 0, 12);
    CHECK_TEXT(text, "0/200  0%  0");
    progress_text(text, 1, 1000000, 1, 1000, 1000);
    CHECK(strlen(text) < PROGRESS_TEXT);
}

static void check_told(const char *json, const char *words)
{
    char error[100];
    struct buf text = {0};
    struct reeve_value *map = reeve_value_new();
    CHECK_EQ(reeve_put_json(map, json, strlen(json), error, sizeof error), 0);
    progress_words(&text, bytes_of(reeve_value_data(map), reeve_value_size(map)));
    CHECK_TEXT(buf_text(&text), words);
    buf_fini(&text);
    reeve_value_free(map);
}

TEST(what_a_job_tells_of_its_progress_in_words)
{
    check_told("{\"done\": 3, \"of\": 10}", "3 of 10 (30 %)");
    check_told("{\"of\": 3, \"stage\": \"mixing\", \"done\": 1.5}",
               "1.5 of 3 (50 %), stage=mixing");
    check_told("{\"done\": 5000}", "5000");
    check_told("{\"done\": 3, \"of\": 0}", "3 of 0");
    check_told("{\"done\": -1, \"of\": 2}", "-1 of 2");
    check_told("{\"done\": 3, \"of\": 2}", "3 of 2");
    check_told("{\"done\": \"half\", \"of\": 2}", "done=half, of=2");
    check_told("{\"rows\": [1, 2]}", "rows=[1,2]");
    check_told("{}", "");
}

/* --- the attempts of a job -------------------------------------------------------------------- */

static void add_attempt(struct history *h, uint64_t number, unsigned reason)
{
    history_add(h, &(struct msg_attempt){.id = 7, .attempt = number, .reason = reason});
}

/* "1:3 2:0 ", each attempt with its reason. */
static const char *attempts_text(const struct history *h, char text[static 64])
{
    struct msg_attempt attempt;
    size_t size = 0;
    text[0] = 0;
    for (struct cursor c = history_start(h); history_next(&c, &attempt);)
        size += (size_t)snprintf(text + size, 64 - size, "%u:%u ", (unsigned)attempt.attempt,
                                 (unsigned)attempt.reason);
    return text;
}

TEST(an_attempt_that_ended_well_comes_from_the_job)
{
    struct history h = {0};
    char text[64];
    add_attempt(&h, 1, REASON_SIGNAL);
    add_attempt(&h, 2, REASON_ERROR);
    history_close(&h, &(struct msg_job){.id = 7, .state = JOB_OK, .attempts = 3});
    CHECK_TEXT(attempts_text(&h, text), "1:3 2:1 3:0 ");
    CHECK_EQ(h.count, 3);
    history_clear(&h);
    CHECK_TEXT(attempts_text(&h, text), "");
    history_close(&h, &(struct msg_job){
                          .id = 7, .state = JOB_EXPIRED, .reason = REASON_DEADLINE, .attempts = 1});
    CHECK_TEXT(attempts_text(&h, text), "1:8 ");
    history_fini(&h);
}

TEST(no_attempt_is_made_up)
{
    struct history h = {0};
    char text[64];
    history_close(&h, &(struct msg_job){.id = 7, .state = JOB_CANCELLED}); /* it never ran */
    CHECK_TEXT(attempts_text(&h, text), "");
    add_attempt(&h, 1, REASON_SIGNAL);
    history_close(&h, &(struct msg_job){.id = 7, .state = JOB_RUNNING, .attempts = 2});
    CHECK_TEXT(attempts_text(&h, text), "1:3 ");
    history_close(&h, &(struct msg_job){.id = 7, .state = JOB_DEAD, .attempts = 1});
    CHECK_TEXT(attempts_text(&h, text), "1:3 ");
    history_fini(&h);
}

TEST(an_answer_that_begins_anew_replaces_the_cut_one)
{
    struct history h = {0};
    char text[64];
    add_attempt(&h, 4, REASON_SIGNAL);
    add_attempt(&h, 5, REASON_OOM);
    add_attempt(&h, 4, REASON_SIGNAL);
    CHECK_TEXT(attempts_text(&h, text), "4:3 ");
    add_attempt(&h, 5, REASON_OOM);
    CHECK_TEXT(attempts_text(&h, text), "4:3 5:5 ");
    CHECK_EQ(h.count, 2);
    history_fini(&h);
}

/* --- the supervisor's patience --------------------------------------------------------------- */

TEST(who_dies_at_once_again_and_again_waits_longer_but_below_a_second)
{
    struct child c = {.name = "x", .start_ms = -1};
    int64_t now = 1000, last = 0;
    for (int i = 0; i < 10; i++) {
        c.started_ms = now;
        child_died(&c, now + 1);
        int64_t wait = c.start_ms - (now + 1);
        CHECK(wait >= last && wait < 1000);
        last = wait;
        now = c.start_ms;
    }
    CHECK_EQ(last, CHILD_AGAIN_MS_MAX);
    c.started_ms = now;
    child_died(&c, now + CHILD_STEADY_MS);
    CHECK_EQ(c.start_ms - now - CHILD_STEADY_MS, CHILD_AGAIN_MS);
}
