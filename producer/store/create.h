/* SPDX-License-Identifier: Apache-2.0
 *
 * create: the file of a durable store that has none yet.
 */
#ifndef STORE_CREATE_H
#define STORE_CREATE_H

#include "producer/store/db.h"
#include "producer/store/folder.h"

#define STORE_FILE "reeve.db"

/* Makes STORE_FILE, empty, unless it is there. False: why. */
bool create_file(struct folder *f, struct complaint why);

#endif
