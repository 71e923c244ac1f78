#include "campaign/sender_check.h"

#include "base/mem.h"

struct sender_check {
    const struct campaign_requests *all;
    enum service service;
    struct carrier *carrier;
    bool quota_only, cancelled;
    struct sender_watch watch;
    unsigned step;
    const char *question;
    struct exchange *exchange; /* NULL: none is on its way */
    struct sender_verdict verdict;
};

static int64_t now_ms(const struct sender_check *k)
{
    return k->all->clock->wall_ms(k->all->clock->arg);
}

static void end(struct sender_check *k)
{
    k->watch.done(k->watch.arg, &k->verdict);
    carrier_free(k->carrier);
    mem_free(k);
}

static void next(struct sender_check *k);

static void on_phase(void *arg, enum phase phase, uint32_t at_us)
{
    struct sender_check *k = arg;
    if (k->watch.phase)
        k->watch.phase(k->watch.arg, k->question, phase, at_us);
}

static void on_answer(void *arg, const struct answer *a, const struct exchange_result *x)
{
    struct sender_check *k = arg;
    struct receipt receipt;
    k->exchange = NULL;
    carrier_told(k->carrier, k->question, a, &k->verdict.facts, &receipt);
    const struct sender_answer told = {.question = k->question,
                                       .fine = !receipt.failed,
                                       .status = a->status,
                                       .receipt = &receipt,
                                       .exchange = x};
    if (k->watch.answered)
        k->watch.answered(k->watch.arg, &told);
    if (receipt.failed) {
        k->verdict.works = false;
        k->verdict.question = k->question;
        k->verdict.receipt = receipt;
        k->verdict.outcome = x->outcome;
        if (a->outcome == NULL)
            k->verdict.outcome.reason = REASON_OK;
        end(k);
        return;
    }
    k->step++;
    next(k);
}

static bool tells_quota(const char *question)
{
    return strcmp(question, "quota") == 0 || strcmp(question, "consumption") == 0;
}

static enum err ask(struct sender_check *k, struct carrier_request *request)
{
    const struct campaign_watch watch = {.phase = on_phase, .exchange = &k->exchange};
    if (k->watch.asking)
        k->watch.asking(k->watch.arg, k->question);
    enum err e = campaign_request_watched(k->all, k->service, request, &watch, on_answer, k);
    if (!e && k->cancelled) /* whoever watches has left while it began */
        exchange_cancel(k->exchange);
    return e;
}

/* Asks the next question, or ends. */
static void next(struct sender_check *k)
{
    enum err e = ERR_NONE;
    bool more = false, asked = false;
    while (!k->cancelled && !asked && !e) {
        struct carrier_question q = {.name = NULL};
        carrier_request_init(&q.request);
        more = carrier_ask(k->carrier, k->step, now_ms(k), &q, &e);
        if (q.name)
            k->question = q.name;
        if (more && (!k->quota_only || tells_quota(q.name))) {
            k->verdict.asked = true;
            e = ask(k, &q.request);
            asked = !e;
        } else if (more) {
            k->step++;
        }
        carrier_request_deinit(&q.request);
        if (!more)
            break;
    }
    if (asked)
        return;
    k->verdict.err = k->cancelled ? ERR_CLOSED : e;
    k->verdict.works = !k->verdict.err;
    k->verdict.question = e ? k->question : NULL;
    end(k);
}

enum err sender_check_start(const struct campaign_requests *all, enum service service,
                            struct carrier *carrier, bool quota_only, const struct sender_watch *watch,
                            struct sender_check **ret)
{
    struct sender_check *k = mem_zero(1, sizeof(*k));
    if (!k)
        return ERR_NOMEM;
    *k = (struct sender_check){
        .all = all, .service = service, .carrier = carrier, .quota_only = quota_only, .watch = *watch};
    carrier_facts_init(&k->verdict.facts);
    *ret = k;
    next(k);
    return ERR_NONE;
}

void sender_check_cancel(struct sender_check *k)
{
    k->cancelled = true;
    if (k->exchange)
        exchange_cancel(k->exchange);
}
