/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/asset.h"

#include "common/crc32c.h"
#include "producer/gateway/answer.h"
#include "producer/gateway/embedded.h"

/* producer/gateway/dashboard, and the library that draws its plots. */
extern const struct embedded dashboard[];

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name)
{
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < LENGTH(types); i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* A browser keeps it and asks each time whether it still holds. */
static void answer_asset(struct request *r, const struct embedded *file)
{
    char tag[16];
    struct bytes data = bytes_of(file->data, *file->size);
    snprintf(tag, sizeof tag, "\"%08x\"", crc32c(0, data));
    request_header_put(r, "Cache-Control", "no-cache");
    request_header_put(r, "ETag", tag);
    if (bytes_equal(request_header(r, "If-None-Match"), bytes_text(tag)))
        answer_empty(r, 304);
    else
        request_answer(r, 200, type_of(file->name), data);
}

static void answer_file(struct request *r, struct bytes name)
{
    for (const struct embedded *file = dashboard; file->name; file++)
        if (bytes_equal(name, bytes_text(file->name))) {
            answer_asset(r, file);
            return;
        }
    answer_refused(r, 404, "not-found", "there is nothing at this path");
}

static void get_index(struct request *r)
{
    answer_file(r, bytes_text("index.html"));
}

static void get_file(struct request *r)
{
    answer_file(r, request_part(r, 0));
}

const struct route asset_routes[] = {
    {"GET", "/", true, get_index},
    {"GET", "/{file}", true, get_file},
    {0},
};
