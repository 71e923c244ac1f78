#pragma once
/*
 * Holds the results of requests until the store has committed them. A result that the store refuses (disk
 * full, for example) is kept and submitted again until it is committed. Its items are held back meanwhile, so
 * that nothing is sent twice while this process lives. The store commits queued results together.
 */
#include "store/store.h"

/* Sending stops at this many refused results: if the node were killed now, all of them would be sent
 * twice. */
#define RECORDS_REFUSED_MAX 256u

/* Of one loop. */
struct records {
    struct store *store;
    struct mailbox *home;
    struct list refused;    /* by the store; they wait to be offered again */
    uint64_t refused_count; /* the same, and those being offered again */
};

/* One result; embedded in what it is of. Ours from record_submit() until written or abandon. */
struct record {
    /* On the store's writing thread. Like every call of the store it may run twice. */
    enum err (*write)(struct record *r, struct backend *b);
    void (*written)(struct record *r); /* on the loop: it is on the disk */
    void (*abandon)(struct record *r); /* instead of written, at the very end: the store never took it */

    struct store_call call;
    struct list link;
    struct records *records;
    bool refused; /* at least once */
};

void records_init(struct records *all, struct store *store, struct mailbox *home);
void record_submit(struct records *all, struct record *r);

/* Offers the store again what it has refused. */
void records_again(struct records *all);
/* Gives up what the store never took. Once the store has stopped. */
void records_abandon(struct records *all);

bool records_waiting(const struct records *all); /* something waits to be offered again */
bool records_full(const struct records *all);    /* nothing more is to be sent */
uint64_t records_count(const struct records *all);
