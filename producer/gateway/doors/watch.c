/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/watch.h"

#include "common/must.h"

struct watch {
    struct watches *all;
    char *topic;
    struct link listeners; /* listener::link */
    bool stands, over;     /* over: an error was its last word */
    bool telling;
};

static void watch_free(struct watch *w)
{
    if (!w->over) {
        namemap_take(&w->all->topics, bytes_text(w->topic));
        (void)reeve_unsubscribe(w->all->client, w->topic);
    }
    free(w->topic);
    free(w);
}

/* Who is told may leave, and so may any other; who joins meanwhile is not told. */
static void on_update(void *user, const struct reeve_update *u)
{
    struct watch *w = user;
    struct link untold;
    link_init(&untold);
    while (!list_empty(&w->listeners)) {
        struct link *l = w->listeners.next;
        link_take(l);
        list_append(&untold, l);
    }
    w->stands = true;
    w->over = strcmp(u->event, "error") == 0;
    if (w->over)
        namemap_take(&w->all->topics, bytes_text(w->topic));
    w->telling = true;
    while (!list_empty(&untold)) {
        struct listener *l = list_first(&untold, struct listener, link);
        link_take(&l->link);
        list_append(&w->listeners, &l->link);
        l->heard(l, u);
    }
    w->telling = false;
    if (list_empty(&w->listeners))
        watch_free(w);
}

int watch_join(struct watches *all, const char *topic, struct listener *l)
{
    struct watch *w = namemap_find(&all->topics, bytes_text(topic));
    watch_leave(l);
    if (!w) {
        w = must_alloc(sizeof *w);
        *w = (struct watch){.all = all, .topic = must_strdup(topic)};
        link_init(&w->listeners);
        int code = reeve_subscribe(all->client, topic, on_update, w);
        w->over = code != 0;
        if (code) {
            watch_free(w);
            return code;
        }
        namemap_put(&all->topics, bytes_text(w->topic), w);
    }
    l->watch = w;
    list_append(&w->listeners, &l->link);
    return 0;
}

void watch_leave(struct listener *l)
{
    struct watch *w = l->watch;
    if (!w)
        return;
    l->watch = NULL;
    link_take(&l->link);
    if (list_empty(&w->listeners) && !w->telling)
        watch_free(w);
}

bool watch_stands(const struct listener *l)
{
    return l->watch && l->watch->stands;
}

void watches_fini(struct watches *all)
{
    must(!all->topics.count);
    namemap_fini(&all->topics);
}
