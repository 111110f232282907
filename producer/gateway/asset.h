/* SPDX-License-Identifier: Apache-2.0
 *
 * asset: the page's files, which are part of this program: what is not in its table is not there,
 * whatever a path says. "/" is index.html.
 */
#ifndef GATEWAY_ASSET_H
#define GATEWAY_ASSET_H

#include "producer/gateway/http/http.h"

extern const struct route asset_routes[];

#endif
