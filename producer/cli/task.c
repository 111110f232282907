/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/task.h"

#include <stdlib.h>

#include "common/utf8.h"
#include "producer/cli/rows.h"

static const char *const events[] = {NULL, "added", "completed", "removed"};

static bool is_blank(struct bytes text)
{
    const char *at = text.data;
    for (size_t i = 0; i < text.size; i++)
        if (at[i] != ' ' && at[i] != '\t')
            return false;
    return true;
}

const char *task_title_wrong(struct bytes title)
{
    if (is_blank(title))
        return "a task needs a title";
    if (title.size > TASK_TITLE_MAX)
        return "a title has at most 1,000 bytes";
    if (!utf8_valid(title))
        return "a title is text in UTF-8";
    if (memchr(title.data, '\n', title.size) || memchr(title.data, '\r', title.size))
        return "a title is one line";
    return NULL;
}

uint64_t task_number(const char *word)
{
    uint64_t number = 0;
    for (const char *at = word; *at; at++) {
        if (*at < '0' || *at > '9' || number > TASK_NUMBER_MAX)
            return 0;
        number = 10 * number + (uint64_t)(*at - '0');
    }
    return number;
}

enum task_state task_state(const struct task_states *s, uint64_t task)
{
    return task && task <= s->count ? (enum task_state)s->at[task - 1] : TASK_NONE;
}

bool task_reach(struct task_states *s, uint64_t task, enum task_state state)
{
    if (task == 0 || task > TASK_NUMBER_MAX || state <= task_state(s, task))
        return false;
    if (task > s->count) {
        uint64_t count = task < 2 * s->count ? 2 * s->count : task + 63;
        s->at = must_realloc(s->at, count);
        memset(s->at + s->count, TASK_NONE, count - s->count);
        s->count = count;
    }
    s->at[task - 1] = (unsigned char)state;
    s->last = task > s->last ? task : s->last;
    return true;
}

void task_forget(struct task_states *s, uint64_t task)
{
    if (task && task <= s->count)
        s->at[task - 1] = TASK_NONE;
}

void task_states_fini(struct task_states *s)
{
    free(s->at);
    *s = (struct task_states){0};
}

const char *task_event(enum task_state state)
{
    return events[state];
}

enum task_state task_event_state(struct bytes event)
{
    for (unsigned i = 1; i < LENGTH(events); i++)
        if (bytes_equal(event, bytes_text(events[i])))
            return (enum task_state)i;
    return TASK_NONE;
}

/* --- the list ------------------------------------------------------------------------------- */

struct record task_list_ask(struct task_list *l)
{
    struct record ask = {.type = REC_list_tasks, .list_tasks = {.after = l->next}};
    l->page = l->count;
    l->next = 0;
    return ask;
}

bool task_list_take(struct task_list *l, const struct record *answer)
{
    const struct msg_task *m = &answer->task;
    if (answer->type == REC_NONE) /* the page begins anew */
        l->count = l->page;
    if (answer->type == REC_task) {
        l->entries = rows_room(l->entries, l->count, sizeof *l->entries);
        l->entries[l->count++] = (struct task_entry){
            m->task, m->id, m->added_ms, m->completed_ms, l->titles.size, m->title.size};
        buf_put(&l->titles, m->title.data, m->title.size);
    }
    if (answer->type == REC_end)
        l->next = answer->end.next;
    return answer->type == REC_end || answer->type == REC_error;
}

void task_list_fini(struct task_list *l)
{
    free(l->entries);
    buf_fini(&l->titles);
    *l = (struct task_list){0};
}
