#include "courier/record.h"

void records_init(struct records *all, struct store *store, struct mailbox *home)
{
    *all = (struct records){.store = store, .home = home};
    list_init(&all->refused);
}

static enum err run(struct store_call *call, struct backend *b)
{
    struct record *r = list_entry(call, struct record, call);
    return r->write(r, b);
}

static void done(struct store_call *call)
{
    struct record *r = list_entry(call, struct record, call);
    struct records *all = r->records;
    if (call->err) {
        all->refused_count += !r->refused;
        r->refused = true;
        list_push_back(&all->refused, &r->link);
        return;
    }
    all->refused_count -= r->refused;
    r->written(r);
}

void record_submit(struct records *all, struct record *r)
{
    r->records = all;
    r->refused = false;
    r->call = (struct store_call){.run = run, .done = done, .home = all->home};
    store_submit(all->store, &r->call);
}

void records_again(struct records *all)
{
    for (struct list *i; (i = list_pop_front(&all->refused));)
        store_submit(all->store, &list_entry(i, struct record, link)->call);
}

void records_abandon(struct records *all)
{
    for (struct list *i; (i = list_pop_front(&all->refused));) {
        struct record *r = list_entry(i, struct record, link);
        r->abandon(r);
    }
}

bool records_waiting(const struct records *all)
{
    return !list_empty(&all->refused);
}

bool records_full(const struct records *all)
{
    return all->refused_count >= RECORDS_REFUSED_MAX;
}

uint64_t records_count(const struct records *all)
{
    uint64_t n = 0;
    for (const struct list *i = all->refused.next; i != &all->refused; i = i->next)
        n++;
    return n;
}
