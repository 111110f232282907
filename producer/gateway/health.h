/* SPDX-License-Identifier: Apache-2.0
 *
 * health: /livez, /readyz, /healthz, /version: open to probes, so they say nothing that anybody on
 * this host could not know.
 */
#ifndef GATEWAY_HEALTH_H
#define GATEWAY_HEALTH_H

#include "producer/gateway/http/http.h"

extern const struct route health_routes[];

#endif
