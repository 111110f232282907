/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_kit.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/record.h"
#include "proto/states.h"

enum { PATIENCE_MS = 30000 };
static const int64_t some_day_ms = 1790000000000;

/* Removes the files of a folder, and it. */
static void remove_folder(const char *where)
{
    DIR *dir = opendir(where);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(where);
}

void kit_init(struct kit *k, const char *where)
{
    *k = (struct kit){.wall_ms = some_day_ms};
    snprintf(k->where, sizeof k->where, "%s", where);
    snprintf(k->sessions, sizeof k->sessions, "%s-sessions", where);
    remove_folder(where);
    remove_folder(k->sessions);
}

void kit_close(struct kit *k)
{
    store_close(k->store);
    k->store = NULL;
}

void kit_fini(struct kit *k)
{
    kit_close(k);
    buf_fini(&k->rows);
    remove_folder(k->where);
    remove_folder(k->sessions);
}

const char *kit_file(const struct kit *k, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", k->where, name);
    return path;
}

const char *kit_session_path(const struct kit *k, uint64_t id)
{
    static char path[256];
    char text[JOB_ID_TEXT];
    snprintf(path, sizeof path, "%s/session_%s.txt", k->sessions, job_id_text(id, text));
    return path;
}

const char *kit_session(const struct kit *k, uint64_t id)
{
    static struct buf text;
    char part[4096];
    FILE *f = fopen(kit_session_path(k, id), "re");
    if (!f)
        return "-";
    buf_clear(&text);
    for (size_t got; (got = fread(part, 1, sizeof part, f)) > 0;)
        buf_put(&text, part, got);
    fclose(f);
    return buf_text(&text);
}

static bool take_line(void *user, const struct row_key *key, struct bytes row)
{
    static const char *const kinds[ROW_KINDS] = {"job",  "ended", "client", "key",  "worker",
                                                 "mark", "queue", "lines",  "task", "joined"};
    struct buf *text = user;
    if (!text)
        return true;
    buf_printf(text, "%s", kinds[key->kind]);
    if (key->id)
        buf_printf(text, " %llu", (unsigned long long)key->id);
    if (key->name.size)
        buf_printf(text, " %.*s", BYTES_ARG(key->name));
    buf_printf(text, " %zu %016llx\n", row.size, (unsigned long long)bytes_hash(row, 0));
    return true;
}

struct bytes kit_row(struct buf *b, uint64_t id, const char *queue, unsigned version, size_t size)
{
    struct buf args = {0};
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)(id * 7 + version * 13 + i * i);
        buf_put(&args, &byte, 1);
    }
    struct record submit = {
        .type = REC_submit,
        .submit = {.number = version + 1, .queue = bytes_text(queue), .args = buf_bytes(&args)}};
    struct record job = {.type = REC_job, .job = {.id = id, .state = JOB_OK}};
    buf_clear(b);
    record_put(b, &submit);
    record_put(b, &job);
    buf_fini(&args);
    return buf_bytes(b);
}

/* --- changes ---------------------------------------------------------------------------------- */

void kit_put_job(struct kit *k, uint64_t id, const char *queue, unsigned version)
{
    struct buf b = {0};
    struct row_key key = {.kind = ROW_JOB, .id = id};
    store_put(k->store, ++k->seq, &key, kit_row(&b, id, queue, version, 40), 0, false);
    buf_fini(&b);
}

void kit_put_ended(struct kit *k, uint64_t id, const char *queue, unsigned state, bool settled)
{
    struct buf b = {0};
    struct row_key key = {.kind = ROW_ENDED, .id = id};
    store_put(k->store, ++k->seq, &key, kit_row(&b, id, queue, 0, 100), state, settled);
    buf_fini(&b);
}

void kit_put_name(struct kit *k, enum row_kind kind, const char *name, const char *row)
{
    struct row_key key = {.kind = kind, .name = bytes_text(name)};
    store_put(k->store, ++k->seq, &key, bytes_text(row), 0, false);
}

void kit_put_lines(struct kit *k, uint64_t id, const char *lines)
{
    struct row_key key = {.kind = ROW_LINES, .id = id};
    store_put(k->store, ++k->seq, &key, bytes_text(lines), 0, false);
}

