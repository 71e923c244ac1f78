#pragma once
/*
 * A pairing heap of intrusive nodes, smallest key first. The heap allocates nothing, so adding a node never
 * fails: a deadline must not be lost when memory is short. Add: O(1); take the smallest and remove: O(log n)
 * amortised.
 */
#include <stdbool.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    struct heap_node *child, *next; /* eldest child; next sibling */
    struct heap_node *prev;         /* previous sibling; for the eldest child, its parent */
};

struct heap {
    struct heap_node *root; /* a zeroed heap is empty */
};

static inline struct heap_node *heap_min(const struct heap *h)
{
    return h->root;
}

void heap_add(struct heap *h, struct heap_node *n, uint64_t key);
void heap_remove(struct heap *h, struct heap_node *n); /* n must be in h */
