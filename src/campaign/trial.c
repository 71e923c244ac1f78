#include "campaign/trial.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/random.h"
#include "campaign/made.h"
#include "campaign/message_key.h"
#include "campaign/verdict.h"

struct trial {
    const struct campaign_requests *all;
    struct renderer *renderer;
    struct carrier *carrier;
    struct trial_order order;
    trial_done_fn *done;
    void *arg;
    struct variables *variables;
    struct content *content;
    struct buf out; /* what was rendered */
    struct content_rendered rendered;
    bool is_rendered;
    struct carrier_content members[CARRIER_CONTENT_MAX];
    struct parcel parcel;
};

static int64_t now_ms(const struct trial *t)
{
    return t->all->clock->wall_ms(t->all->clock->arg);
}

static void finish(struct trial *t, struct trial_result *r)
{
    r->rendered = t->is_rendered ? &t->rendered : NULL;
    if (!r->service_id)
        r->service_id = "";
    t->done(t->arg, r);
    content_unref(t->content);
    variables_free(t->variables);
    carrier_free(t->carrier);
    buf_deinit(&t->out);
    mem_free(t);
}

static void fail(struct trial *t, enum delivery_error_id error, const char *detail)
{
    struct trial_result r = {.state = TRIAL_FAILED, .error = error, .detail = span_of(detail)};
    finish(t, &r);
}

static void finish_made(struct trial *t, const struct made *m)
{
    struct trial_result r = {.state = m->state == MADE_SKIPPED ? TRIAL_SKIPPED : TRIAL_FAILED,
                             .error = m->error,
                             .detail = span_of(m->detail)};
    finish(t, &r);
}

/* ---- sending ---- */

/* lost: no answer came, and the service may have taken it, be it safe to send again by its key or not. */
static void finish_receipt(struct trial *t, const struct receipt *receipt, int status, const char *service_id,
                           bool lost)
{
    struct trial_result r = {
        .state = TRIAL_SENT,
        .receipt = receipt,
        .status = status,
        .service_id = service_id,
    };
    if (receipt->failed) {
        const struct message_verdict v = verdict_of(receipt, VERDICT_TRIES_MAX, false);
        r.state = v.is == MESSAGE_UNKNOWN || lost ? TRIAL_UNKNOWN : TRIAL_FAILED;
        r.error = receipt->error;
        r.detail = (struct span){receipt->text, receipt->text_len};
    }
    finish(t, &r);
}

static void on_answer(void *arg, const struct answer *a, const struct exchange_result *x)
{
    struct trial *t = arg;
    struct carrier_result result;
    (void)x;
    carrier_read(t->carrier, a, &t->parcel, 1, &result);
    finish_receipt(t, &result.receipt, a->status, result.service_id,
                   a->outcome && a->outcome->processed != PROCESSED_NO);
}

/* By which the service would know it again; nobody else does, as it belongs to no job. */
static void make_key(char out[static MESSAGE_KEY_LEN + 1])
{
    char nonce[40];
    (void)snprintf(nonce, sizeof(nonce), "%016llx%016llx", (unsigned long long)random_u64(&random_system),
                   (unsigned long long)random_u64(&random_system));
    message_key(span_of(nonce), 0, out);
}

static void fill_parcel(struct trial *t)
{
    const struct claimed *to = t->order.to;
    size_t n = 0;
    for (; n < t->rendered.count && n < CARRIER_CONTENT_MAX; n++)
        t->members[n] = (struct carrier_content){t->rendered.members[n].key, t->rendered.members[n].json};
    t->parcel = (struct parcel){
        .target = to->target,
        .p256dh = to->p256dh,
        .auth = to->auth,
        .members = t->members,
        .member_count = n,
        .provider_id = t->order.provider_id,
        .sender_id = t->order.sender_id,
        .campaign = t->order.short_id,
    };
    make_key(t->parcel.key);
}

/* Builds the request, which also says whether the service would take the content; sends it if asked to. */
static void ship(struct trial *t)
{
    struct carrier_fault why;
    struct carrier_request request;
    struct trial_result ready = {.state = TRIAL_READY};
    if (t->order.service == SERVICE_SMTP) { /* mail over SMTP is built elsewhere */
        finish(t, &ready);
        return;
    }
    carrier_request_init(&request);
    enum err e = carrier_build(t->carrier, &t->parcel, 1, now_ms(t), &request, &why);
    const bool built = !e || (e == ERR_DENIED && !t->order.send); /* a preview asks for no access token */
    if (!e && t->order.send)
        e = campaign_request(t->all, t->order.service, &request, on_answer, t);
    carrier_request_deinit(&request);
    if (!t->order.send && built) {
        finish(t, &ready);
    } else if (e == ERR_INVALID || e == ERR_LIMIT) {
        const struct made m = made_by_carrier(t->order.medium, &why);
        finish_made(t, &m);
    } else if (e) {
        fail(t, DELIVERY_ERROR_internal_closed, "node to service");
    }
}

