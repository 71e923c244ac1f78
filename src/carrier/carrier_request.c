#include "carrier/carrier_request.h"

#include <openssl/crypto.h>

#include "base/origin.h"

/* So that the token is not left behind where the text was before it grew. */
#define TEXT_FIRST 4096u
/* A URL of 2,000 characters and an access token of 4 KiB beside short headers. */
#define TEXT_MAX (16u << 10)

void carrier_request_init(struct carrier_request *r)
{
    *r = (struct carrier_request){.method = "POST"};
    buf_init(&r->text, TEXT_MAX);
    buf_init(&r->body, CARRIER_BODY_MAX);
}

void carrier_request_deinit(struct carrier_request *r)
{
    if (r->text.data)
        OPENSSL_cleanse(r->text.data, r->text.alloc); /* it holds a token */
    buf_deinit(&r->text);
    buf_deinit(&r->body);
}

void carrier_request_start(struct carrier_request *r, const char *method)
{
    buf_clear(&r->text);
    buf_clear(&r->body);
    r->method = method;
    r->url = (struct span){"", 0};
    r->header_count = 0;
    r->private_target = false;
}

static enum err add(struct carrier_request *r, size_t place, struct span a, struct span b, size_t *ret_len)
{
    r->starts[place] = buf_len(&r->text);
    enum err e = buf_add_span(&r->text, a);
    if (!e)
        e = buf_add_span(&r->text, b);
    if (!e)
        *ret_len = a.len + b.len;
    return e;
}

enum err carrier_request_url(struct carrier_request *r, struct span host, struct span path)
{
    enum err e = buf_reserve(&r->text, TEXT_FIRST);
    return e ? e : add(r, 0, host, path, &r->url.len);
}

enum err carrier_request_header(struct carrier_request *r, const char *name, struct span a, struct span b)
{
    if (r->header_count == CARRIER_HEADERS_MAX)
        return err_origin(ERR_INTERNAL);
    struct answer_header *h = &r->headers[r->header_count];
    enum err e = add(r, r->header_count + 1, a, b, &h->value.len);
    if (e)
        return e;
    h->name = span_of(name);
    r->header_count++;
    return ERR_NONE;
}

void carrier_request_finish(struct carrier_request *r)
{
    const char *text = buf_span(&r->text).ptr;
    r->url.ptr = text + r->starts[0];
    for (size_t i = 0; i < r->header_count; i++)
        r->headers[i].value.ptr = text + r->starts[i + 1];
}

enum err carrier_request_bearer(struct carrier_request *r, const char *method, struct span host,
                                struct span path, struct span token)
{
    r->method = method;
    enum err e = carrier_request_url(r, host, path);
    if (!e)
        e = carrier_request_header(r, "authorization", SPAN_LIT("Bearer "), token);
    if (!e && buf_len(&r->body) > 0)
        e = carrier_request_header(r, "content-type", SPAN_LIT("application/json"), SPAN_LIT(""));
    return e;
}
