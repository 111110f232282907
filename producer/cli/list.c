/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/list.h"

#include <stdlib.h>

#include "common/clock.h"

const struct option list_options[] = {
    {"quiet", OPTION_FLAG, NULL, "only the names or ids, one a line"},
    {0},
};

struct list list_start(struct cli *cli, size_t columns, const char *const *heads)
{
    struct list l = {.cli = cli,
                     .quiet = options_flag(&cli->options, "quiet", false),
                     .table.columns = columns,
                     .now_ms = clock_wall_ms()};
    for (size_t i = 0; i < columns; i++)
        table_cell(&l.table, "%s", heads[i]);
    return l;
}

void list_print(struct list *l, const char *name)
{
    if (l->cli->json)
        view_print(name, &l->rows);
    else if (!l->quiet && l->table.columns)
        table_print(&l->table);
}

void list_free(struct list *l)
{
    buf_fini(&l->rows.buf);
    table_free(&l->table);
}
