/* Fetches the access token of a sender: one request for all batches that wait for it. */
#include "base/log.h"
#include "base/mem.h"
#include "campaign/campaign_core.h"
#include "campaign/campaign_request.h"

struct granting {
    struct campaigns *c;
    struct campaign_sender *sender;
};

static void over(struct granting *g, const struct receipt *refused)
{
    struct campaigns *c = g->c;
    struct campaign_sender *s = g->sender;
    s->granting = false;
    c->waiting--;
    mem_free(g);
    batch_granted(s, refused);
    courier_pump(c->config.courier);
}

static void on_answer(void *arg, const struct answer *a, const struct exchange_result *x)
{
    struct granting *g = arg;
    (void)x;
    struct receipt r = {.failed = true};
    const bool here =
        g->sender->carrier &&
        !carrier_grant_read(g->sender->carrier, a, g->c->config.clock->wall_ms(g->c->config.clock->arg), &r);
    over(g, here ? NULL : &r);
}

void campaign_grant(struct campaigns *c, struct campaign_sender *s)
{
    if (s->granting)
        return;
    struct granting *g = mem_zero(1, sizeof(*g));
    struct receipt r = {.failed = true,
                        .error = DELIVERY_ERROR_internal_closed,
                        .class = RECEIPT_TRANSIENT_SERVER,
                        .retry = RECEIPT_RETRY_LATER,
                        .scope = RECEIPT_PROVIDER};
    if (!g) {
        batch_granted(s, &r);
        return;
    }
    g->c = c;
    g->sender = s;
    s->granting = true;
    c->waiting++;
    struct carrier_request request;
    carrier_request_init(&request);
    enum err e = carrier_grant_build(s->carrier, c->config.clock->wall_ms(c->config.clock->arg), &request);
    if (!e)
        e = campaign_request(&c->batches.requests, s->service, &request, on_answer, g);
    carrier_request_deinit(&request);
    if (e)
        over(g, &r);
}
