/* variables_parse and variables_context: what is declared is taken, or refused with its place; a context is
 * JSON. */
#include <string.h>

#include "base/json_scan.h"
#include "campaign/variables.h"
#include "fuzz.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* The input is the declaration, a NUL, and the attributes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t n = strnlen(text, size);
    struct span declared = {text, n}, attributes = {"", 0};
    if (n < size)
        attributes = (struct span){text + n + 1, size - n - 1};
    if (json_check(declared, JSON_DEPTH, &(size_t){0}))
        return 0;
    struct variables *v = NULL;
    struct variables_fault fault;
    enum err e = variables_parse(json_root(declared), &v, &fault);
    need(!e || (!v && fault.path[0] && fault.message[0]), "refused without a word");
    if (!e && (attributes.len == 0 || json_check(attributes, JSON_DEPTH, &(size_t){0}) == ERR_NONE)) {
        struct variables_outcome o;
        struct buf out;
        buf_init(&out, 1u << 20);
        e = variables_context(v, attributes, &out, &o);
        bool ready = !e && o.result == VARIABLES_READY;
        need(ready == (buf_len(&out) > 0), "half a context");
        need(!ready || json_check(buf_span(&out), JSON_DEPTH + 1, &(size_t){0}) == ERR_NONE, "no JSON");
        buf_deinit(&out);
    }
    variables_free(v);
    return 0;
}
