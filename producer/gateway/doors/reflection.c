/* SPDX-License-Identifier: Apache-2.0
 *
 * reflection: grpc.reflection, on every gRPC port: which services there are, and the .proto files
 * that declare them, so that a tool can call what it has never seen. v1 and v1alpha have the same
 * messages.
 */
#include "grpc/reflection/v1/reflection.pb-c.h"

#include "producer/gateway/doors/descriptor.h"
#include "producer/gateway/doors/doors.h"
#include "producer/gateway/embedded.h"
#include "producer/gateway/grpc/message.h"

#define ASKED(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

extern const struct embedded door_descriptors[];

static void answer(struct grpc_call *c, const response *r)
{
    if (grpc_message_send(c, &r->base))
        grpc_call_next(c);
    else
        grpc_call_end(c, GRPC_RESOURCE_EXHAUSTED, "answers are not read");
}

static void answer_error(struct grpc_call *c, response r, enum grpc_status status, const char *text)
{
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    error.error_code = (int)status;
    error.error_message = (char *)(uintptr_t)text;
    r.message_response_case = ANSWER(ERROR_RESPONSE);
    r.error_response = &error;
    answer(c, &r);
}

static void answer_file(struct grpc_call *c, response r, struct bytes file)
{
    Grpc__Reflection__V1__FileDescriptorResponse files =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    ProtobufCBinaryData data = {file.size, (uint8_t *)(uintptr_t)file.data};
    if (!file.data) {
        answer_error(c, r, GRPC_NOT_FOUND, "there is no such file or symbol");
        return;
    }
    files.n_file_descriptor_proto = 1; /* none of ours imports another */
    files.file_descriptor_proto = &data;
    r.message_response_case = ANSWER(FILE_DESCRIPTOR_RESPONSE);
    r.file_descriptor_response = &files;
    answer(c, &r);
}

/* A table of methods is of one service, whose name stands in its paths. */
static void answer_services(struct grpc_call *c, response r)
{
    enum { NAME_BYTES = 80 };
    const struct door_port *port = grpc_call_context(c);
    char names[DOOR_TABLES_MAX][NAME_BYTES];
    Grpc__Reflection__V1__ServiceResponse services[DOOR_TABLES_MAX], *each[DOOR_TABLES_MAX];
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    for (const struct grpc_method *const *table = port->tables; *table; table++) {
        size_t i = list.n_service++;
        const char *name = (*table)->path + 1;
        snprintf(names[i], sizeof names[i], "%.*s", (int)strcspn(name, "/"), name);
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = names[i];
        each[i] = &services[i];
    }
    list.service = each;
    r.message_response_case = ANSWER(LIST_SERVICES_RESPONSE);
    r.list_services_response = &list;
    answer(c, &r);
}

static void asked(struct grpc_call *c, struct bytes message)
{
    request *q =
        grpc_message_read(c, &grpc__reflection__v1__server_reflection_request__descriptor, message);
    response r = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    struct bytes set = bytes_of(door_descriptors[0].data, *door_descriptors[0].size);
    if (!q)
        return;
    r.valid_host = q->host;
    r.original_request = q;
    switch (q->message_request_case) {
    case ASKED(LIST_SERVICES): answer_services(c, r); break;
    case ASKED(FILE_BY_FILENAME):
        answer_file(c, r, descriptor_file(set, bytes_text(q->file_by_filename)));
        break;
    case ASKED(FILE_CONTAINING_SYMBOL):
        answer_file(c, r, descriptor_symbol(set, bytes_text(q->file_containing_symbol)));
        break;
    case ASKED(FILE_CONTAINING_EXTENSION):
    case ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE):
        answer_error(c, r, GRPC_NOT_FOUND, "there are no extensions");
        break;
    default: answer_error(c, r, GRPC_INVALID_ARGUMENT, "nothing is asked for");
    }
    grpc_message_free(q);
}

static void half_close(struct grpc_call *c)
{
    grpc_call_end(c, GRPC_OK, NULL);
}

#define REFLECTION(version)                                                                        \
    {                                                                                              \
        .path = "/grpc.reflection." version ".ServerReflection/ServerReflectionInfo",              \
        .kind = GRPC_BIDI, .begin = grpc_call_next, .message = asked, .half_close = half_close     \
    }

const struct grpc_method reflection_methods[] = {REFLECTION("v1"), {0}};
const struct grpc_method reflection_v1alpha_methods[] = {REFLECTION("v1alpha"), {0}};
