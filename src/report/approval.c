#include "report/approval.h"

#include "base/log.h"
#include "base/mem.h"

#define PROVIDERS_MAX 1000000u /* far more than one node serves; bounds the memory */
#define PAGE 500u

struct approval {
    int64_t provider_id;
};

static struct span key_of(const int64_t *id)
{
    return (struct span){(const char *)id, sizeof(*id)};
}

struct load {
    struct store_call call;
    struct approvals *approvals;
    int64_t after;
    uint32_t count;
};

static enum err load_row(void *arg, const struct option *o)
{
    struct load *l = arg;
    struct approval *one;
    enum err e = approvals_prepare(o->provider_id, o->state, &one);
    if (e)
        return e;
    approvals_put(l->approvals, o->provider_id, one);
    l->after = o->provider_id;
    l->count++;
    return ERR_NONE;
}

static enum err load_run(struct store_call *call, struct backend *b)
{
    struct load *l = list_entry(call, struct load, call);
    enum err e;
    do {
        l->count = 0;
        e = b->ops->notices->option_list(b, 1u << OPTION_APPROVED, l->after, PAGE, load_row, l);
    } while (!e && l->count == PAGE);
    return e;
}

enum err approvals_open(struct approvals *a, struct store *store)
{
    (void)pthread_mutex_init(&a->lock, NULL);
    map_init(&a->map, PROVIDERS_MAX, &random_system);
    struct load l = {.approvals = a, .call = {.run = load_run}};
    return store_wait(store, &l.call);
}

void approvals_close(struct approvals *a)
{
    size_t pos = 0;
    for (void *one; (one = map_next(&a->map, &pos));)
        mem_free(one);
    map_deinit(&a->map);
}

bool approvals_has(struct approvals *a, int64_t provider_id)
{
    (void)pthread_mutex_lock(&a->lock);
    bool has = map_get(&a->map, key_of(&provider_id));
    (void)pthread_mutex_unlock(&a->lock);
    return has;
}

enum err approvals_prepare(int64_t provider_id, enum option_state to, struct approval **ret)
{
    *ret = NULL;
    if (to != OPTION_APPROVED)
        return ERR_NONE;
    struct approval *one = mem_zero(1, sizeof(*one));
    if (!one)
        return ERR_NOMEM;
    one->provider_id = provider_id;
    *ret = one;
    return ERR_NONE;
}

void approvals_put(struct approvals *a, int64_t provider_id, struct approval *prepared)
{
    (void)pthread_mutex_lock(&a->lock);
    mem_free(map_remove(&a->map, key_of(&provider_id)));
    if (prepared && map_put(&a->map, key_of(&prepared->provider_id), prepared)) {
        log_error("report", "out of memory: an approval takes effect at the next start",
                  log_int("provider", provider_id));
        mem_free(prepared);
    }
    (void)pthread_mutex_unlock(&a->lock);
}
