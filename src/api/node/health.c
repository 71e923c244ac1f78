/* Whether the node is alive and ready, and the description of the API. */
#include "api/call.h"
#include "api/gauge.h"

extern const char api_openapi_text[];
extern const size_t api_openapi_text_len;

void api_health(struct call *c)
{
    call_answer(c, 200, "application/json; charset=utf-8",
                SPAN_LIT("{\"status\":\"ok\",\"version\":\"" TODOKE_VERSION "\"}"));
}

/* Includes the alarms that need an operator, for those who ask nothing else. */
static void answer_ready(struct call *c)
{
    struct buf out, names;
    bool any;
    buf_init(&out, 256);
    buf_init(&names, 128);
    enum err e = alarms_standing(store_stats(c->api->config.store), c->api->config.retention, &names, &any);
    if (!e)
        e = buf_add_str(&out, "{\"status\":\"ready\"");
    if (!e && any)
        e = buf_printf(&out, ",\"alarms\":%.*s", (int)buf_span(&names).len, buf_span(&names).ptr);
    if (!e)
        e = buf_add_str(&out, "}");
    call_answer(c, 200, "application/json; charset=utf-8",
                e ? SPAN_LIT("{\"status\":\"ready\"}") : buf_span(&out));
    buf_deinit(&names);
    buf_deinit(&out);
}

/* A node is ready when it would accept events now. */
void api_ready(struct call *c)
{
    const struct store_stats *s = store_stats(c->api->config.store);
    enum err e = (enum err)atomic_load_explicit(&s->last_error, memory_order_relaxed);
    const char *const *files = atomic_load_explicit(&s->files, memory_order_relaxed);
    if (atomic_load_explicit(c->api->config.draining, memory_order_relaxed)) {
        call_retry(c, 503, "This node is shutting down", 5);
    } else if (files) {
        call_retry(c, 503, files[LANG_EN], 5);
    } else if (e) {
        char text[80];
        (void)snprintf(text, sizeof(text), "The store cannot save events: %s", err_text(e));
        call_retry(c, 503, text, 5);
    } else {
        answer_ready(c);
    }
}

void api_openapi(struct call *c)
{
    call_answer(c, 200, "application/yaml; charset=utf-8",
                (struct span){api_openapi_text, api_openapi_text_len});
}
