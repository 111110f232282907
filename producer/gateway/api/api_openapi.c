/* SPDX-License-Identifier: Apache-2.0
 *
 * api_openapi: what all of this is, as OpenAPI says it: the file openapi.json.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/embedded.h"

extern const struct embedded openapi[];

static void get(struct request *r)
{
    request_answer(r, 200, "application/json", bytes_of(openapi->data, *openapi->size));
}

const struct route api_openapi_routes[] = {
    {"GET", "/v1/openapi.json", false, get},
    {0},
};
