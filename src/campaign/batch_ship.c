#include "campaign/batch_parts.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "campaign/mail_sender.h"
#include "campaign/message_key.h"

#define SENDER_REQUESTS_MAX 512u /* at once: some thousand a second where an answer takes a tenth of one */

/* A request on its way, and the messages in it. */
struct shipment {
    struct batch *batch;
    struct carrier_result *results;
    uint32_t *index; /* of the messages in the batch */
    uint32_t count;
    struct parcel parcels[];
};

static void shipment_free(struct shipment *s)
{
    mem_free(s->results);
    mem_free(s->index);
    mem_free(s);
}

static struct parcel parcel_of(const struct batch *b, uint32_t i)
{
    const struct claimed *m = &b->messages[i];
    struct parcel p = {
        .target = m->target,
        .p256dh = m->p256dh,
        .auth = m->auth,
        .job_id = b->job->id,
        .n = m->n,
        .members = b->sendings[i].members,
        .member_count = b->sendings[i].member_count,
        .provider_id = b->job->provider_id,
        .sender_id = b->job->sender->id,
        .campaign = span_of(b->job->short_id),
    };
    message_key(span_of(b->job->nonce), m->n, p.key);
    return p;
}

/*
 * The token has run out: the message is sent again with a new one, once, and nothing is held against the
 * sender.
 */
static bool token_ran_out(const struct batch *b, const struct answer *a, const struct receipt *r, uint32_t i)
{
    return b->job->sender->service == SERVICE_FCM && a->status == 401 &&
           r->error != DELIVERY_ERROR_push_third_party_auth && b->messages[i].tries == 0;
}

static void one_back(struct batch *b)
{
    if (--b->shipped == 0)
        batch_ship(b);
}

/* The batches of the sender that wait for a request to end. */
static void ship_queued(struct campaign_sender *s)
{
    while (s->requests < SENDER_REQUESTS_MAX && !list_empty(&s->queue)) {
        struct batch *b = list_entry(list_pop_front(&s->queue), struct batch, queue);
        batch_ship(b);
    }
}

/* Without a carrier (the sender was deleted meanwhile) the answer is read for what it is. */
static void read_answer(const struct campaign_sender *sender, const struct answer *a,
                        const struct shipment *s)
{
    if (a->stage == STAGE_SMTP) {
        mail_sender_read(a, s->results);
        return;
    }
    if (sender->carrier) {
        carrier_read(sender->carrier, a, s->parcels, s->count, s->results);
        return;
    }
    for (uint32_t k = 0; k < s->count; k++)
        receipt_of(a, &s->results[k].receipt);
}

/* What an answer says of how much the service can take. A relay that refuses a recipient works well. */
static void weigh(struct batch *b, const struct answer *a)
{
    const bool smtp = a->stage == STAGE_SMTP;
    if (!a->outcome && a->status && (smtp ? a->status != 421 : a->status < 300))
        b->good = true;
    else if (a->outcome || smtp || a->status == 429 || a->status >= 500)
        b->bad = true;
}

static void take_answer(struct shipment *s, const struct answer *a)
{
    struct batch *b = s->batch;
    struct campaign_sender *sender = b->job->sender;
    weigh(b, a);
    sender->requests--;
    read_answer(sender, a, s);
    for (uint32_t k = 0; k < s->count; k++) {
        const uint32_t i = s->index[k];
        struct carrier_result *r = &s->results[k];
        b->sendings[i].sent = false;
        if (r->spared && b->sendings[i].rounds < BATCH_ROUNDS_MAX) {
            if (r->alone)
                b->sendings[i].rounds = BATCH_ROUNDS_MAX - 1;
            continue; /* still ready: it goes into the next round */
        }
        batch_take(b, i, r);
        if (!token_ran_out(b, a, &r->receipt, i))
            continue;
        if (sender->carrier)
            carrier_grant_drop(sender->carrier);
        b->pause = false;
        b->sendings[i].fate.is = MESSAGE_RETRYING;
        b->sendings[i].wait_s = 0;
    }
    shipment_free(s);
    struct batches *all = b->all;
    sender->refs++; /* the batch may be its last use */
    one_back(b);
    ship_queued(sender);
    sender->refs--;
    all->drop_sender(all->arg, sender);
}

static void on_answer(void *arg, const struct answer *a, const struct exchange_result *x)
{
    (void)x;
    take_answer(arg, a);
}

static void on_mail(void *arg, const struct relay_result *r)
{
    struct shipment *s = arg;
    const struct batch *b = s->batch;
    struct campaign_counters *counters = b->all->counters;
    const struct answer a = mail_sender_answer(r, batch_now(b));
    batch_count(&counters->requests[SERVICE_SMTP], 1);
    batch_count(&counters->requests_failed[SERVICE_SMTP], r->outcome != NULL);
    take_answer(s, &a);
}

/* The two ways to ship: a request over HTTP, and a mail to a relay. */
static enum err ship_request(struct shipment *s, struct carrier_fault *why)
{
    const struct batch *b = s->batch;
    const struct campaign_sender *sender = b->job->sender;
    struct carrier_request request;
    carrier_request_init(&request);
    enum err e = carrier_build(sender->carrier, s->parcels, s->count, batch_now(b), &request, why);
    if (!e)
        e = campaign_request(&b->all->requests, sender->service, &request, on_answer, s);
    carrier_request_deinit(&request);
    return e;
}

static enum err ship_mail(struct shipment *s, struct carrier_fault *why)
{
    const struct batch *b = s->batch;
    return mail_sender_send(b->job->sender, b->all->requests.relays, s->parcels, batch_now(b), why, on_mail,
                            s);
}

