#include "access/keys.h"

#include <sodium.h>

#include "base/log.h"
#include "base/mem.h"

#define KEYS_MAX 10000u /* most valid keys of a node */
_Static_assert(ACCESS_HASH_LEN == crypto_hash_sha256_BYTES, "the store keeps SHA-256");

#define PREFIX "tdk_"

/* libsodium's SHA-256 cannot fail, and for so few bytes it costs less than looking up OpenSSL's. */
void keys_hash(struct span text, uint8_t out[static ACCESS_HASH_LEN])
{
    (void)crypto_hash_sha256(out, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
}

void keys_make(const struct random *r, enum role role, char text[static KEYS_TEXT_LEN + 1],
               struct access_key *ret)
{
    unsigned char raw[32];
    r->fill(r->arg, raw, sizeof(raw));
    memcpy(text, PREFIX, 4);
    (void)sodium_bin2base64(text + 4, KEYS_TEXT_LEN + 1 - 4, raw, sizeof(raw),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* safe in headers and shells */
    *ret = (struct access_key){.role = role};
    keys_hash((struct span){text, KEYS_TEXT_LEN}, ret->hash);
    memcpy(ret->hint, text, sizeof(ret->hint) - 1);
    explicit_bzero(raw, sizeof(raw));
}

struct waiting {
    struct list link;
    keys_fresh_fn *fn;
    void *arg;
};

struct keys {
    struct store *store;
    struct mailbox *home;
    struct access_key *all; /* the valid keys */
    size_t count;
    int64_t version; /* version of the keys in memory */
    struct list waiting;
    struct list served; /* waiting callers that the current reading will answer */
    bool reading;
};

enum err keys_new(struct keys **ret, struct store *store, struct mailbox *home)
{
    struct keys *k = mem_zero(1, sizeof(*k));
    if (!k)
        return ERR_NOMEM;
    k->store = store;
    k->home = home;
    list_init(&k->waiting);
    list_init(&k->served);
    *ret = k;
    return ERR_NONE;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    mem_free(k->all);
    mem_free(k);
}

enum role keys_role(const struct keys *k, struct span text)
{
    if (text.len != KEYS_TEXT_LEN)
        return ROLE_NONE;
    uint8_t hash[ACCESS_HASH_LEN];
    keys_hash(text, hash);
    /*
     * The hashes are of random keys, so timing reveals nothing useful; a linear search is enough for the few
     * keys.
     */
    for (size_t i = 0; i < k->count; i++)
        if (memcmp(k->all[i].hash, hash, sizeof(hash)) == 0)
            return k->all[i].role;
    return ROLE_NONE;
}

#define STAMP_ROLE_BITS 8

uint64_t keys_stamp(const struct keys *k, enum role role)
{
    return (uint64_t)k->version << STAMP_ROLE_BITS | (uint64_t)role;
}

enum role keys_stamped(const struct keys *k, uint64_t stamp)
{
    enum role role = (enum role)(stamp & ((1u << STAMP_ROLE_BITS) - 1));
    return stamp == keys_stamp(k, role) ? role : ROLE_NONE;
}

struct reading {
    struct store_call call;
    struct keys *keys;
    int64_t known, version;
    struct access_key *all;
    size_t count, alloc;
};

static enum err take_key(void *arg, const struct access_key *key)
{
    struct reading *r = arg;
    if (key->revoked_ms)
        return ERR_NONE;
    if (r->count == KEYS_MAX)
        return ERR_LIMIT;
    if (r->count == r->alloc) {
        size_t alloc = r->alloc ? r->alloc * 2 : 16;
        struct access_key *all = mem_resize(r->all, alloc * sizeof(*all));
        if (!all)
            return ERR_NOMEM;
        r->all = all;
        r->alloc = alloc;
    }
    r->all[r->count++] = *key;
    return ERR_NONE;
}

static enum err read_run(struct store_call *call, struct backend *b)
{
    struct reading *r = list_entry(call, struct reading, call);
    r->count = 0;
    enum err e = b->ops->keys->key_version(b, &r->version);
    if (e || r->version == r->known)
        return e;
    return b->ops->keys->key_list(b, take_key, r);
}

static void read_next(struct keys *k);

static void read_done(struct store_call *call)
{
    struct reading *r = list_entry(call, struct reading, call);
    struct keys *k = r->keys;
    if (call->err) {
        log_error("access", "cannot read the API keys; the keys in memory stay valid",
                  log_err("err", call->err));
    } else if (r->version != r->known) {
        mem_free(k->all);
        k->all = r->all;
        k->count = r->count;
        k->version = r->version;
        r->all = NULL;
    }
    mem_free(r->all);
    mem_free(r);
    k->reading = false;
    struct list served = k->served;
    if (list_empty(&k->served)) {
        list_init(&served);
    } else {
        served.next->prev = served.prev->next = &served;
        list_init(&k->served);
    }
    for (struct list *i; (i = list_pop_front(&served));) {
        struct waiting *w = list_entry(i, struct waiting, link);
        w->fn(w->arg);
        mem_free(w);
    }
    if (!list_empty(&k->waiting))
        read_next(k);
}

/* A reading answers only those who asked before it began. */
static void read_next(struct keys *k)
{
    if (k->reading)
        return;
    while (!list_empty(&k->waiting))
        list_push_back(&k->served, list_pop_front(&k->waiting));
    struct reading *r = mem_zero(1, sizeof(*r));
    if (!r) {
        for (struct list *i; (i = list_pop_front(&k->served));) {
            struct waiting *w = list_entry(i, struct waiting, link);
            w->fn(w->arg);
            mem_free(w);
        }
        return;
    }
    k->reading = true;
    r->keys = k;
    r->known = k->version;
    r->call = (struct store_call){.run = read_run, .done = read_done, .home = k->home};
    store_read(k->store, &r->call);
}

void keys_refresh(struct keys *k, keys_fresh_fn *fn, void *arg)
{
    struct waiting *w = mem_zero(1, sizeof(*w));
    if (!w) {
        fn(arg);
        return;
    }
    w->fn = fn;
    w->arg = arg;
    list_push_back(&k->waiting, &w->link);
    read_next(k);
}

const char *keys_role_text(enum role r)
{
    switch (r) {
    case ROLE_OPERATOR:
        return "operator";
    case ROLE_INGEST:
        return "ingest";
    case ROLE_NONE:
        break;
    }
    return "none";
}
