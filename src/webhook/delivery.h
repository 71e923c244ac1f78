#pragma once
/* Inside of the courier: one request on its way and its record (delivery.c), and what both files share. */
#include "webhook/courier.h"
#include "webhook/request.h"

#define COURIER_AGAIN_MS 500u /* before the store is asked once more to take a result */
/* Results the store has refused before nothing more is sent: they would all come twice if the node were killed now. */
#define COURIER_REFUSED_MAX 256u

struct courier {
    struct courier_config config;
    struct dispatch *dispatch;
    uv_timer_t timer;
    uint64_t timer_at; /* on the loop's clock; 0: not set */
    uint64_t again_at; /* what the store or memory refused is tried again then; 0: nothing */
    bool closing;
    uint64_t deliveries; /* started and not yet on record */
    uint64_t loading;
    struct list unrecorded; /* deliveries the store could not take */
    uint64_t refused;       /* how many there are, those being tried again included */
    struct list orphans;    /* letters that wait for memory, in the order they came */
    bool reopening;         /* they are being opened again, */
    bool stuck;             /* and there is still no memory for the first */
};

/* A channel as it was when requests were sent to it; used on one loop only. */
struct courier_route {
    unsigned refs;
    struct channel_ref *ref;
    struct url url;
    bool valid;
    enum cause_id cause; /* why the URL is not valid */
    struct suspension_health health;
};

enum courier_lane { LANE_CHANNEL }; /* kinds of lanes */
static inline struct lane_key courier_channel_key(int64_t channel_id)
{
    return (struct lane_key){LANE_CHANNEL, channel_id};
}

struct courier_route *courier_route_new(struct courier *c, int64_t channel_id)
    MUST_CHECK; /* NULL: no memory, or no such channel */
/* The lane of a deleted channel goes once nothing of it is on its way; call it when something has ended. lane may be NULL. */
void courier_lane_rest(struct courier *c, struct lane *lane);
void courier_route_drop(struct courier_route *r); /* NULL-safe */

enum err courier_delivery_send(void *arg, struct lane *lane, struct item *const *items,
                               uint32_t count) MUST_CHECK;
void courier_delivery_record_again(struct courier *c);
/* At the very end: frees what the store never took. Its events are pending still and are sent again at the
 * next start. */
void courier_delivery_abandon(struct courier *c);
