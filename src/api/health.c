/* What operators and their machines ask: alive, ready, the description of the API. */
#include "api/call.h"

extern const char api_openapi_text[];
extern const size_t api_openapi_text_len;

void api_health(struct call *c)
{
    call_answer(c, 200, "application/json; charset=utf-8",
                SPAN_LIT("{\"status\":\"ok\",\"version\":\"" TODOKE_VERSION "\"}"));
}

/* Ready: events posted now would be accepted. */
void api_ready(struct call *c)
{
    const struct store_stats *s = store_stats(c->api->config.store);
    enum err e = (enum err)atomic_load_explicit(&s->last_error, memory_order_relaxed);
    const char *const *files = atomic_load_explicit(&s->files, memory_order_relaxed);
    if (atomic_load_explicit(c->api->config.draining, memory_order_relaxed)) {
        call_retry(c, 503, "This node is going down", 5);
    } else if (files) {
        call_retry(c, 503, files[LANG_EN], 5);
    } else if (e) {
        char text[80];
        (void)snprintf(text, sizeof(text), "The store cannot keep events: %s", err_text(e));
        call_retry(c, 503, text, 5);
    } else {
        call_answer(c, 200, "application/json; charset=utf-8", SPAN_LIT("{\"status\":\"ready\"}"));
    }
}

void api_openapi(struct call *c)
{
    call_answer(c, 200, "application/yaml; charset=utf-8",
                (struct span){api_openapi_text, api_openapi_text_len});
}
