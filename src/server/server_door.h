#pragma once
/*
 * Who may hold a place. A connection is a stranger's until a request on it came from a caller the API knows
 * (server_vouch); from then on it is a regular's. Strangers have a small share of the places. When it is used
 * up, another stranger goes for each that comes: the oldest, at the address that has the most (an IPv6
 * address counts by its /64). So whoever fills the share displaces himself, and no regular ever makes room
 * for a stranger. Nothing a stranger does makes him younger.
 *
 * Strangers are of two kinds, each sure of half of the share: the mute, who have not said anything that can
 * be answered (a ClientHello, a request's head), and the heard. So those who do not even say that much cannot
 * push out those who are about to be known. Without TLS a caller is known as soon as he is heard. With TLS
 * there is a way to and fro between the two, and nobody goes before the time for it: meanwhile strangers may
 * have free places beyond their share, and once none is free the next ones wait in the kernel's queue.
 */
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"

struct server;
struct server_conn;

struct door_kind {
    struct map addresses; /* as many entries as there are strangers, at most */
    struct heap crowds;   /* the same: whose turn it is to make room first */
    uint32_t count;       /* of strangers */
};

/* What the door asks of a connection; its owner passes it. */
struct door_calls {
    bool (*owes)(const struct server_conn *c); /* somebody owes an answer on it */
    void (*hear_out)(struct server_conn *c);   /* reads now what a poll would tell of later */
    void (*close)(struct server_conn *c);
};

struct door {
    const struct door_calls *calls;
    uint32_t places;        /* most connections in all */
    uint32_t strangers_max; /* most of them that are strangers' */
    uint32_t regulars_max;  /* past which a regular who is idle makes room for the next one */
    uint32_t regulars;
    struct door_kind mute, heard;
    uint64_t turn; /* counts strangers */
};

/* places: at least 1. strangers_max 0: a quarter. */
void door_init(struct door *d, const struct door_calls *calls, uint32_t places, uint32_t strangers_max);
void door_deinit(struct door *d); /* nobody may be inside */
uint32_t door_strangers(const struct door *d);

/* Whether all places are regulars'. */
bool door_full(const struct door *d);
/*
 * After a newcomer, who has had his chance to become a regular at once, and now and then: those go who are
 * too many and may go. Otherwise than 0: no place is left, and nobody else is to be let in before that time.
 */
uint64_t door_close_behind(struct server *s);
/* No descriptor is left: closes a stranger's connection, if there is one that nobody owes an answer. */
void door_spare(struct server *s);

enum err door_enter(struct server_conn *c) MUST_CHECK; /* as a mute stranger; ERR_NOMEM */
void door_hear(struct server_conn *c);                 /* mute no longer */
void door_know(
    struct server_conn *c); /* a regular from now on; may close the one that has been idle longest */
void door_leave(struct server_conn *c); /* safe on one that never entered */
