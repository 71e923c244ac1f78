#include "access/login_limit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

struct entry {
    struct list link; /* the most recently used are last */
    uint8_t key[crypto_hash_sha256_BYTES];
    uint32_t failures;
    uint64_t until_us, seen_us;
};

enum kind { KIND_ACCOUNT, KIND_PEER, KIND_COUNT };

static const uint32_t free_tries[KIND_COUNT] = {LOGIN_LIMIT_ACCOUNT_FREE, LOGIN_LIMIT_PEER_FREE};

struct login_limit {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct map map[KIND_COUNT];
    struct list seen[KIND_COUNT];
};

enum err login_limit_new(struct login_limit **ret, const struct clock *clock, const struct random *random,
                         size_t entries)
{
    struct login_limit *l = mem_zero(1, sizeof(*l));
    if (!l)
        return ERR_NOMEM;
    l->clock = clock;
    (void)pthread_mutex_init(&l->lock, NULL);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        map_init(&l->map[i], entries, random);
        list_init(&l->seen[i]);
    }
    *ret = l;
    return ERR_NONE;
}

void login_limit_free(struct login_limit *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        for (struct list *e; (e = list_pop_front(&l->seen[i]));)
            mem_free(list_entry(e, struct entry, link));
        map_deinit(&l->map[i]);
    }
    (void)pthread_mutex_destroy(&l->lock);
    mem_free(l);
}

static struct span key_span(const uint8_t *key)
{
    return (struct span){(const char *)key, crypto_hash_sha256_BYTES};
}

static void drop(struct login_limit *l, enum kind kind, struct entry *e)
{
    (void)map_remove(&l->map[kind], key_span(e->key));
    list_remove(&e->link);
    mem_free(e);
}

/* An IPv6 peer counts by its /64: whoever has one address of it has them all (RFC 6177). */
static bool is_network(struct span peer, struct in6_addr *ret)
{
    char text[INET6_ADDRSTRLEN];
    if (peer.len >= sizeof(text) || !memchr(peer.ptr ? peer.ptr : "", ':', peer.len))
        return false;
    memcpy(text, peer.ptr, peer.len);
    text[peer.len] = '\0';
    if (inet_pton(AF_INET6, text, ret) != 1 || IN6_IS_ADDR_V4MAPPED(ret))
        return false;
    memset(&ret->s6_addr[8], 0, 8);
    return true;
}

static void key_of(enum kind kind, struct span text, uint8_t key[static crypto_hash_sha256_BYTES])
{
    struct in6_addr network;
    if (kind == KIND_PEER && is_network(text, &network))
        text = (struct span){(const char *)&network, sizeof(network)};
    (void)crypto_hash_sha256(key, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
}

static struct entry *find(struct login_limit *l, enum kind kind, struct span text)
{
    uint8_t key[crypto_hash_sha256_BYTES];
    key_of(kind, text, key);
    struct entry *e = map_get(&l->map[kind], key_span(key));
    uint64_t now = l->clock->mono_us(l->clock->arg);
    if (e && now >= e->until_us && now - e->seen_us >= (uint64_t)LOGIN_LIMIT_FORGET_S * 1000000u) {
        drop(l, kind, e);
        e = NULL;
    }
    return e;
}

/* Out of memory, nothing is counted: the password still has to be right. */
static struct entry *find_or_add(struct login_limit *l, enum kind kind, struct span text)
{
    struct entry *e = find(l, kind, text);
    if (e)
        return e;
    if (l->map[kind].count >= l->map[kind].max)
        drop(l, kind, list_entry(l->seen[kind].next, struct entry, link));
    e = mem_zero(1, sizeof(*e));
    if (!e)
        return NULL;
    key_of(kind, text, e->key);
    if (map_put(&l->map[kind], key_span(e->key), e)) {
        mem_free(e);
        return NULL;
    }
    list_push_back(&l->seen[kind], &e->link);
    return e;
}

static uint32_t wait_of(struct login_limit *l, enum kind kind, struct span text, uint64_t now)
{
    const struct entry *e = find(l, kind, text);
    return e && e->until_us > now ? (uint32_t)((e->until_us - now + 999999u) / 1000000u) : 0;
}

static void count(struct login_limit *l, enum kind kind, struct span text, uint64_t now)
{
    struct entry *e = find_or_add(l, kind, text);
    if (!e)
        return;
    e->failures++;
    e->seen_us = now;
    if (e->failures >= free_tries[kind]) {
        uint32_t twice = e->failures - free_tries[kind];
        uint64_t wait_s = twice < 16 ? 1u << twice : LOGIN_LIMIT_WAIT_MAX_S;
        e->until_us = now + 1000000u * (wait_s < LOGIN_LIMIT_WAIT_MAX_S ? wait_s : LOGIN_LIMIT_WAIT_MAX_S);
    }
    list_remove(&e->link);
    list_push_back(&l->seen[kind], &e->link);
}

uint32_t login_limit_try(struct login_limit *l, struct span account, struct span peer)
{
    (void)pthread_mutex_lock(&l->lock);
    uint64_t now = l->clock->mono_us(l->clock->arg);
    uint32_t a = wait_of(l, KIND_ACCOUNT, account, now), p = wait_of(l, KIND_PEER, peer, now);
    if (!a && !p) {
        count(l, KIND_ACCOUNT, account, now);
        count(l, KIND_PEER, peer, now);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return a > p ? a : p;
}

static void forgive(struct login_limit *l, enum kind kind, struct span text)
{
    struct entry *e = find(l, kind, text);
    if (!e)
        return;
    e->failures -= e->failures > 0;
    e->until_us = 0;
    if (!e->failures)
        drop(l, kind, e);
}

void login_limit_success(struct login_limit *l, struct span account, struct span peer)
{
    (void)pthread_mutex_lock(&l->lock);
    struct entry *e = find(l, KIND_ACCOUNT, account);
    if (e)
        drop(l, KIND_ACCOUNT, e);
    forgive(l, KIND_PEER, peer);
    (void)pthread_mutex_unlock(&l->lock);
}

void login_limit_undo(struct login_limit *l, struct span account, struct span peer)
{
    (void)pthread_mutex_lock(&l->lock);
    forgive(l, KIND_ACCOUNT, account);
    forgive(l, KIND_PEER, peer);
    (void)pthread_mutex_unlock(&l->lock);
}
