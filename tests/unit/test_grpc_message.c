/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of gRPC calls as protobuf: the numbers of the wire, and what is none.
 */
#include "producer/gateway/grpc/message.h"

#include "fin.pb-c.h"
#include "rto.pb-c.h"
#include "tests/unit/check.h"
#include "tests/unit/grpc_kit.h"
#include "todo.pb-c.h"

/* --- what is sent is what the contracts say --------------------------------------------------- */

static void check_fields(const ProtobufCMessageDescriptor *type, const char *names)
{
    struct buf all = {0};
    for (unsigned i = 0; i < type->n_fields; i++) {
        CHECK_EQ(type->fields[i].id, i + 1);
        buf_printf(&all, i ? " %s" : "%s", type->fields[i].name);
    }
    CHECK_TEXT(buf_text(&all), names);
    buf_fini(&all);
}

TEST(fields_are_numbered_as_clients_have_them)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        const char *names;
    } rows[] = {
        {&grpc__rto_api__arg_request__descriptor, "accessToken"},
        {&grpc__rto_api__service_status__descriptor, "serviceId status serviceType user message"},
        {&grpc__rto_api__tag_type__descriptor, "id name dataType lower_bound upper_bound"},
        {&grpc__rto_api__tag_val__descriptor, "tagId timeStamp numericValue isGood"},
        {&grpc__rto_api__start_request__descriptor,
         "accessToken cvs mvs objective_function maximize optimization_method max_iterations "
         "model_id"},
        {&grpc__rto_api__start_session_request__descriptor,
         "accessToken cvs mvs maximize optimization_method max_iterations model_id"},
        {&grpc__rto_api__start_response__descriptor, "optimization_instance_id is_good message"},
        {&grpc__rto_api__start_optimize_request__descriptor,
         "accessToken optimization_instance_id initial_cvs initial_mvs"},
        {&grpc__rto_api__start_optimize_response__descriptor, "MVs sessionId flag message"},
        {&grpc__rto_api__optimize_iteration_request__descriptor,
         "accessToken optimization_instance_id cv_values mv_values objective_function_value"},
        {&grpc__rto_api__optimize_iteration_response__descriptor,
         "mv_values sessionId flag message"},
        {&grpc__rto_api__pause_request__descriptor, "accessToken sessionId"},
        {&grpc__rto_api__pause_response__descriptor, "message is_paused"},
        {&grpc__rto_api__stop_request__descriptor, "accessToken sessionId"},
        {&grpc__rto_api__stop_response__descriptor, "message"},
        {&grpc__rto_api__calculate_cvrequest__descriptor,
         "accessToken sessionId modelId mv_values"},
        {&grpc__rto_api__calculate_cvresponse__descriptor, "sessionId cv_values message"},
        {&grpc__rto_api__targetfreq_request__descriptor, "accessToken sessionId"},
        {&grpc__rto_api__targetfreq_response__descriptor, "objectiveFunction"},
        {&stock_update__descriptor,
         "ticker_symbol current_price price_change change_percent timestamp volume"},
        {&todo__task__descriptor, "id title completed"},
        {&todo__task_update__descriptor, "task action"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        check_fields(rows[i].type, rows[i].names);
    CHECK_TEXT(grpc__rto_api__start_request__descriptor.name, "Grpc.RtoApi.StartRequest");
}

/* --- what comes ------------------------------------------------------------------------------- */

/* A call that waits, and what a message makes of it. */
static const char *reading(const ProtobufCMessageDescriptor *type, struct bytes message)
{
    static char text[300];
    struct kit *k = kit_new();
    int32_t stream = kit_call(k, "/t.T/Later", "");
    kit_pump(k);
    void *m = grpc_message_read(k->call, type, message);
    if (m)
        grpc_call_end(k->call, GRPC_OK, NULL);
    kit_pump(k);
    snprintf(text, sizeof text, "%s",
             kit_said(k, stream) + strlen("200 application/grpc grpc-status "));
    grpc_message_free(m);
    kit_free(k);
    return text;
}

TEST(a_message_that_fits_is_read)
{
    CHECK_TEXT(reading(&todo__add_task_request__descriptor, bytes_text("\x0a\x04milk")), "0");
    CHECK_TEXT(reading(&todo__add_task_request__descriptor, bytes_text("")), "0");
    /* unknown fields are nobody's */
    CHECK_TEXT(reading(&todo__add_task_request__descriptor, bytes_text("\x52\x01x")), "0");
    /* cvs with an id */
    CHECK_TEXT(reading(&grpc__rto_api__start_request__descriptor, bytes_text("\x12\x04\x0a\x02XA")),
               "0");
}

TEST(a_message_that_is_none_is_refused)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        const char *message, *said;
    } rows[] = {
        {&todo__add_task_request__descriptor, "\x0a\x09milk",
         "3 grpc-message the message does not decode"},
        {&todo__add_task_request__descriptor, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
         "3 grpc-message the message does not decode"},
        {&todo__add_task_request__descriptor, "\x0a\x02\xc3(",
         "3 grpc-message a text of the message is not UTF-8"},
        {&grpc__rto_api__start_request__descriptor, "\x12\x04\x0a\x02\xff\xff",
         "3 grpc-message a text of the message is not UTF-8"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        CHECK_TEXT(reading(rows[i].type, bytes_text(rows[i].message)), rows[i].said);
}

TEST(many_small_parts_have_a_limit)
{
    struct buf b = {0};
    while (b.size < 4 << 20)
        buf_put(&b, "\x12\x00", 2); /* an empty tag */
    CHECK_TEXT(reading(&grpc__rto_api__start_request__descriptor, buf_bytes(&b)),
               "8 grpc-message the message is of too many parts");
    buf_fini(&b);
}
