#include "webhook/verification.h"

#include "base/mem.h"
#include "webhook/request.h"

struct verification {
    struct url url;
    struct request request;
    struct exchange *exchange;
    verification_phase_fn *on_phase;
    verification_done_fn *done;
    void *arg;
};

static void verification_free(struct verification *v)
{
    request_deinit(&v->request);
    mem_free(v);
}

static void on_phase(void *arg, enum phase phase, uint32_t at_us)
{
    struct verification *v = arg;
    v->on_phase(v->arg, phase, at_us);
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct verification *v = arg;
    v->done(v->arg, r);
    verification_free(v);
}

static enum err start(struct verification *v, const struct verification_config *config,
                      const struct channel *channel)
{
    const struct delivery_settings *settings = config->settings;
    enum err e = request_build(&v->request, channel, NULL, 0, settings->user_agent,
                               config->clock->wall_ms(config->clock->arg));
    if (e)
        return e;
    struct exchange_request x = {
        .url = &v->url,
        .headers = v->request.headers,
        .header_count = v->request.header_count,
        .body = buf_span(&v->request.body),
        .deadlines = settings->deadlines,
        .on_phase = v->on_phase ? on_phase : NULL,
        .fresh = true, /* a reused connection would hide present problems with name, port or certificate */
    };
    if (channel->response_timeout_ms)
        x.deadlines.response_ms = channel->response_timeout_ms;
    return exchange_start(config->engine, &x, on_done, v, &v->exchange);
}

enum err verification_start(const struct verification_config *config, const struct channel *channel,
                            struct span url, verification_phase_fn *phase, verification_done_fn *done,
                            void *arg, enum cause_id *ret_cause, struct verification **ret)
{
    struct verification *v = mem_zero(1, sizeof(*v));
    if (!v)
        return ERR_NOMEM;
    v->on_phase = phase;
    v->done = done;
    v->arg = arg;
    struct url_rules rules = {.allow_http = config->settings->allow_http};
    enum err e = url_parse(url, &rules, &v->url, ret_cause);
    if (!e)
        e = start(v, config, channel);
    if (e)
        verification_free(v);
    else if (ret)
        *ret = v;
    return e;
}

void verification_cancel(struct verification *v)
{
    exchange_cancel(v->exchange);
}

struct exchange_result verification_refused(enum cause_id cause)
{
    struct exchange_result r = {.tls_alert = -1};
    r.evidence = (struct evidence){.phase = PHASE_URL, .ended = ENDED_URL, .cause = cause, .tls_alert = -1};
    r.outcome = outcome_of(&r.evidence);
    return r;
}
