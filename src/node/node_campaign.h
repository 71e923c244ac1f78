#pragma once
/* The campaign half of a loop: the owner of its jobs' lanes and the processes that render for it. */
#include "campaign/campaign.h"
#include "relay/relays.h"

struct node_campaign {
    struct campaigns *campaigns;
    struct renderer *renderer;
    struct relays *relays;
    unsigned closing; /* the parts that have not ended */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* Adds the loop to the set. config without a renderer and relays. ERR_NOMEM, ERR_IO. */
enum err node_campaign_open(struct node_campaign *n, struct campaigns_set *set,
                            const struct campaigns_config *config,
                            const struct relays_config *relays) MUST_CHECK;
/* Every open job is taken up by the loop of its sender. Blocks; before the loops run. */
enum err node_campaign_resume(const struct campaigns_set *set, struct store *store) MUST_CHECK;

/*
 * Drain: nothing new is sent. Idle: nothing is on its way. Halt: closed is called once the processes have
 * ended.
 */
void node_campaign_stop(struct node_campaign *n);
bool node_campaign_idle(const struct node_campaign *n);
void node_campaign_halt(struct node_campaign *n, void (*closed)(void *arg), void *arg);
void node_campaign_free(struct node_campaign *n); /* after the courier; safe on a zeroed struct */
