/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/output.h"

#include <inttypes.h>
#include <reeve/value.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/must.h"
#include "producer/cli/clean.h"

size_t output_width(int fd)
{
    struct winsize size;
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col ? size.ws_col : 80;
}

bool output_styled(int fd)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* --- tables --------------------------------------------------------------------------------- */

static void end_cell(struct table *t)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->ends = must_realloc(t->ends, t->capacity * sizeof *t->ends);
    }
    t->ends[t->count++] = t->text.size;
}

void table_cell(struct table *t, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_bytes(t, bytes_text(text));
}

void table_bytes(struct table *t, struct bytes cell)
{
    clean_put(&t->text, cell);
    end_cell(t);
}

static struct bytes cell_at(const struct table *t, size_t i)
{
    size_t start = i ? t->ends[i - 1] : 0;
    return bytes_of(t->text.data + start, t->ends[i] - start);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no place. */
static size_t cell_width(struct bytes cell)
{
    size_t width = 0;
    for (size_t i = 0; i < cell.size; i++)
        width += (((const unsigned char *)cell.data)[i] & 0xc0) != 0x80;
    return width;
}

/* The bytes of the first width characters. */
static size_t cell_cut(struct bytes cell, size_t width)
{
    size_t i = 0;
    for (; i < cell.size; i++)
        if ((((const unsigned char *)cell.data)[i] & 0xc0) != 0x80 && width-- == 0)
            break;
    return i;
}

static void print_row(const struct table *t, size_t row, const size_t *widths, size_t room)
{
    for (size_t c = 0; c < t->columns; c++) {
        struct bytes cell = cell_at(t, row * t->columns + c);
        size_t width = cell_width(cell), gap = c + 1 < t->columns ? widths[c] + 2 - width : 0;
        size_t bytes = width > room ? cell_cut(cell, room) : cell.size;
        fwrite(cell.size ? cell.data : "", 1, bytes, stdout);
        room -= width < room ? width : room;
        /* No blanks at the end of a line. */
        bool rest = false;
        for (size_t d = c + 1; d < t->columns; d++)
            rest = rest || cell_at(t, row * t->columns + d).size > 0;
        gap = gap < room ? gap : room;
        if (rest)
            printf("%*s", (int)gap, "");
        room -= gap;
    }
}

void table_print(struct table *t)
{
    size_t widths[16] = {0}, room = output_width(STDOUT_FILENO);
    bool styled = output_styled(STDOUT_FILENO);
    must(t->columns <= LENGTH(widths) && t->count % t->columns == 0);
    for (size_t i = 0; i < t->count; i++) {
        size_t width = cell_width(cell_at(t, i));
        if (widths[i % t->columns] < width)
            widths[i % t->columns] = width;
    }
    for (size_t row = 0; row < t->count / t->columns; row++) {
        bool bold = row == 0 && styled;
        fputs(bold ? "\033[1m" : "", stdout);
        print_row(t, row, widths, room ? room : SIZE_MAX);
        fputs(bold ? "\033[0m\n" : "\n", stdout);
    }
    table_free(t);
}

void table_free(struct table *t)
{
    buf_fini(&t->text);
    free(t->ends);
    *t = (struct table){0};
}

/* --- values --------------------------------------------------------------------------------- */

void output_json(struct bytes value)
{
    char *json = reeve_json(value.data, value.size);
    must(json); /* we have packed it ourselves, around values that were checked */
    puts(json);
    free(json);
}

void output_bytes(struct bytes text)
{
    struct buf b = {0};
    clean_put(&b, text);
    fwrite(b.size ? (const char *)b.data : "", 1, b.size, stdout);
    buf_fini(&b);
}

static void put_line(struct bytes line)
{
    const char *at = line.data, *end = at + line.size, *tab;
    while ((tab = memchr(at, '\t', (size_t)(end - at)))) {
        output_bytes(bytes_of(at, (size_t)(tab - at)));
        putchar('\t');
        at = tab + 1;
    }
    output_bytes(bytes_of(at, (size_t)(end - at)));
    putchar('\n');
}

void output_lines(const char *lead, struct bytes text)
{
    const char *at = text.data, *end = at ? at + text.size : at;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        if (size) {
            fputs(lead, stdout);
            put_line(bytes_of(at, size));
        }
        at += size + 1;
    }
}

const char *span_text(uint64_t us, char text[static SPAN_TEXT])
{
    static const struct {
        double us, below;
        const char *unit;
    } units[] = {{1, 1e3, "us"},        {1e3, 1e6, "ms"},        {1e6, 120e6, "s"},
                 {60e6, 7200e6, "min"}, {3600e6, 172800e6, "h"}, {86400e6, 1e300, "d"}};
    size_t u = 0;
    while ((double)us >= units[u].below)
        u++;
    double amount = (double)us / units[u].us;
    snprintf(text, SPAN_TEXT, "%.*f", amount < 10 ? 1 : 0, amount);
    char *zero = strstr(text, ".0");
    size_t size = zero ? (size_t)(zero - text) : strlen(text);
    snprintf(text + size, SPAN_TEXT - size, " %s", units[u].unit);
    return text;
}

const char *ago_text(uint64_t wall_ms, int64_t now_ms, char text[static AGO_TEXT])
{
    char span[SPAN_TEXT];
    int64_t past_ms = now_ms - (int64_t)wall_ms;
    if (wall_ms == 0)
        snprintf(text, AGO_TEXT, "-");
    else if (past_ms < 1000)
        snprintf(text, AGO_TEXT, "just now");
    else
        snprintf(text, AGO_TEXT, "%s ago", span_text((uint64_t)past_ms / 1000 * 1000000, span));
    return text;
}

const char *size_text(uint64_t bytes, char text[static SIZE_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t u = 0;
    double amount = (double)bytes;
    for (; amount >= 1023.5 && u + 1 < LENGTH(units); u++)
        amount /= 1024;
    uint64_t tenths = (uint64_t)(amount * 10 + 0.5);
    bool whole = tenths >= 100 || tenths % 10 == 0;
    snprintf(text, SIZE_TEXT, "%.*f %s", whole ? 0 : 1, amount, units[u]);
    return text;
}
