/* SPDX-License-Identifier: Apache-2.0
 *
 * RabbitMQ: persistent messages into a quorum queue, each confirmed; results come back through a
 * queue that keeps nothing. A job is over when it is confirmed and its result is here.
 */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

#include "tests/load/peers/driver.h"

enum { CHANNEL = 1, FRAME_BYTES = 131072, PREFETCH = 1000, PERSISTENT = 2, TRANSIENT = 1 };

static amqp_connection_state_t connection;
static uint64_t confirmed, delivered, last_tag, told;

static void check_reply(const char *what)
{
    amqp_rpc_reply_t r = amqp_get_rpc_reply(connection);
    driver_check(r.reply_type == AMQP_RESPONSE_NORMAL, what,
                 r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                     ? amqp_error_string2(r.library_error)
                     : "refused");
}

static void connect_to(unsigned port)
{
    connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    driver_check(socket && amqp_socket_open(socket, "127.0.0.1", (int)port) == 0, "rabbitmq",
                 "cannot connect");
    amqp_rpc_reply_t r =
        amqp_login(connection, "/", 0, FRAME_BYTES, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    driver_check(r.reply_type == AMQP_RESPONSE_NORMAL, "rabbitmq", "cannot log in");
    amqp_channel_open(connection, CHANNEL);
    check_reply("channel");
}

static void publish(const char *queue, const char *bytes, size_t size, uint8_t mode)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                          .delivery_mode = mode};
    amqp_bytes_t body = {.len = size, .bytes = (void *)(uintptr_t)bytes};
    int rc = amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 0,
                                0, &properties, body);
    driver_check(rc == 0, "publish", amqp_error_string2(rc));
}

static void consume(const char *queue, bool acknowledged)
{
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0,
                       !acknowledged, 0, amqp_empty_table);
    check_reply("consume");
}

static void next_frame(amqp_frame_t *frame)
{
    int rc = amqp_simple_wait_frame(connection, frame);
    driver_check(rc == 0, "rabbitmq", amqp_error_string2(rc));
}

static void take_body(void)
{
    amqp_frame_t frame;
    next_frame(&frame);
    for (uint64_t left = frame.payload.properties.body_size; left;) {
        next_frame(&frame);
        left -= frame.payload.body_fragment.len;
    }
}

/* One frame, and what belongs to it. */
static void take(void)
{
    amqp_frame_t frame;
    next_frame(&frame);
    if (frame.frame_type != AMQP_FRAME_METHOD)
        return;
    if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        if (ack->multiple && ack->delivery_tag > confirmed)
            confirmed = ack->delivery_tag;
        else if (!ack->multiple)
            confirmed++;
    } else if (frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) {
        const amqp_basic_deliver_t *deliver = frame.payload.method.decoded;
        last_tag = deliver->delivery_tag;
        take_body();
        delivered++;
    }
    amqp_maybe_release_buffers(connection);
}

static bool more_waits(void)
{
    return amqp_frames_enqueued(connection) || amqp_data_in_buffer(connection);
}

static void declare(const char *queue, bool durable, amqp_table_t arguments)
{
    amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(queue), 0, durable, 0, 0, arguments);
    check_reply("declare");
}

static void setup(unsigned port)
{
    amqp_table_entry_t type = {
        .key = amqp_cstring_bytes("x-queue-type"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("quorum")}};
    connect_to(port);
    declare("jobs", true, (amqp_table_t){.num_entries = 1, .entries = &type});
    declare("results", false, amqp_empty_table);
}

/* Half of the prefetch is acknowledged at once, or what there is when nothing more waits. */
static void serve(unsigned port, bool single)
{
    (void)single;
    connect_to(port);
    amqp_basic_qos(connection, CHANNEL, 0, PREFETCH, 0);
    check_reply("qos");
    consume("jobs", true);
    for (uint64_t answered = 0, acknowledged = 0;;) {
        take();
        for (; answered < delivered; answered++)
            publish("results", DRIVER_RESULT, DRIVER_RESULT_BYTES, TRANSIENT);
        if (answered == acknowledged || (answered - acknowledged < PREFETCH / 2 && more_waits()))
            continue;
        amqp_basic_ack(connection, CHANNEL, last_tag, 1);
        acknowledged = answered;
    }
}

static void open_client(unsigned port, bool single)
{
    (void)single;
    connect_to(port);
    amqp_confirm_select(connection, CHANNEL);
    check_reply("confirm");
    consume("results", false);
}

static void submit(const char *job)
{
    publish("jobs", job, DRIVER_JOB_BYTES, PERSISTENT);
}

static uint64_t results(uint64_t out)
{
    uint64_t before = told;
    (void)out;
    while (told == before) {
        do
            take();
        while (more_waits());
        told = confirmed < delivered ? confirmed : delivered;
    }
    return told - before;
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .setup = setup, .serve = serve, .open = open_client, .submit = submit, .results = results};
    return driver_main(&driver, argc, argv);
}