static void on_grant(void *arg, const struct answer *a, const struct exchange_result *x)
{
    struct trial *t = arg;
    struct receipt receipt;
    (void)x;
    if (carrier_grant_read(t->carrier, a, now_ms(t), &receipt))
        finish_receipt(t, &receipt, a->status, "", false);
    else
        ship(t);
}

static void grant(struct trial *t)
{
    struct carrier_request request;
    carrier_request_init(&request);
    enum err e = carrier_grant_build(t->carrier, now_ms(t), &request);
    if (!e)
        e = campaign_request(t->all, t->order.service, &request, on_grant, t);
    carrier_request_deinit(&request);
    if (e)
        fail(t, DELIVERY_ERROR_internal_closed, "node to service");
}

/* ---- rendering ---- */

static void take_rendered(struct trial *t)
{
    const struct made m = made_by_rendering(t->order.medium, &t->rendered, t->order.to->stopped);
    t->is_rendered = t->rendered.result == RENDER_DONE;
    if (m.state != MADE_READY) {
        finish_made(t, &m);
        return;
    }
    fill_parcel(t);
    if (t->order.send && carrier_grant_wanted(t->carrier, now_ms(t)))
        grant(t);
    else
        ship(t);
}

static void on_rendered(void *arg, const struct content_rendered *r)
{
    struct trial *t = arg;
    size_t at[CONTENT_MEMBERS_MAX] = {0};
    enum err e = ERR_NONE;
    t->rendered = *r;
    for (size_t i = 0; r->result == RENDER_DONE && !e && i < r->count; i++) {
        at[i] = buf_len(&t->out);
        e = buf_add_span(&t->out, r->members[i].json);
    }
    if (e) {
        fail(t, DELIVERY_ERROR_internal_closed, "node to renderer");
        return;
    }
    for (size_t i = 0; r->result == RENDER_DONE && i < r->count; i++)
        t->rendered.members[i].json.ptr = buf_span(&t->out).ptr + at[i];
    take_rendered(t);
}

/* The content was compiled when it was stored: what fails now is a fault of this node. */
static enum err compile(struct trial *t)
{
    struct variables_fault variables_fault;
    struct content_fault content_fault;
    enum err e = variables_parse(json_root(t->order.variables), &t->variables, &variables_fault);
    return e ? e
             : content_compile(t->order.medium, t->order.content, t->variables, &t->content, &content_fault);
}

static void render(struct trial *t)
{
    struct buf context;
    struct variables_outcome o = {.result = VARIABLES_READY};
    buf_init(&context, RENDERER_CONTEXT_MAX);
    enum err e = compile(t);
    if (!e)
        e = variables_context(t->variables, t->order.to->attributes, &context, &o);
    if (!e && o.result != VARIABLES_READY) {
        const struct made m = made_by_variables(&o);
        buf_deinit(&context);
        finish_made(t, &m);
        return;
    }
    if (!e)
        e = content_render(t->content, buf_span(&context), &t->out, &t->rendered);
    const bool engine = !e && t->rendered.result == RENDER_NEEDS_ENGINE;
    if (engine)
        e = t->renderer ? renderer_render(t->renderer, t->content, buf_span(&context), on_rendered, t)
                        : ERR_BUSY;
    buf_deinit(&context);
    if (e)
        fail(t, DELIVERY_ERROR_internal_closed, "node to renderer");
    else if (!engine)
        take_rendered(t);
}

enum err trial_start(const struct campaign_requests *all, struct renderer *renderer, struct carrier *carrier,
                     const struct trial_order *order, trial_done_fn *done, void *arg)
{
    struct trial *t = mem_zero(1, sizeof(*t));
    if (!t)
        return ERR_NOMEM;
    t->all = all;
    t->renderer = renderer;
    t->carrier = carrier;
    t->order = *order;
    t->done = done;
    t->arg = arg;
    buf_init(&t->out, CONTENT_OUTPUT_MAX + CONTENT_TEXT_MAX);
    render(t);
    return ERR_NONE;
}
