#include <string.h>
#include <sys/ioctl.h>

#include "base/mem.h"
#include "server/server_conn.h"

#define SHARE 4u            /* strangers get a quarter of the places, */
#define SHARE_LEAST 32u     /* or this many if there are few places, but never more than half */
#define RESERVE 32u         /* and a 32nd if regulars hold all the others */
#define HANDSHAKE_US 300000 /* a round trip */
#define LOOKED_AT_MAX 16    /* per address, to find one to which no answer is owed */
#define TURN_BITS 40        /* of a heap key: enough for years of turns, and counts below 2^24 */

struct door_address {
    struct heap_node node;
    struct list strangers; /* server_conn.stranger: oldest first */
    struct door_kind *kind;
    uint32_t count;
    uint8_t key_len;
    char key[8];
};

static uint32_t largest(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t smallest(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void door_init(struct door *d, const struct door_calls *calls, uint32_t places, uint32_t strangers_max)
{
    uint32_t share = largest(places / SHARE, smallest(SHARE_LEAST, (places + 1) / 2));
    *d = (struct door){
        .calls = calls, .places = places, .strangers_max = strangers_max ? strangers_max : share};
    d->regulars_max = places > 1 ? places - largest(places / RESERVE, 1) : 1;
    /* One more for the newcomer. */
    map_init(&d->mute.addresses, (size_t)places + 1, &random_system);
    map_init(&d->heard.addresses, (size_t)places + 1, &random_system);
}

void door_deinit(struct door *d)
{
    map_deinit(&d->mute.addresses);
    map_deinit(&d->heard.addresses);
}

uint32_t door_strangers(const struct door *d)
{
    return d->mute.count + d->heard.count;
}

/* ---- addresses ---- */

static uint8_t key_of(const union address *peer, char key[static 8])
{
    const char *v6 = (const char *)&peer->v6.sin6_addr;
    if (peer->any.sa_family == AF_INET) {
        memcpy(key, &peer->v4.sin_addr, 4);
        return 4;
    }
    bool mapped = IN6_IS_ADDR_V4MAPPED(&peer->v6.sin6_addr);
    memcpy(key, mapped ? v6 + 12 : v6, mapped ? 4 : 8);
    return mapped ? 4 : 8;
}

static struct door_address *address_at(struct door_kind *k, const union address *peer)
{
    char key[8];
    uint8_t len = key_of(peer, key);
    struct door_address *a = map_get(&k->addresses, (struct span){key, len});
    if (a)
        return a;
    a = mem_zero(1, sizeof(*a));
    if (!a)
        return NULL;
    list_init(&a->strangers);
    a->kind = k;
    a->key_len = len;
    memcpy(a->key, key, len);
    if (map_put(&k->addresses, (struct span){a->key, len}, a) != ERR_NONE) {
        mem_free(a);
        return NULL;
    }
    heap_add(&k->crowds, &a->node, 0);
    return a;
}

/* The number of its strangers changed: updates its place in the order. */
static void reorder(struct door_address *a)
{
    struct door_kind *k = a->kind;
    heap_remove(&k->crowds, &a->node);
    if (list_empty(&a->strangers)) {
        (void)map_remove(&k->addresses, (struct span){a->key, a->key_len});
        mem_free(a);
        return;
    }
    const struct server_conn *first = list_entry(a->strangers.next, struct server_conn, stranger);
    heap_add(&k->crowds, &a->node, (((1ull << 24) - 1 - a->count) << TURN_BITS) + first->turn);
}

static void stand(struct server_conn *c, struct door_address *a)
{
    c->turn = c->server->door.turn++;
    c->came_us = server_now_us(c->server);
    c->address = a;
    list_push_back(&a->strangers, &c->stranger);
    a->count++;
    a->kind->count++;
    reorder(a);
}

static void step_aside(struct server_conn *c)
{
    struct door_address *a = c->address;
    c->address = NULL;
    list_remove(&c->stranger);
    a->count--;
    a->kind->count--;
    reorder(a);
}

/* ---- coming and going ---- */

enum err door_enter(struct server_conn *c)
{
    struct door_address *a = address_at(&c->server->door.mute, &c->peer);
    if (!a)
        return ERR_NOMEM;
    stand(c, a);
    return ERR_NONE;
}

void door_hear(struct server_conn *c)
{
    struct door *d = &c->server->door;
    if (!c->address || c->address->kind == &d->heard)
        return;
    struct door_address *a = address_at(&d->heard, &c->peer);
    if (!a)
        return; /* stays among the mute, for lack of memory */
    step_aside(c);
    stand(c, a);
}

void door_leave(struct server_conn *c)
{
    if (c->address)
        step_aside(c);
    else if (c->known)
        c->server->door.regulars--;
}

/* ---- making room ---- */

static void displace(struct server_conn *c)
{
    c->server->stats.displaced_total++;
    c->server->door.calls->close(c);
}

/* The oldest stranger at the address with the most; one that is owed an answer only if it must be. */
static struct server_conn *first_to_go(const struct door_kind *k, bool must)
{
    struct heap_node *node = heap_min(&k->crowds);
    if (!node)
        return NULL;
    const struct list *all = &list_entry(node, struct door_address, node)->strangers;
    int looked_at = 0;
    for (struct list *i = all->next; i != all && looked_at < LOOKED_AT_MAX; i = i->next, looked_at++) {
        struct server_conn *c = list_entry(i, struct server_conn, stranger);
        if (!c->server->door.calls->owes(c))
            return c;
    }
    return must ? list_entry(all->next, struct server_conn, stranger) : NULL;
}

bool door_full(const struct door *d)
{
    return d->regulars >= d->places;
}

uint64_t door_close_behind(struct server *s)
{
    struct door *d = &s->door;
    /* One place is left for the newcomer even if regulars hold all the others. */
    uint32_t free = d->regulars < d->places ? d->places - d->regulars : 1;
    uint32_t share = smallest(d->strangers_max, free);
    while (door_strangers(d) > share) {
        bool mute = d->mute.count > share / 2 || d->heard.count == 0;
        struct server_conn *c = first_to_go(mute ? &d->mute : &d->heard, true);
        if (!mute && s->tls && server_now_us(s) < c->came_us + HANDSHAKE_US)
            return door_strangers(d) > free ? c->came_us + HANDSHAKE_US : 0;
        /* Its input may be unread because others were read first. */
        const struct door_kind *kind = c->address->kind;
        d->calls->hear_out(c);
        if (c->address && c->address->kind == kind)
            displace(c);
    }
    return 0;
}

void door_spare(struct server *s)
{
    struct server_conn *c = first_to_go(&s->door.mute, false);
    if (!c)
        c = first_to_go(&s->door.heard, false);
    if (c)
        displace(c);
}

/*
 * The regular that has been idle longest; not one whose next request is unread: its client could not tell
 * whether it was processed.
 */
static struct server_conn *first_idle(struct server *s)
{
    const struct list *all = &s->waits[WAIT_IDLE]; /* regulars only */
    int looked_at = 0, unread = 0;
    for (struct list *i = all->next; i != all && looked_at < LOOKED_AT_MAX; i = i->next, looked_at++) {
        struct server_conn *c = list_entry(i, struct server_conn, deadline.link);
        if (ioctl(c->t.fd, FIONREAD, &unread) != 0 || unread == 0)
            return c;
    }
    return NULL;
}

void door_know(struct server_conn *c)
{
    struct server *s = c->server;
    if (!c->address)
        return;
    step_aside(c);
    c->known = true;
    s->door.regulars++;
    if (s->door.regulars > s->door.regulars_max && (c = first_idle(s)))
        displace(c);
}
