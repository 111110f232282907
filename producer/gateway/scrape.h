/* SPDX-License-Identifier: Apache-2.0
 *
 * scrape: /metrics: asks the broker for its figures when it is asked, and adds the gateway's own. A
 * broker that is away is told as reeve_up 0, which is what an alert wants to see.
 */
#ifndef GATEWAY_SCRAPE_H
#define GATEWAY_SCRAPE_H

#include "producer/gateway/http/http.h"

extern const struct route scrape_routes[];

#endif
