/* SPDX-License-Identifier: Apache-2.0
 *
 * list: an intrusive ring. The head is a link of its own; an unlinked link points at itself.
 * Each link that is a member says in a comment which list it is for.
 */
#ifndef COMMON_LIST_H
#define COMMON_LIST_H

#include <stdbool.h>

struct link {
    struct link *prev, *next;
};

static inline void link_init(struct link *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool link_listed(const struct link *l)
{
    return l->next != l;
}

static inline void link_after(struct link *at, struct link *l)
{
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
}

/* Appends at the tail, or with list_push at the head. */
static inline void list_append(struct link *head, struct link *l)
{
    link_after(head->prev, l);
}

static inline void list_push(struct link *head, struct link *l)
{
    link_after(head, l);
}

/* Takes the link out of whatever list it is in; harmless when it is in none. */
static inline void link_take(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

#ifdef __clang_analyzer__
/* The analyzer cannot follow a link back to what it is in, and takes each first for the one before,
 * which may be freed by then. */
struct link *list_any(struct link *);
#define list_first(head, type, member) container_of(list_any((head)->next), type, member)
#else
#define list_first(head, type, member) container_of((head)->next, type, member)
#endif
#define list_each(l, head) for (struct link *l = (head)->next; l != (head); l = l->next)
/* Allows the body to take the current link out. */
#define list_each_safe(l, head)                                                                    \
    for (struct link *l = (head)->next, *l##_next = l->next; l != (head);                          \
         l = l##_next, l##_next = l->next)
/* From the end. */
#define list_each_back_safe(l, head)                                                               \
    for (struct link *l = (head)->prev, *l##_next = l->prev; l != (head);                          \
         l = l##_next, l##_next = l->prev)

#endif
