/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/permit_kit.h"

#include <stdio.h>

const char everybody[] = "client c1 calc.,bench.\n"
                         "client c2 *\n"
                         "watcher c3 *\n"
                         "gateway c4 *\n"
                         "admin c5 *\n"
                         "worker w1 calc.\n"
                         "worker w2 *\n";

/* Who shows the key of somebody else. */
static struct {
    const char *who, *other;
} shown[FARM_PEERS];
static unsigned shown_count;

static const char *key_text(const char *name, char key[static 41])
{
    snprintf(key, 41, "%s%0*d", name, 40 - (int)strlen(name), 0);
    return key;
}

static const char *key_of(const char *who)
{
    static char key[41];
    for (unsigned i = shown_count; i-- > 0;)
        if (strcmp(shown[i].who, who) == 0)
            return key_text(shown[i].other, key);
    return key_text(who, key);
}

void shows_key_of(struct farm *f, const char *who, const char *other)
{
    must(f->key_of && shown_count < FARM_PEERS);
    shown[shown_count].who = who;
    shown[shown_count++].other = other;
}

void principals(struct farm *f, const char *lines)
{
    char role[16], name[16], queues[64], key[41];
    struct buf list = {0};
    int size;
    for (; sscanf(lines, " %15s %15s %63[^\n]%n", role, name, queues, &size) == 3; lines += size)
        buf_printf(&list, "%s %s %s %s\n", role, name, key_text(name, key), queues);
    if (!f->key_of)
        shown_count = 0; /* they were of another farm */
    f->key_of = key_of;
    farm_event(f, &(struct event){.type = EV_ACL, .acl = {.text = buf_bytes(&list)}});
    buf_fini(&list);
}

struct farm *farm_guarded(bool durable)
{
    static const char *const clients[] = {"c1", "c2", "c3", "c4", "c5"};
    struct farm *f = durable ? farm_durable(NULL) : farm_new(NULL);
    principals(f, everybody);
    for (size_t i = 0; i < LENGTH(clients); i++)
        client(f, clients[i]);
    worker(f, "w1", 1, "calc.add");
    farm_forget(f);
    return f;
}
