/* SPDX-License-Identifier: Apache-2.0
 *
 * NATS, two ways: `nats core ROLE ...` is request and reply over a queue group, which keeps nothing
 * and repeats nothing; `nats jetstream ROLE ...` is a work queue in a file stream, pulled, each job
 * acknowledged, the result over core. The server of Debian 12 syncs that file every two minutes:
 * acknowledged is not durable.
 */
#include <nats/nats.h>
#include <pthread.h>
#include <string.h>

#include "tests/load/peers/driver.h"

enum { PULL = 500, PULL_MS = 10000, ACKS_OUT = 20000 };

static natsConnection *connection;
static jsCtx *stream;
static natsSubscription *subscription;
static natsInbox *inbox;
static bool one_at_a_time;

/* What the library's thread counts. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static uint64_t arrived, told;

static void check(natsStatus status, const char *what)
{
    driver_check(status == NATS_OK, what, natsStatus_GetText(status));
}

/* With one job at a time what is published leaves at once, else the library gathers it for up to a
 * millisecond. */
static void connect_to(unsigned port, bool single)
{
    char url[40];
    natsOptions *options;
    one_at_a_time = single;
    snprintf(url, sizeof url, "nats://127.0.0.1:%u", port);
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, url), url);
    check(natsOptions_SetSendAsap(options, single), "options");
    check(natsConnection_Connect(&connection, options), url);
    natsOptions_Destroy(options);
}

static void on_result(natsConnection *c, natsSubscription *s, natsMsg *message, void *context)
{
    (void)c;
    (void)s;
    (void)context;
    driver_check(!natsMsg_IsNoResponders(message), "nats", "nobody takes jobs");
    natsMsg_Destroy(message);
    pthread_mutex_lock(&lock);
    arrived++;
    pthread_cond_signal(&came);
    pthread_mutex_unlock(&lock);
}

static void listen_on(const char *subject)
{
    check(natsConnection_Subscribe(&subscription, connection, subject, on_result, NULL), subject);
    check(natsSubscription_SetPendingLimits(subscription, -1, -1), subject);
    check(natsConnection_Flush(connection), "flush");
}

static uint64_t results(uint64_t out)
{
    (void)out;
    pthread_mutex_lock(&lock);
    while (arrived == told)
        pthread_cond_wait(&came, &lock);
    uint64_t count = arrived - told;
    told = arrived;
    pthread_mutex_unlock(&lock);
    return count;
}

/* --- core ------------------------------------------------------------------------------------- */

static void core_open(unsigned port, bool single)
{
    connect_to(port, single);
    check(natsInbox_Create(&inbox), "inbox");
    listen_on(inbox);
}

static void core_submit(const char *job)
{
    check(natsConnection_PublishRequest(connection, "jobs", inbox, job, DRIVER_JOB_BYTES),
          "publish");
}

static void core_serve(unsigned port, bool single)
{
    connect_to(port, single);
    check(natsConnection_QueueSubscribeSync(&subscription, connection, "jobs", "workers"), "jobs");
    check(natsSubscription_SetPendingLimits(subscription, -1, -1), "jobs");
    for (;;) {
        natsMsg *message;
        natsStatus status = natsSubscription_NextMsg(&message, subscription, PULL_MS);
        if (status == NATS_TIMEOUT)
            continue;
        check(status, "jobs");
        check(natsConnection_Publish(connection, natsMsg_GetReply(message), DRIVER_RESULT,
                                     DRIVER_RESULT_BYTES),
              "publish");
        natsMsg_Destroy(message);
    }
}

/* --- jetstream -------------------------------------------------------------------------------- */

static void stream_open(void)
{
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = ACKS_OUT;
    check(natsConnection_JetStream(&stream, connection, &options), "jetstream");
}

static void stream_setup(unsigned port)
{
    const char *subjects[] = {"jobs"};
    jsStreamConfig config;
    jsConsumerConfig consumer;
    connect_to(port, false);
    stream_open();
    jsStreamConfig_Init(&config);
    config.Name = "JOBS";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Retention = js_WorkQueuePolicy;
    config.Storage = js_FileStorage;
    check(js_AddStream(NULL, stream, &config, NULL, NULL), "stream");
    jsConsumerConfig_Init(&consumer);
    consumer.Durable = "workers";
    consumer.AckPolicy = js_AckExplicit;
    consumer.MaxAckPending = ACKS_OUT;
    check(js_AddConsumer(NULL, stream, "JOBS", &consumer, NULL, NULL), "consumer");
}

static void stream_client(unsigned port, bool single)
{
    connect_to(port, single);
    stream_open();
    listen_on("results");
}

static void stream_submit(const char *job)
{
    if (one_at_a_time)
        check(js_Publish(NULL, stream, "jobs", job, DRIVER_JOB_BYTES, NULL, NULL), "publish");
    else
        check(js_PublishAsync(stream, "jobs", job, DRIVER_JOB_BYTES, NULL), "publish");
}

static void stream_serve(unsigned port, bool single)
{
    jsSubOptions options;
    connect_to(port, single);
    stream_open();
    jsSubOptions_Init(&options);
    options.Stream = "JOBS";
    options.Consumer = "workers";
    check(js_PullSubscribe(&subscription, stream, "jobs", "workers", NULL, &options, NULL), "pull");
    for (;;) {
        natsMsgList list;
        natsStatus status =
            natsSubscription_Fetch(&list, subscription, single ? 1 : PULL, PULL_MS, NULL);
        if (status == NATS_TIMEOUT)
            continue;
        check(status, "fetch");
        for (int i = 0; i < list.Count; i++) {
            check(natsConnection_Publish(connection, "results", DRIVER_RESULT, DRIVER_RESULT_BYTES),
                  "publish");
            check(natsMsg_Ack(list.Msgs[i], NULL), "ack");
        }
        natsMsgList_Destroy(&list);
    }
}

int main(int argc, char **argv)
{
    static const struct driver core = {
        .serve = core_serve, .open = core_open, .submit = core_submit, .results = results};
    static const struct driver jetstream = {.setup = stream_setup,
                                            .serve = stream_serve,
                                            .open = stream_client,
                                            .submit = stream_submit,
                                            .results = results};
    const char *way = argc > 1 ? argv[1] : "";
    if (strcmp(way, "core") != 0 && strcmp(way, "jetstream") != 0) {
        fprintf(stderr, "usage: nats core|jetstream ROLE ..., see tests/load/peers/driver.h\n");
        return 2;
    }
    return driver_main(strcmp(way, "core") == 0 ? &core : &jetstream, argc - 1, argv + 1);
}
