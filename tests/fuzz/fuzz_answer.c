/*
 * What a node, or what is none, answers our commands: printed in every form. What is printed commands no
 * terminal, and JSON stays the same JSON.
 */
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/visible.h"
#include "command/listing.h"
#include "fuzz.h"

#define MUST(x)                                                                                              \
    do {                                                                                                     \
        if (!(x)) {                                                                                          \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static void must_be_harmless(const char *text, size_t len)
{
    uint32_t cp;
    for (size_t i = 0, n; i < len; i += n) {
        MUST((n = utf8_next(text + i, len - i, &cp)) > 0);
        MUST(cp == '\n' || !(utf8_is_control(cp) || utf8_is_invisible(cp)));
    }
}

enum form { PRETTY, LINE };

/* The caller's to free. */
static char *print(enum form form, struct span text, struct json_value root, size_t *ret_len)
{
    char *out = NULL;
    FILE *to = open_memstream(&out, ret_len);
    MUST(to);
    if (form == PRETTY)
        answer_print(to, text);
    else
        answer_print_line(to, root);
    MUST(fclose(to) == 0);
    must_be_harmless(out, *ret_len);
    return out;
}

/* Both forms, once written, are the same JSON again: the line of the pretty one is the line. */
static void must_stay_json(struct span text, struct json_value root)
{
    size_t pretty_len, line_len, again_len;
    char *pretty = print(PRETTY, text, root, &pretty_len), *line = print(LINE, text, root, &line_len);
    struct json_value read;
    MUST(!memchr(line, '\n', line_len));
    MUST(answer_read((struct span){line, line_len}, &read));
    MUST(answer_read((struct span){pretty, pretty_len}, &read));
    char *again = print(LINE, (struct span){pretty, pretty_len}, read, &again_len);
    MUST(again_len == line_len && memcmp(again, line, line_len) == 0);
    free(pretty);
    free(line);
    free(again);
}

static void show(struct span text, struct json_value root)
{
    static const struct listing listing = {"rows", {{"A", "a"}, {"B", "b.c"}, {"LAST", "d"}}};
    struct buf out;
    buf_init(&out, 1u << 20);
    for (size_t max = 0; max < 40; max += 13) {
        buf_clear(&out);
        MUST(answer_show(root, max, &out) == ERR_NONE);
        must_be_harmless(buf_span(&out).ptr, buf_len(&out));
        MUST(!memchr(buf_span(&out).ptr, '\n', buf_len(&out)));
    }
    buf_deinit(&out);
    char small[16];
    int64_t n;
    if (answer_text(root, "a.b", small, sizeof(small)))
        MUST(strlen(small) < sizeof(small));
    if (answer_number(root, "a", &n))
        MUST(n >= 0);
    (void)listing_object(&listing, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool quiet;
    if (!quiet) { /* the tables go to standard output */
        quiet = true;
        MUST(freopen("/dev/null", "w", stdout));
    }
    struct span text = {(const char *)data, size};
    struct json_value root;
    if (answer_read(text, &root)) {
        must_stay_json(text, root);
        show(text, root);
    } else {
        size_t len;
        free(print(PRETTY, text, (struct json_value){0}, &len));
    }
    MUST(visible_width(text) <= 12 * size);
    return 0;
}
