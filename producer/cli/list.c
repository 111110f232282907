/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/list.h"

#include <stdlib.h>

#include "common/clock.h"

enum { PAGE = 1000 };

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

struct page {
    struct list *list;
    ask_answer *take;
};

static void take_page(void *user, const struct record *answer)
{
    struct page *page = user;
    if (answer->type == REC_end)
        page->list->next = answer->end.next;
    if (answer->type != REC_job)
        return;
    page->list->count++;
    page->take(page->list, answer);
}

int list_jobs(struct list *l, const struct msg_list_jobs *which, uint64_t limit, ask_answer *take)
{
    struct page page = {l, take};
    int exit_code;
    do {
        uint64_t left = limit ? limit - l->count : PAGE;
        struct record ask = {.type = REC_list_jobs, .list_jobs = *which};
        ask.list_jobs.after = l->next;
        ask.list_jobs.limit = left < PAGE ? left : PAGE;
        l->next = 0;
        exit_code = cli_ask(l->cli, &ask, take_page, &page, "the list of jobs");
    } while (exit_code == EXIT_DONE && l->next && (!limit || l->count < limit));
    return exit_code;
}

static void print_rows(const char *name, const struct view_rows *rows)
{
    struct buf b = {0};
    pack_map(&b, 1);
    view_rows_put(&b, name, rows);
    output_json(buf_bytes(&b));
    buf_fini(&b);
}

void list_print(struct list *l, const char *name)
{
    if (l->cli->json)
        print_rows(name, &l->rows);
    else if (!l->quiet && l->table.columns)
        table_print(&l->table);
}

void list_free(struct list *l)
{
    view_rows_fini(&l->rows);
    table_free(&l->table);
}
