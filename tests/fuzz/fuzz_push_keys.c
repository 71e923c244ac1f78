/*
 * What a browser registered (endpoint, p256dh, auth, a line each) on its way into a request: whatever it is,
 * it is refused as the recipient's fault or makes a request whose headers are one line each and whose body
 * one browser can read.
 */
#include <string.h>

#include "carrier/carrier.h"
#include "carrier/webpush_encrypt.h"
#include "fuzz.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static struct span take_line(struct span *text)
{
    const char *end = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
    struct span line = {text->ptr, end ? (size_t)(end - text->ptr) : text->len};
    size_t used = end ? line.len + 1 : line.len;
    *text = (struct span){text->ptr + used, text->len - used};
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct carrier *c;
    struct carrier_fault why;
    if (!c &&
        carrier_open(&c, SERVICE_WEBPUSH, SPAN_LIT("{\"subject\":\"mailto:a@b.example\"}"),
                     SPAN_LIT("{\"privateKey\":\"yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\"}"), &why))
        abort();
    const struct carrier_content content[] = {{SPAN_LIT("title"), SPAN_LIT("\"t\"")}};
    struct span text = {(const char *)data, size};
    struct parcel p = {.members = content, .member_count = 1};
    p.target = take_line(&text);
    p.p256dh = take_line(&text);
    p.auth = take_line(&text);
    struct carrier_request r;
    carrier_request_init(&r);
    enum err e = carrier_build(c, &p, 1, 1700000000000, &r, &why);
    need(e == ERR_NONE || e == ERR_INVALID, "neither built nor refused");
    if (e)
        need(strncmp(why.property, "target.", 7) == 0 && why.message[0], "not the recipient's fault");
    else {
        need(span_eq(r.url, p.target) && r.private_target, "goes elsewhere, or unguarded");
        need(buf_len(&r.body) > 103 && buf_len(&r.body) <= WEBPUSH_BODY_MAX, "a body of another size");
        need((unsigned char)buf_span(&r.body).ptr[20] == WEBPUSH_POINT, "no header of aes128gcm");
        for (size_t i = 0; i < r.header_count; i++)
            for (size_t k = 0; k < r.headers[i].value.len; k++)
                need(r.headers[i].value.ptr[k] >= ' ' && r.headers[i].value.ptr[k] < 0x7f,
                     "a header of two lines");
        for (size_t k = 0; k < r.url.len; k++)
            need(r.url.ptr[k] > ' ' && r.url.ptr[k] < 0x7f, "a URL with a space");
    }
    carrier_request_deinit(&r);
    return 0;
}
