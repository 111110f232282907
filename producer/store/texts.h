/* SPDX-License-Identifier: Apache-2.0
 *
 * texts: the files of sessions, session_<id>.txt each, in a folder of their own, for people and
 * their tools to read. Whole lines are added to the end with one write, anything else is written
 * beside and renamed; nothing is synced, since whoever calls knows better than the file and makes
 * it right. What goes wrong is a line in the log, once until all is well again.
 *
 * The folder is made when there is something to write, and is one broker's at a time. What is in it
 * and has no such name is nobody's business here. Files that end with the process that writes them
 * carry the sticky bit: so the next one that comes to the folder knows them for leftovers.
 */
#ifndef STORE_TEXTS_H
#define STORE_TEXTS_H

#include "producer/store/folder.h"

struct texts {
    char path[PATH_BYTES - NAME_BYTES]; /* "": none are wanted */
    int fd;                             /* of the folder, which is locked; -1: not now */
    bool passing;                       /* the files end with the process */
    bool failing;                       /* and that was told */
};

/* path: NULL for none. Takes away what an earlier process has left, if the folder is there. */
void texts_init(struct texts *t, const char *path, bool passing);
void texts_fini(struct texts *t);

enum text_result {
    TEXT_DONE,
    TEXT_OTHER, /* the file is not as long as it must be: it is to be written as a whole */
    TEXT_FAILED /* not now; it is as it was, or TEXT_OTHER */
};

/* Adds to a file of `at` bytes; there is none of 0. */
enum text_result texts_append(struct texts *t, uint64_t id, uint64_t at, struct bytes lines);

/* A file as a whole, part by part: begun, put, ended. Until the end what was there stays. */
struct draft {
    uint64_t id;
    int fd; /* -1: it has failed */
    int error;
    uint64_t size;
};
void texts_begin(struct texts *t, struct draft *d, uint64_t id);
void texts_put(struct draft *d, struct bytes part);
bool texts_end(struct texts *t, struct draft *d);
void texts_give_up(struct texts *t, struct draft *d);

/* Is that what it holds: so many bytes, of that CRC32C? */
bool texts_holds(struct texts *t, uint64_t id, uint64_t size, uint32_t sum);
/* True when it is not there any more. */
bool texts_remove(struct texts *t, uint64_t id);

/* All that failed has been done since. */
void texts_well(struct texts *t);

#endif
