/*
 * template_parse and the direct way: whatever a template is, the parser ends, and what it takes renders to
 * JSON. The input is a template, a NUL, and the value it may print.
 */
#include <string.h>

#include "base/json_scan.h"
#include "base/json_write.h"
#include "campaign/content.h"
#include "fuzz.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* {"user":{"a":VALUE,"b":"VALUE as a string"},"c":"…"} */
static bool make_context(struct span value, struct buf *out)
{
    bool json = json_check(value, JSON_DEPTH / 2, &(size_t){0}) == ERR_NONE;
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, "user");
    json_write_object(&w);
    json_write_key(&w, "a");
    json_write_raw(&w, json ? value : SPAN_LIT("null"));
    json_write_key(&w, "b");
    json_write_span(&w, value);
    json_write_end(&w);
    json_write_key(&w, "c");
    json_write_span(&w, value);
    json_write_end(&w);
    return json_write_finish(&w) == ERR_NONE;
}

static void render(const struct content *c, struct span context)
{
    static struct content_rendered r;
    struct buf out, whole;
    buf_init(&out, 4u << 20);
    buf_init(&whole, 1u << 20);
    need(content_render(c, context, &out, &r) == ERR_NONE, "not rendered");
    need(content_is_plain(c) || r.result == RENDER_NEEDS_ENGINE, "rendered directly, though it is not plain");
    need(r.result == RENDER_DONE || buf_len(&out) == 0, "something is left of a message that failed");
    for (size_t i = 0; i < r.count && r.result == RENDER_DONE; i++)
        need(json_check(r.members[i].json, JSON_DEPTH, &(size_t){0}) == ERR_NONE, "no JSON came out");
    if (r.result == RENDER_DONE)
        (void)content_is_empty(MEDIUM_MAIL, &r);
    /* A small buffer is told, and left as it was. */
    buf_init(&whole, 24);
    enum err e = content_render(c, context, &whole, &r);
    need(e == ERR_NONE || (e == ERR_LIMIT && buf_len(&whole) == 0), "a full buffer is left changed");
    buf_deinit(&whole);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t n = strnlen(text, size);
    struct span value = n < size ? (struct span){text + n + 1, size - n - 1} : (struct span){"", 0};
    struct buf content, context;
    struct content *c = NULL;
    struct content_fault fault;
    if (size > 4096)
        return 0;
    buf_init(&content, 1u << 20);
    buf_init(&context, 1u << 20);
    need(buf_add_str(&content, "{\"html\":") == ERR_NONE, "no room");
    need(json_write_quoted(&content, (struct span){text, n}) == ERR_NONE, "no room");
    need(buf_add_str(&content, ",\"text\":[") == ERR_NONE, "no room");
    need(json_write_quoted(&content, (struct span){text, n}) == ERR_NONE, "no room");
    need(buf_add_str(&content, "]}") == ERR_NONE, "no room");
    need(make_context(value, &context), "no context");
    need(content_compile(MEDIUM_MAIL, buf_span(&content), NULL, &c, &fault) == ERR_NONE,
         "a template is refused");
    render(c, buf_span(&context));
    content_unref(c);
    buf_deinit(&content);
    buf_deinit(&context);
    return 0;
}
