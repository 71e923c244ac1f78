/*
 * Bytes of an import: CSV or NDJSON, people or a list. The first byte chooses which, and how the rest is cut.
 * However it is cut, the same rows come of it; lines never go back, and what is taken keeps its bounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/campaign/import_rows.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "fuzz.h"
#include "model/attributes.h"

#define MUST(x)                                                                                              \
    do {                                                                                                     \
        if (!(x)) {                                                                                          \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

struct notes {
    struct buf text;
    uint64_t line;
};

static void note(struct notes *n, uint64_t line, char what, struct span s)
{
    MUST(line >= n->line && line > 0);
    n->line = line;
    MUST(buf_printf(&n->text, "%llu%c", (unsigned long long)line, what) == ERR_NONE);
    MUST(buf_add_span(&n->text, s) == ERR_NONE && buf_add(&n->text, "\n", 1) == ERR_NONE);
}

static enum err take_user(void *arg, uint64_t line, const struct user_change *u)
{
    struct buf merged;
    MUST(target_read_name(u->name) == NULL && u->target_count <= USER_CHANGES_MAX);
    note(arg, line, 'u', u->name);
    if (u->attributes.len) { /* as the store does */
        buf_init(&merged, USER_ATTRIBUTES_MAX);
        MUST(json_check(u->attributes, JSON_DEPTH, NULL) == ERR_NONE);
        MUST(attributes_merge(SPAN_LIT(""), u->attributes, &merged) == ERR_NONE);
        MUST(json_check(buf_span(&merged), JSON_DEPTH, NULL) == ERR_NONE);
        note(arg, line, 'a', buf_span(&merged));
        buf_deinit(&merged);
    }
    for (size_t i = 0; i < u->target_count; i++) {
        const struct target_change *t = &u->targets[i];
        MUST(t->value.len <= TARGET_VALUE_MAX && t->p256dh.len <= TARGET_KEY_MAX &&
             t->auth.len <= TARGET_KEY_MAX);
        MUST(t->remove || t->value.len > 0);
        note(arg, line, 't', t->value);
    }
    return ERR_NONE;
}

static enum err take_value(void *arg, uint64_t line, struct span value)
{
    MUST(!value.ptr || value.len > 0);
    note(arg, line, value.ptr ? 'v' : 'n', value.ptr ? value : SPAN_LIT(""));
    return ERR_NONE;
}

static enum err take_refused(void *arg, uint64_t line, const struct read_fault *f)
{
    MUST(f->why[0] && memchr(f->why, '\0', sizeof(f->why)) && memchr(f->field, '\0', sizeof(f->field)));
    note(arg, line, 'r', span_of(f->why));
    return ERR_NONE;
}

static void run(const struct import_shape *shape, const uint8_t *data, size_t size, size_t step,
                struct notes *n)
{
    const struct import_taker taker = {take_user, take_value, take_refused, n};
    struct import_rows *r = NULL;
    *n = (struct notes){.line = 0};
    buf_init(&n->text, 64u << 20);
    MUST(import_rows_new(&r, shape, &taker) == ERR_NONE);
    enum err e = ERR_NONE;
    for (size_t at = 0; at < size && !e; at += step)
        e = import_rows_feed(r, (struct span){(const char *)data + at, size - at < step ? size - at : step});
    if (!e)
        e = import_rows_end(r);
    MUST(e == ERR_NONE || (e == ERR_INVALID && import_rows_why(r)[0]));
    note(n, UINT64_MAX, 'e', span_of(import_rows_why(r)));
    import_rows_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const charsets[] = {NULL, NULL, "CP932", "EUC-JP"};
    if (size == 0)
        return 0;
    struct import_shape shape = {.format = data[0] & 1 ? IMPORT_NDJSON : IMPORT_CSV,
                                 .into_list = data[0] & 2,
                                 .by = (enum by)(data[0] >> 2 & 3),
                                 .charset = charsets[data[0] >> 4 & 3]};
    size_t step = (size_t)(data[0] >> 6) * 7 + 1;
    struct notes whole, cut;
    run(&shape, data + 1, size - 1, size, &whole);
    run(&shape, data + 1, size - 1, step, &cut);
    if (!span_eq(buf_span(&whole.text), buf_span(&cut.text))) {
        (void)fprintf(stderr, "at once:\n%.*s\nin pieces of %zu:\n%.*s\n", (int)buf_len(&whole.text),
                      buf_span(&whole.text).ptr, step, (int)buf_len(&cut.text), buf_span(&cut.text).ptr);
        abort();
    }
    buf_deinit(&whole.text);
    buf_deinit(&cut.text);
    return 0;
}