void kit_drop(struct kit *k, enum row_kind kind, uint64_t id, const char *name)
{
    struct row_key key = {.kind = kind, .id = id, .name = bytes_text(name)};
    store_drop(k->store, ++k->seq, &key);
}

void kit_settle(struct kit *k, uint64_t id, uint64_t count)
{
    store_settle(k->store, ++k->seq, id, count);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void note(struct kit *k, const struct store_answer *a)
{
    switch (a->type) {
    case STORE_DONE:
        CHECK(a->seq > k->done && a->seq <= k->seq);
        CHECK_EQ(a->outcome, ROW_STORED);
        k->done = a->seq;
        break;
    case STORE_STATE:
        k->state = *a;
        k->full_told = k->full_told || a->condition == STORE_DISK_FULL;
        break;
    case STORE_FOUND:
        CHECK_EQ(a->ticket, k->ticket);
        buf_clear(&k->rows);
        buf_put(&k->rows, a->rows.data, a->rows.size);
        k->next = a->next;
        k->ticket = 0;
        break;
    case STORE_BROKEN:
        CHECK(!k->broken);
        k->broken = true;
        snprintf(k->broken_text, sizeof k->broken_text, "%s", a->text);
        break;
    }
}

/* Takes answers; waits for some when there are none. */
static void take_answers(struct kit *k)
{
    struct store_answer a;
    bool any = false;
    for (; store_next(k->store, &a); any = true)
        note(k, &a);
    struct pollfd p = {.fd = store_fd(k->store), .events = POLLIN};
    if (!any)
        CHECK(poll(&p, 1, PATIENCE_MS) == 1);
}

void kit_flush(struct kit *k)
{
    const int64_t times[] = {1, INT64_MAX}; /* it begins to wait, and has waited for long */
    for (size_t i = 0; i < LENGTH(times); i++)
        if (store_flush(k->store, times[i], k->here))
            store_keep(k->store);
}

bool kit_wait(struct kit *k)
{
    kit_flush(k);
    while (k->done < k->seq && !k->broken)
        take_answers(k);
    return !k->broken;
}

void kit_wait_condition(struct kit *k, enum store_condition condition)
{
    kit_flush(k);
    while (!k->state.type || k->state.condition != condition)
        take_answers(k);
}

/* Its first look around is over: from here on it does what it is told. */
static void wait_state(struct kit *k)
{
    store_flush(k->store, 0, false);
    while (!k->state.type && !k->broken)
        take_answers(k);
}

bool kit_open(struct kit *k, struct buf *text)
{
    k->seq = k->done = 0;
    k->broken = k->full_told = false;
    k->state = (struct store_answer){0};
    k->damaged = 0;
    k->limits.here_us = k->here ? UINT64_MAX : 0;
    k->store =
        store_open(k->where, k->sessions, &k->limits, k->wall_ms, &k->found, k->why, sizeof k->why);
    if (!k->store)
        return false;
    k->loaded = store_load(k->store, take_line, text, &k->damaged, k->why, sizeof k->why);
    if (k->loaded < 0)
        kit_close(k);
    else
        wait_state(k);
    return k->loaded >= 0;
}

static void wait_found(struct kit *k)
{
    kit_flush(k);
    while (k->ticket && !k->broken)
        take_answers(k);
}

void kit_find(struct kit *k, uint64_t id)
{
    static uint64_t tickets;
    k->ticket = ++tickets;
    store_find(k->store, k->ticket, id);
    wait_found(k);
}

void kit_list(struct kit *k, unsigned state, const char *queue, uint64_t after, uint64_t limit)
{
    k->ticket = 1000000 + after;
    store_list(k->store, k->ticket, state, bytes_text(queue), after, limit);
    wait_found(k);
}

const char *kit_ids(struct kit *k)
{
    static struct buf text;
    struct cursor c = cursor_of(buf_bytes(&k->rows));
    struct record r;
    buf_clear(&text);
    while (!cursor_done(&c)) {
        CHECK_EQ(record_get(&c, &r), OK);
        if (r.type == REC_job)
            buf_printf(&text, "%s%llu", text.size ? " " : "", (unsigned long long)r.job.id);
    }
    return buf_text(&text);
}
