#pragma once
/* An intrusive doubly linked list with a sentinel. A zeroed link is not on any list. */
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l || !l->next;
}
static inline bool list_linked(const struct list *item)
{
    return item->next != NULL;
}
static inline void list_insert_before(struct list *at, struct list *item)
{
    item->prev = at->prev;
    item->next = at;
    at->prev->next = item;
    at->prev = item;
}
static inline void list_push_back(struct list *l, struct list *item)
{
    list_insert_before(l, item);
}
static inline void list_push_front(struct list *l, struct list *item)
{
    list_insert_before(l->next, item);
}
static inline void list_remove(struct list *item)
{
    if (!item->next)
        return;
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->prev = item->next = NULL;
}
static inline struct list *list_pop_front(struct list *l)
{
    if (list_empty(l))
        return NULL;
    struct list *item = l->next;
    list_remove(item);
    return item;
}
