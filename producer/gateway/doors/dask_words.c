/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/dask_words.h"

#include <inttypes.h>
#include <reeve/value.h>
#include <stdio.h>

#include "common/must.h"
#include "common/value.h"
#include "producer/view/field.h"

static const char response[] = "Response";

/* --- reading -------------------------------------------------------------------------------- */

void dask_read_bad(struct dask_request *out, const char *error)
{
    *out = (struct dask_request){.kind = DASK_BAD};
    snprintf(out->error, sizeof out->error, "%s", error);
    pack_map(&out->map, 1);
    pack_text(&out->map, "Header");
    pack_text(&out->map, "noheader");
}

static bool is(struct bytes text, const char *one, const char *other)
{
    return bytes_equal(text, bytes_text(one)) || bytes_equal(text, bytes_text(other));
}

static enum dask_kind info_kind(struct bytes map)
{
    static const struct {
        const char *text;
        enum dask_kind kind;
    } known[] = {{"Status", DASK_STATUS},
                 {"Dask process", DASK_JOBS},
                 {"All process", DASK_PROCESSES},
                 {"All statistic", DASK_ALL}};
    struct bytes text = field_text(map, "Request");
    for (size_t i = 0; i < LENGTH(known); i++)
        if (bytes_equal(text, bytes_text(known[i].text)))
            return known[i].kind;
    return DASK_NO_REQUEST;
}

/* What else stands in the request is not the job's. */
static enum dask_kind run_kind(struct bytes map, struct buf *args)
{
    static const char *const names[] = {"Directory", "Base", "File"};
    struct bytes files = field_of(map, "Request");
    pack_array(args, 1);
    pack_map(args, LENGTH(names));
    for (size_t i = 0; i < LENGTH(names); i++) {
        struct bytes text = field_text(files, names[i]);
        if (!text.size)
            return DASK_NO_FILES;
        pack_text(args, names[i]);
        pack_str(args, text);
    }
    return DASK_RUN;
}

void dask_read(struct dask_request *out, struct bytes text)
{
    char error[sizeof out->error];
    struct reeve_value *value = reeve_value_new();
    bool read = reeve_put_json(value, text.data, text.size, error, sizeof error) == 0;
    struct bytes map = bytes_of(reeve_value_data(value), reeve_value_size(value));
    struct cursor c = cursor_of(map);
    *out = (struct dask_request){.kind = DASK_UNKNOWN};
    if (!read) {
        dask_read_bad(out, error);
    } else if (cursor_peek(&c) != PACK_MAP) {
        dask_read_bad(out, "not a request: it is no JSON object");
    } else {
        struct bytes header = field_text(map, "Header");
        buf_put(&out->map, map.data, map.size);
        if (is(header, "Info", "info"))
            out->kind = info_kind(map);
        else if (is(header, "Dask", "dask"))
            out->kind = run_kind(map, &out->args);
    }
    reeve_value_free(value);
}

void dask_request_fini(struct dask_request *r)
{
    buf_fini(&r->map);
    buf_fini(&r->args);
}

/* --- answering ------------------------------------------------------------------------------ */

static void say_status(struct buf *out, const struct dask_counts *counts)
{
    buf_printf(out, "Status: %s", counts->jobs ? "Work" : "Ready");
}

static void say_jobs(struct buf *out, const struct dask_counts *counts)
{
    buf_printf(out, "Dask process: %" PRIu64, counts->jobs);
}

static void say_processes(struct buf *out, const struct dask_counts *counts)
{
    buf_printf(out, "All process: %" PRIu64, counts->processes);
}

void dask_say(struct buf *out, enum dask_kind kind, const struct dask_counts *counts)
{
    switch (kind) {
    case DASK_STATUS: say_status(out, counts); break;
    case DASK_JOBS: say_jobs(out, counts); break;
    case DASK_PROCESSES: say_processes(out, counts); break;
    case DASK_ALL:
        buf_printf(out, "All statistic: ");
        say_status(out, counts);
        buf_printf(out, " ");
        say_jobs(out, counts);
        buf_printf(out, " ");
        say_processes(out, counts);
        break;
    case DASK_NO_REQUEST: buf_printf(out, "Unknown request."); break;
    case DASK_NO_FILES:
        buf_printf(out, "The request wants the texts Directory, Base and File.");
        break;
    case DASK_UNKNOWN: buf_printf(out, "Unknown header."); break;
    case DASK_BAD:
    case DASK_RUN: break;
    }
}

static bool is_response(struct bytes key)
{
    struct cursor c = cursor_of(key);
    return cursor_peek(&c) == PACK_STR && bytes_equal(cursor_str(&c), bytes_text(response));
}

static void put_response(struct buf *out, bool complete, struct bytes said)
{
    pack_text(out, response);
    pack_map(out, 2);
    pack_text(out, "Status");
    pack_text(out, complete ? "complete" : "error");
    pack_text(out, "Discription");
    buf_put(out, said.data, said.size);
}

void dask_answer(struct buf *json, const struct dask_request *r, bool complete, struct bytes said)
{
    struct buf pairs = {0}, map = {0};
    struct cursor c = cursor_of(buf_bytes(&r->map));
    uint32_t count = cursor_map(&c), kept = 1;
    for (uint32_t i = 0; i < count; i++) {
        struct bytes key = cursor_value(&c), value = cursor_value(&c);
        if (is_response(key)) /* ours takes the place of one that came along */
            continue;
        kept++;
        buf_put(&pairs, key.data, key.size);
        buf_put(&pairs, value.data, value.size);
    }
    pack_map(&map, kept);
    buf_put(&map, pairs.data, pairs.size);
    put_response(&map, complete, said);
    if (!value_json(json, buf_bytes(&map))) /* too deep, with what a handler made of it */
        buf_printf(json, "{\"Header\":\"noheader\",\"Response\":{\"Status\":\"error\","
                         "\"Discription\":\"the answer is no proper value\"}}");
    buf_fini(&pairs);
    buf_fini(&map);
}
