/* SPDX-License-Identifier: Apache-2.0
 *
 * api: the routes of the JSON API, a table a noun: api_NOUN.c. What they answer is told to others
 * in openapi.json, against which a test holds the running server.
 */
#ifndef API_API_H
#define API_API_H

#include "producer/gateway/http/http.h"

extern const struct route api_jobs_routes[], api_queues_routes[], api_workers_routes[],
    api_status_routes[], api_sessions_routes[], api_plant_routes[], api_todo_routes[],
    api_feeds_routes[], api_openapi_routes[];

#endif
