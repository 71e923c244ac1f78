#pragma once
/*
 * Decides which connections may hold a place. A connection is a stranger's until a request on it came from a
 * caller the API knows (server_vouch); from then on it is a regular's. Strangers have a small share of the
 * places. When the share is full, each new stranger displaces another: the oldest at the address with the
 * most strangers (an IPv6 address counts by its /64). So whoever fills the share displaces himself, and no
 * regular is ever displaced by a stranger. A stranger cannot renew its age.
 *
 * There are two kinds of strangers, each with half of the share: the mute have not sent anything that can be
 * answered (a ClientHello, a request's head); the heard have. So connections that send nothing cannot push
 * out those about to be authenticated. Without TLS a caller is authenticated as soon as it is heard. With TLS
 * a round trip lies between the two, and no stranger is displaced before that time: meanwhile strangers may
 * use free places beyond their share, and once none is free the next ones wait in the kernel's queue.
 */
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"

struct server;
struct server_conn;

struct door_kind {
    struct map addresses; /* at most one entry per stranger */
    struct heap crowds;   /* the same entries, ordered by who makes room first */
    uint32_t count;       /* number of strangers */
};

/* What the door calls on a connection; its owner passes the table. */
struct door_calls {
    bool (*owes)(const struct server_conn *c); /* an answer is owed on it */
    void (*hear_out)(struct server_conn *c);   /* reads now what a poll would report later */
    void (*close)(struct server_conn *c);
};

struct door {
    const struct door_calls *calls;
    uint32_t places;        /* maximum connections */
    uint32_t strangers_max; /* maximum strangers among them */
    uint32_t regulars_max;  /* above this, an idle regular makes room for the next one */
    uint32_t regulars;
    struct door_kind mute, heard;
    uint64_t turn; /* counter of strangers */
};

/* places: at least 1. strangers_max 0: a quarter. */
void door_init(struct door *d, const struct door_calls *calls, uint32_t places, uint32_t strangers_max);
void door_deinit(struct door *d); /* no connection may be inside */
uint32_t door_strangers(const struct door *d);

/* Whether regulars hold all places. */
bool door_full(const struct door *d);
/*
 * Closes surplus strangers that may be closed. Call after a newcomer had its chance to become a regular at
 * once, and from time to time. Not 0: no place is left, and no connection may be accepted before that time.
 */
uint64_t door_close_behind(struct server *s);
/* No descriptor is left: closes a stranger's connection to which no answer is owed, if there is one. */
void door_spare(struct server *s);

enum err door_enter(struct server_conn *c) MUST_CHECK; /* enters as a mute stranger; ERR_NOMEM */
void door_hear(struct server_conn *c);                 /* no longer mute */
void door_know(
    struct server_conn *c); /* becomes a regular; may close the regular that has been idle longest */
void door_leave(struct server_conn *c); /* safe on a connection that never entered */