static enum err ship(struct shipment *s, struct carrier_fault *why)
{
    return s->batch->job->sender->service == SERVICE_SMTP ? ship_mail(s, why) : ship_request(s, why);
}

/* One request for the messages of index. ERR_NOMEM: nothing was begun. */
static enum err ship_some(struct batch *b, const uint32_t *index, uint32_t count)
{
    struct carrier_fault why = {.property = ""};
    struct shipment *s = mem_zero(1, sizeof(*s) + sizeof(struct parcel) * count);
    if (!s)
        return ERR_NOMEM;
    s->batch = b;
    s->count = count;
    s->index = mem_alloc(sizeof(*s->index) * count);
    s->results = mem_zero(count, sizeof(*s->results));
    if (!s->index || !s->results) {
        shipment_free(s);
        return ERR_NOMEM;
    }
    memcpy(s->index, index, sizeof(*index) * count);
    for (uint32_t k = 0; k < count; k++)
        s->parcels[k] = parcel_of(b, index[k]);
    if (count > 1) /* all show the same members */
        for (uint32_t k = 1; k < count; k++)
            s->parcels[k].members = s->parcels[0].members;
    enum err e = ship(s, &why);
    if (!e) {
        b->shipped++;
        b->job->sender->requests++;
        for (uint32_t k = 0; k < count; k++) {
            b->sendings[index[k]].rounds++;
            b->sendings[index[k]].sent = true;
        }
        return ERR_NONE;
    }
    shipment_free(s);
    if ((e == ERR_INVALID || e == ERR_LIMIT) &&
        count > 1) { /* built one by one, only who is to blame fails */
        e = ERR_NONE;
        for (uint32_t k = 0; !e && k < count; k++)
            e = ship_some(b, &index[k], 1);
        return e;
    }
    if (e == ERR_INVALID || e == ERR_LIMIT) {
        const struct made m = made_by_carrier(b->job->medium, &why);
        batch_made(b, index[0], &m);
        return ERR_NONE;
    }
    return e;
}

static bool waits_for_grant(struct batch *b)
{
    struct campaign_sender *s = b->job->sender;
    if (list_linked(&b->grant))
        return true;
    if (!s->carrier || !carrier_grant_wanted(s->carrier, batch_now(b)))
        return false;
    list_push_back(&s->waiting, &b->grant);
    b->all->grant(b->all->arg, s);
    return true;
}

/* The messages of one request, as it fills. */
struct filling {
    uint32_t *index;
    uint32_t count, max;
};

static void ship_filled(struct batch *b, struct filling *f)
{
    enum err e = f->count ? ship_some(b, f->index, f->count) : ERR_NONE;
    for (uint32_t k = 0; e && k < f->count; k++)
        if (!b->sendings[f->index[k]].sent && !b->sendings[f->index[k]].ended)
            batch_fail_here(b, f->index[k], "node to service");
    if (e)
        log_warn("campaign", "cannot start a request", log_int("job", b->job->id), log_err("err", e));
    f->count = 0;
}

/* Begins what requests the sender may still have. True: messages are left for later. */
static bool ship_ready(struct batch *b)
{
    struct campaign_sender *sender = b->job->sender;
    struct filling f = {.max = sender->carrier ? carrier_batch(sender->carrier, b->job->same) : 1};
    f.index = mem_alloc(sizeof(*f.index) * b->count);
    bool left = false;
    for (uint32_t i = 0; i < b->count && !left; i++) {
        struct sending *s = &b->sendings[i];
        if (!s->ready || s->sent)
            continue;
        if (!sender->carrier) {
            batch_fail(b, i, DELIVERY_ERROR_client_response, sender->why.message);
        } else if (!f.index) {
            batch_fail_here(b, i, "node to service");
        } else if (sender->requests >= SENDER_REQUESTS_MAX) {
            left = true;
        } else if (s->rounds >= BATCH_ROUNDS_MAX - 1) {
            struct filling alone = {.index = &i, .count = 1};
            ship_filled(b, &alone);
        } else {
            f.index[f.count++] = i;
            if (f.count == f.max)
                ship_filled(b, &f);
        }
    }
    ship_filled(b, &f);
    mem_free(f.index);
    return left;
}

/* Sends what is ready, or, where nothing is left to send, puts the batch on record. */
void batch_ship(struct batch *b)
{
    bool ready = false;
    for (uint32_t i = 0; i < b->count; i++)
        ready |= b->sendings[i].ready && !b->sendings[i].sent;
    if (list_linked(&b->queue) || (ready && waits_for_grant(b)))
        return;
    b->shipped++; /* requests that fail at once do not end the batch before all were begun */
    if (ready && ship_ready(b)) {
        b->waited = true;
        list_push_back(&b->job->sender->queue, &b->queue);
    }
    if (--b->shipped || list_linked(&b->queue))
        return;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->sendings[i].ready) /* spared in every round */
            batch_fail_here(b, i, "node to service");
    batch_record(b);
}

void batch_granted(struct campaign_sender *s, const struct receipt *refused)
{
    struct list waiting;
    list_init(&waiting);
    for (struct list *i; (i = list_pop_front(&s->waiting));)
        list_push_back(&waiting, i);
    for (struct list *i; (i = list_pop_front(&waiting));) {
        struct batch *b = list_entry(i, struct batch, grant);
        struct carrier_result r = {.spared = false};
        if (refused)
            r.receipt = *refused;
        for (uint32_t k = 0; refused && k < b->count; k++)
            if (b->sendings[k].ready && !b->sendings[k].sent)
                batch_take(b, k, &r);
        batch_ship(b);
    }
}
