/* SPDX-License-Identifier: Apache-2.0
 *
 * redis as a reliable queue: LPUSH of the job, RPOPLPUSH into a list of what is being done, then
 * LREM from there and LPUSH of the result. All through pipelines: of what there is, at most
 * PIPELINE.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "tests/load/peers/driver.h"

enum { PIPELINE = 200 };

static redisContext *redis;
static uint64_t pushed; /* whose replies have not been read */

static void connect_to(unsigned port, bool single)
{
    (void)single;
    redis = redisConnect("127.0.0.1", (int)port);
    driver_check(redis && !redis->err, "redis", redis ? redis->errstr : "no memory");
}

static redisReply *reply(void)
{
    void *r = NULL;
    driver_check(redisGetReply(redis, &r) == REDIS_OK, "redis", redis->errstr);
    redisReply *got = r;
    driver_check(got->type != REDIS_REPLY_ERROR, "redis", got->str);
    return got;
}

static void skip_replies(uint64_t count)
{
    while (count--)
        freeReplyObject(reply());
}

static void push(const char *list, const char *bytes, size_t size)
{
    const char *words[] = {"LPUSH", list, bytes};
    size_t sizes[] = {5, strlen(list), size};
    redisAppendCommandArgv(redis, 3, words, sizes);
}

static void submit(const char *job)
{
    push("jobs", job, DRIVER_JOB_BYTES);
    pushed++;
}

static uint64_t results(uint64_t out)
{
    uint64_t count = 0;
    for (bool blocking = out == 1; count == 0; blocking = true) {
        redisAppendCommand(redis, blocking ? "BRPOP results 0" : "RPOP results %d", (int)PIPELINE);
        skip_replies(pushed);
        pushed = 0;
        redisReply *r = reply();
        if (r->type == REDIS_REPLY_ARRAY)
            count = blocking ? 1 : r->elements;
        freeReplyObject(r);
    }
    return count;
}

/* Asks for twice of what the last turn gave, so that an empty list is not asked in vain; when there
 * was only one, waits for the next. */
static void serve(unsigned port, bool single)
{
    static char jobs[PIPELINE][DRIVER_JOB_BYTES];
    static const size_t remove_sizes[] = {4, 5, 2, DRIVER_JOB_BYTES};
    connect_to(port, single);
    for (uint64_t have = 0;;) {
        uint64_t done = have, ask = 2 * have < PIPELINE ? 2 * have : PIPELINE;
        for (uint64_t i = 0; i < done; i++) {
            const char *words[] = {"LREM", "doing", "-1", jobs[i]};
            redisAppendCommandArgv(redis, 4, words, remove_sizes);
            push("results", DRIVER_RESULT, DRIVER_RESULT_BYTES);
        }
        bool blocking = single || have == 0;
        if (blocking)
            ask = 1;
        for (uint64_t i = 0; i < ask; i++)
            redisAppendCommand(redis,
                               blocking ? "BRPOPLPUSH jobs doing 0" : "RPOPLPUSH jobs doing");
        skip_replies(2 * done);
        have = 0;
        for (uint64_t i = 0; i < ask; i++) {
            redisReply *r = reply();
            if (r->type == REDIS_REPLY_STRING && r->len == DRIVER_JOB_BYTES)
                memcpy(jobs[have++], r->str, DRIVER_JOB_BYTES);
            freeReplyObject(r);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .serve = serve, .open = connect_to, .submit = submit, .results = results};
    return driver_main(&driver, argc, argv);
}
