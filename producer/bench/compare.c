/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/compare.h"

#include <inttypes.h>
#include <stdio.h>

#include <reeve/value.h>

#include "common/must.h"
#include "common/pack.h"

enum row_kind {
    ROW_WORDS, /* a setting: told when they differ */
    ROW_RATE,  /* more is better */
    ROW_COST,  /* less is better */
    ROW_COUNT, /* told as they are */
};

static const struct row {
    const char *key, *name;
    enum row_kind kind;
} rows[] = {
    {"method", "method", ROW_WORDS},
    {"durability", "durability", ROW_WORDS},
    {"arrivals", "arrivals", ROW_WORDS},
    {"clients", "clients", ROW_WORDS},
    {"depth", "depth", ROW_WORDS},
    {"payload", "payload", ROW_WORDS},
    {"offered", "offered", ROW_WORDS},
    {"workers", "workers", ROW_WORDS},
    {"slots", "slots", ROW_WORDS},
    {"sessions", "sessions", ROW_WORDS},
    {"subscribers", "subscribers", ROW_WORDS},
    {"rate", "rate, jobs/s", ROW_RATE},
    {"p50_us", "p50, us", ROW_COST},
    {"p90_us", "p90, us", ROW_COST},
    {"p99_us", "p99, us", ROW_COST},
    {"p999_us", "p99.9, us", ROW_COST},
    {"p9999_us", "p99.99, us", ROW_COST},
    {"max_us", "max, us", ROW_COST},
    {"client_cpu_us", "client CPU a job, us", ROW_COST},
    {"lost", "lost", ROW_COUNT},
    {"duplicated", "duplicated", ROW_COUNT},
    {"wrong", "wrong", ROW_COUNT},
    {"failed", "failed", ROW_COUNT},
    {"out_of_order", "out of order", ROW_COUNT},
    {"updates_lost", "updates lost", ROW_COUNT},
};

/* The value of a key of a map, empty when it has none. */
static struct bytes find(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(map);
    for (uint32_t left = cursor_map(&c); left > 0 && cursor_ok(&c); left--) {
        struct bytes name = cursor_str(&c), value = cursor_value(&c);
        if (cursor_ok(&c) && bytes_equal(name, bytes_text(key)))
            return value;
    }
    return bytes_of(NULL, 0);
}

static double number_of(struct bytes value)
{
    struct cursor c = cursor_of(value);
    return value.size ? cursor_float(&c) : 0;
}

static void put_words(struct buf *out, struct bytes value)
{
    struct cursor c = cursor_of(value);
    if (value.size == 0) {
        buf_printf(out, "-");
    } else if (cursor_peek(&c) == PACK_STR) {
        struct bytes text = cursor_str(&c);
        buf_put(out, text.data, text.size);
    } else {
        buf_printf(out, "%.10g", number_of(value));
    }
}

static void put_numbers(struct buf *out, const struct row *row, double a, double b)
{
    if (row->kind == ROW_COUNT) {
        if (a > 0 || b > 0)
            buf_printf(out, "%-22s %14.0f %14.0f\n", row->name, a, b);
        return;
    }
    buf_printf(out, "%-22s %14.1f %14.1f", row->name, a, b);
    if (a > 0 && b > 0) {
        bool better = row->kind == ROW_RATE ? b > a : b < a;
        /* Within 5 % two runs of the same are not to be told apart. */
        bool apart = b > a * 1.05 || a > b * 1.05;
        const char *verdict = !apart ? "" : better ? "  better" : "  worse";
        buf_printf(out, " %9.2f%s", b / a, verdict);
    }
    buf_printf(out, "\n");
}

static void put_row(struct buf *out, const struct row *row, struct bytes a, struct bytes b)
{
    struct bytes x = find(a, row->key), y = find(b, row->key);
    if (row->kind != ROW_WORDS) {
        put_numbers(out, row, number_of(x), number_of(y));
    } else if (!bytes_equal(x, y)) {
        buf_printf(out, "%-22s ", row->name);
        put_words(out, x);
        buf_printf(out, "  |  ");
        put_words(out, y);
        buf_printf(out, "   (not alike)\n");
    }
}

static int read_result(struct bytes text, const char *which, struct reeve_value *out,
                       char error[static 160])
{
    char why[100] = "no keys of one";
    bool is_json = reeve_put_json(out, text.size ? text.data : "", text.size, why, sizeof why) == 0;
    struct bytes map = bytes_of(reeve_value_data(out), reeve_value_size(out));
    if (is_json && find(map, "rate").size && find(map, "p99_us").size)
        return 0;
    snprintf(error, 160, "the %s file is no result of reeve bench: %s", which, why);
    return -1;
}

int compare_text(struct bytes a, struct bytes b, struct buf *out, char error[static 160])
{
    struct reeve_value *x = reeve_value_new(), *y = reeve_value_new();
    int code = read_result(a, "first", x, error);
    if (code == 0)
        code = read_result(b, "second", y, error);
    if (code == 0) {
        struct bytes first = bytes_of(reeve_value_data(x), reeve_value_size(x));
        struct bytes second = bytes_of(reeve_value_data(y), reeve_value_size(y));
        buf_printf(out, "%-22s %14s %14s %9s\n", "", "first", "second", "ratio");
        for (size_t i = 0; i < LENGTH(rows); i++)
            put_row(out, &rows[i], first, second);
    }
    reeve_value_free(x);
    reeve_value_free(y);
    return code;
}
