/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of the JSON door: what is read, what is said, and that a request comes back as it was.
 */
#include "producer/gateway/doors/dask_words.h"

#include <stdio.h>

#include "common/pack.h"
#include "common/value.h"
#include "tests/unit/check.h"

static enum dask_kind kind_of(const char *text)
{
    struct dask_request r;
    dask_read(&r, bytes_text(text));
    enum dask_kind kind = r.kind;
    dask_request_fini(&r);
    return kind;
}

/* The answer to a request; freed by the next call. */
static const char *answer(const char *text, bool complete, const char *said)
{
    static struct buf json;
    struct buf packed = {0};
    struct dask_request r;
    buf_clear(&json);
    dask_read(&r, bytes_text(text));
    pack_text(&packed, said);
    dask_answer(&json, &r, complete, buf_bytes(&packed));
    dask_request_fini(&r);
    buf_fini(&packed);
    static char kept[1000];
    snprintf(kept, sizeof kept, "%s", buf_text(&json));
    buf_fini(&json);
    return kept;
}

TEST(kinds)
{
    static const struct {
        const char *text;
        enum dask_kind kind;
    } rows[] = {
        {"{\"Header\":\"Info\",\"Request\":\"Status\"}", DASK_STATUS},
        {"{\"Request\":\"Dask process\",\"Header\":\"info\"}", DASK_JOBS},
        {"{\"Header\":\"info\",\"Request\":\"All process\"}", DASK_PROCESSES},
        {"{\"Header\":\"Info\",\"Request\":\"All statistic\"}", DASK_ALL},
        {"{\"Header\":\"Info\",\"Request\":\"status\"}", DASK_NO_REQUEST},
        {"{\"Header\":\"Info\"}", DASK_NO_REQUEST},
        {"{\"Header\":\"INFO\",\"Request\":\"Status\"}", DASK_UNKNOWN},
        {"{}", DASK_UNKNOWN},
        {"{\"Header\":[\"Info\"]}", DASK_UNKNOWN},
        {"{\"Header\":\"Dask\",\"Request\":{\"File\":\"f\",\"Base\":\"b\",\"Directory\":\"d\"}}",
         DASK_RUN},
        {"{\"Header\":\"dask\",\"Request\":{\"File\":\"f\",\"Base\":\"b\"}}", DASK_NO_FILES},
        {"{\"Header\":\"dask\",\"Request\":[\"File\"]}", DASK_NO_FILES},
        {"{\"Header\":\"dask\"}", DASK_NO_FILES},
        {"[]", DASK_BAD},
        {"1", DASK_BAD},
        {"", DASK_BAD},
        {"{\"Header\":\"Info\"", DASK_BAD},
        {"{\"a\":1,\"a\":2}", DASK_BAD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(kind_of(rows[i].text), rows[i].kind);
}

TEST(the_arguments_of_a_job)
{
    struct dask_request r;
    struct buf json = {0};
    dask_read(
        &r, bytes_text("{\"Header\":\"Dask\",\"Request\":{\"x\":1,\"File\":\"f.py\",\"Base\":\"b\","
                       "\"Directory\":\"d\"}}"));
    CHECK(value_json(&json, buf_bytes(&r.args)));
    CHECK_TEXT(buf_text(&json), "[{\"Directory\":\"d\",\"Base\":\"b\",\"File\":\"f.py\"}]");
    buf_fini(&json);
    dask_request_fini(&r);
}

static const char *said(enum dask_kind kind, uint64_t jobs, uint64_t processes)
{
    static char text[200];
    struct buf b = {0};
    dask_say(&b, kind, &(struct dask_counts){.jobs = jobs, .processes = processes});
    snprintf(text, sizeof text, "%s", buf_text(&b));
    buf_fini(&b);
    return text;
}

TEST(texts)
{
    CHECK_TEXT(said(DASK_STATUS, 0, 3), "Status: Ready");
    CHECK_TEXT(said(DASK_STATUS, 1, 3), "Status: Work");
    CHECK_TEXT(said(DASK_JOBS, 2, 3), "Dask process: 2");
    CHECK_TEXT(said(DASK_PROCESSES, 0, 2), "All process: 2");
    CHECK_TEXT(said(DASK_PROCESSES, 0, 6), "All process: 6");
    CHECK_TEXT(said(DASK_ALL, 0, 2), "All statistic: Status: Ready Dask process: 0 All process: 2");
    CHECK_TEXT(said(DASK_UNKNOWN, 0, 0), "Unknown header.");
}

TEST(a_request_comes_back_in_its_order)
{
    CHECK_TEXT(answer("{\"z\":1,\"Header\":\"Info\",\"a\":[1.5,null,{}]}", true, "fine"),
               "{\"z\":1,\"Header\":\"Info\",\"a\":[1.5,null,{}],"
               "\"Response\":{\"Status\":\"complete\",\"Discription\":\"fine\"}}");
    CHECK_TEXT(answer("{\"Response\":1,\"Header\":\"x\"}", false, "no"),
               "{\"Header\":\"x\",\"Response\":{\"Status\":\"error\",\"Discription\":\"no\"}}");
    CHECK_TEXT(
        answer("nonsense", false, "no"),
        "{\"Header\":\"noheader\",\"Response\":{\"Status\":\"error\",\"Discription\":\"no\"}}");
}

/* What a handler made of its value may be anything. */
TEST(an_answer_that_is_none)
{
    struct buf json = {0};
    struct dask_request r;
    dask_read(&r, bytes_text("{}"));
    dask_answer(&json, &r, true, bytes_of("\xc1", 1));
    CHECK(strstr(buf_text(&json), "\"Status\":\"error\""));
    buf_fini(&json);
    dask_request_fini(&r);
}
