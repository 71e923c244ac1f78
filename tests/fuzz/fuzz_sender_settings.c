/*
 * What a sender is set to: a service (first byte), settings and secret (a line each). It is refused with a
 * member and words, or what it makes is sound: the keys that are shown are JSON, and no header of a request
 * has two lines.
 */
#include <string.h>

#include "base/json_scan.h"
#include "carrier/carrier.h"
#include "fuzz.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void check_request(const struct carrier_request *r)
{
    for (size_t i = 0; i < r->header_count; i++)
        for (size_t k = 0; k < r->headers[i].value.len; k++)
            need(r->headers[i].value.ptr[k] >= ' ' && r->headers[i].value.ptr[k] < 0x7f,
                 "a header of two lines");
    for (size_t k = 0; k < r->url.len; k++)
        need(r->url.ptr[k] > ' ' && r->url.ptr[k] < 0x7f, "a URL with a space");
}

static void check_carrier(struct carrier *c)
{
    struct buf shown;
    struct carrier_question q;
    enum err e = ERR_NONE;
    const struct carrier_rules *rules = carrier_rules(c);
    need(rules->per_second >= 0 && rules->bounce_percent >= 0 && rules->bounce_percent <= 100,
         "no such rules");
    buf_init(&shown, 1u << 16);
    need(carrier_public(c, &shown) == ERR_NONE && json_check(buf_span(&shown), JSON_DEPTH, NULL) == ERR_NONE,
         "what is shown is no JSON");
    buf_deinit(&shown);
    carrier_request_init(&q.request);
    for (unsigned step = 0; carrier_ask(c, step, 1700000000000, &q, &e); step++)
        check_request(&q.request);
    need(e == ERR_NONE || e == ERR_DENIED, "a question that cannot be asked");
    carrier_request_deinit(&q.request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    const char *end = size > 1 ? memchr(text, '\n', size - 1) : NULL;
    struct span settings = {text, end ? (size_t)(end - text) : size - 1};
    struct span secret = end ? (struct span){end + 1, size - 2 - settings.len} : SPAN_LIT("{}");
    struct carrier *c = NULL;
    struct carrier_fault why = {.property = ""};
    enum err e = carrier_open(&c, (enum service)(data[0] % (SERVICE_COUNT + 1)), settings, secret, &why);
    need(e == ERR_NONE || e == ERR_INVALID, "neither taken nor refused");
    need(e == ERR_NONE || (why.property[0] && why.message[0] && !c), "refused without words");
    if (!e)
        check_carrier(c);
    carrier_free(c);
    return 0;
}
