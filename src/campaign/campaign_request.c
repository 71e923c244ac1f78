#include "campaign/campaign_request.h"

#include "base/mem.h"

#define BODY_MAX 65536u  /* bytes kept of an answer: 1,000 refused recipients fill about as many */
#define FIELDS_MAX 8192u /* bytes of its fields: what services tell in them is short */

struct asked {
    const struct campaign_requests *all;
    enum service service;
    campaign_answer_fn *done;
    void (*phase)(void *arg, enum phase phase, uint32_t at_us);
    void *arg;
    struct carrier_request request;
    struct url url;
    struct header headers[CARRIER_HEADERS_MAX + 1];
    struct buf body, fields;
};

static void asked_free(struct asked *q)
{
    carrier_request_deinit(&q->request);
    buf_deinit(&q->body);
    buf_deinit(&q->fields);
    mem_free(q);
}

static size_t split_fields(struct span text, struct answer_header *out, size_t max)
{
    size_t count = 0;
    while (text.len && count < max) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        const char *colon = memchr(text.ptr, ':', len);
        if (colon)
            out[count++] = (struct answer_header){
                .name = {text.ptr, (size_t)(colon - text.ptr)},
                .value = span_trim((struct span){colon + 1, len - (size_t)(colon + 1 - text.ptr)})};
        text = end ? (struct span){end + 1, text.len - len - 1} : SPAN_LIT("");
    }
    return count;
}

static void on_done(void *arg, const struct exchange_result *x)
{
    struct asked *q = arg;
    struct answer_header fields[64]; /* services send about 20 */
    const bool whole = x->outcome.reason == REASON_OK || x->outcome.reason == REASON_ERROR_STATUS_CODE;
    struct answer a = {
        .medium = carrier_medium(q->service),
        .service = q->service,
        .stage = STAGE_REQUEST,
        .headers = fields,
        .outcome = whole ? NULL : &x->outcome,
        .now_ms = q->all->clock->wall_ms(q->all->clock->arg),
    };
    atomic_fetch_add_explicit(&q->all->counters->requests[q->service], 1, memory_order_relaxed);
    if (whole) {
        a.status = x->evidence.status;
        a.header_count = split_fields(buf_span(&q->fields), fields, sizeof(fields) / sizeof(fields[0]));
        a.body = buf_span(&q->body);
    } else {
        atomic_fetch_add_explicit(&q->all->counters->requests_failed[q->service], 1, memory_order_relaxed);
    }
    q->done(q->arg, &a, x);
    asked_free(q);
}

static void on_phase(void *arg, enum phase phase, uint32_t at_us)
{
    struct asked *q = arg;
    q->phase(q->arg, phase, at_us);
}

static enum err ask(const struct campaign_requests *all, enum service service,
                    struct carrier_request *request, const struct campaign_watch *watch,
                    campaign_answer_fn *done, void *arg)
{
    struct asked *q = mem_zero(1, sizeof(*q));
    if (!q)
        return ERR_NOMEM;
    *q = (struct asked){.all = all, .service = service, .done = done, .arg = arg};
    q->phase = watch ? watch->phase : NULL;
    buf_init(&q->body, BODY_MAX);
    buf_init(&q->fields, FIELDS_MAX);
    const struct url_rules rules = {.allow_http = all->allow_http, .longer = true};
    enum cause_id cause;
    enum err e = url_parse(request->url, &rules, &q->url, &cause);
    size_t n = 0;
    for (; n < request->header_count; n++)
        q->headers[n] = (struct header){request->headers[n].name, request->headers[n].value};
    q->headers[n++] = (struct header){SPAN_LIT("user-agent"), span_of(all->user_agent)};
    const struct exchange_request x = {
        .url = &q->url,
        .headers = q->headers,
        .header_count = n,
        .method = request->method,
        .body = buf_span(&request->body),
        .response_body = &q->body,
        .response_fields = &q->fields,
        .deadlines = all->deadlines,
        .fresh = watch != NULL,
        .on_phase = q->phase ? on_phase : NULL,
    };
    if (!e)
        e = exchange_start(all->engine, &x, on_done, q, watch ? watch->exchange : NULL);
    if (e) {
        mem_free(q);
        return e;
    }
    q->request = *request; /* its buffers move: what the exchange borrows stays where it is */
    carrier_request_init(request);
    return ERR_NONE;
}

enum err campaign_request(const struct campaign_requests *all, enum service service,
                          struct carrier_request *request, campaign_answer_fn *done, void *arg)
{
    return ask(all, service, request, NULL, done, arg);
}

enum err campaign_request_watched(const struct campaign_requests *all, enum service service,
                                  struct carrier_request *request, const struct campaign_watch *watch,
                                  campaign_answer_fn *done, void *arg)
{
    return ask(all, service, request, watch, done, arg);
}
