/* SPDX-License-Identifier: Apache-2.0
 *
 * routes: what can be asked, table by table.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/asset.h"
#include "producer/gateway/gateway.h"
#include "producer/gateway/health.h"
#include "producer/gateway/live/events.h"
#include "producer/gateway/scrape.h"

const struct route *const gateway_routes[] = {
    health_routes,      scrape_routes,
    events_routes,      api_status_routes,
    api_jobs_routes,    api_queues_routes,
    api_workers_routes, api_sessions_routes,
    api_plant_routes,   api_todo_routes,
    api_feeds_routes,   api_openapi_routes,
    asset_routes,       NULL,
};
