/* Which file of the console a request gets, and in which form. The files are those of tests/unit/console/,
 * embedded as the real ones are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/console.h"

extern const struct console_file console_fixture[];

#define SCRIPT "/assets/index-Zz98Yy76.js"
#define STYLE "/assets/index-Ab12Cd34.css"

static struct span or_absent(const char *s)
{
    return s ? span_of(s) : (struct span){NULL, 0};
}

static struct console_reply ask(const char *path, const char *accept, const char *coding, const char *etag)
{
    const struct console_request r = {span_of(path), or_absent(accept), or_absent(coding), or_absent(etag)};
    return console_choose(console_fixture, &r);
}

static void paths(void **state)
{
    (void)state;
    static const char page[] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    static const struct {
        const char *path, *accept, *file; /* file NULL: none of ours */
    } rows[] = {
        {"/", page, "/index.html"},
        {"/", NULL, "/index.html"},
        {"/index.html", NULL, "/index.html"},
        {SCRIPT, "*/*", SCRIPT},
        {STYLE, "text/css,*/*;q=0.1", STYLE},
        {"/favicon.svg", "image/*", "/favicon.svg"},
        {"/channels/2000000001/errors", page, "/index.html"},
        {"/channels/2000000001", "TEXT/HTML", "/index.html"},
        {"/channels/2000000001", "text/html;q=0.9", "/index.html"},
        {"/channels/2000000001", "*/*", NULL},
        {"/channels/2000000001", "application/json", NULL},
        {"/channels/2000000001", NULL, NULL},
        {"/assets/gone-Zz98Yy77.js", page, NULL},
        {"/assets/", page, NULL},
        {"/assets", page, NULL},
        {"/api", page, NULL},
        {"/api/v1/nothing", page, NULL},
        {"/v2", page, NULL},
        {"/v2/bot/nothing", page, NULL},
        {"/apis", page, "/index.html"},
        {"/v2x", page, "/index.html"},
        {"/../../etc/passwd", page, "/index.html"},
        {"/..%2f..%2fetc/passwd", "*/*", NULL},
        {"*", "*/*", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct console_reply r = ask(rows[i].path, rows[i].accept, NULL, NULL);
        assert_int_equal(r.status, rows[i].file ? 200 : 404);
        if (rows[i].file)
            assert_string_equal(r.file->path, rows[i].file);
    }
}

static void codings(void **state)
{
    (void)state;
    static const struct {
        const char *accept, *coding;
    } rows[] = {
        {NULL, NULL},
        {"", NULL},
        {"gzip, deflate, br, zstd", "br"},
        {"gzip, deflate", "gzip"},
        {"GZIP", "gzip"},
        {"deflate", NULL},
        {"br;q=0.5, gzip", "gzip"},
        {"br;q=0.5 , gzip ; q=0.8", "gzip"},
        {"br;q=0, gzip;q=0", NULL},
        {"br;q=0, *", "gzip"},
        {"*", "br"},
        {"*;q=0", NULL},
        {"identity, gzip;q=0.5", NULL},
        {"identity;q=0.5, gzip;q=0.5, br;q=0.5", "br"},
        {"identity;q=0, gzip;q=0.1", "gzip"},
        {"br;q=1.000", "br"},
        {"br;q=1.001", NULL},
        {"br;q=2", NULL},
        {"br;q=nonsense", NULL},
        {"br;q=-1", NULL},
        {"br;q=", "br"},
        {";;,,;q=1,", NULL},
        {"brx, xbr", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct console_reply r = ask(SCRIPT, "*/*", rows[i].accept, NULL);
        if (!rows[i].coding != !r.coding || (r.coding && strcmp(r.coding, rows[i].coding) != 0))
            fail_msg("%s: %s", rows[i].accept, r.coding ? r.coding : "plain");
    }
    /* What does not shrink is there in one form only. */
    assert_null(ask(STYLE, NULL, "br, gzip", NULL).coding);
}

static void unchanged(void **state)
{
    (void)state;
    struct console_reply plain = ask("/", NULL, NULL, NULL), br = ask("/", NULL, "br", NULL);
    assert_string_not_equal(plain.body->etag, br.body->etag);
    assert_true(br.body->len < plain.body->len);
    const struct {
        const char *etag, *coding;
        int status;
    } rows[] = {
        {plain.body->etag, NULL, 304}, {plain.body->etag, "br", 200},
        {br.body->etag, "br", 304},    {"*", NULL, 304},
        {"\"other\"", NULL, 200},      {"", NULL, 200},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(ask("/", NULL, rows[i].coding, rows[i].etag).status, rows[i].status);
    char list[200];
    (void)snprintf(list, sizeof(list), "\"one\" , W/%s,\"two\"", plain.body->etag);
    assert_int_equal(ask("/", NULL, NULL, list).status, 304);
}

static void only_hashed_names_stay(void **state)
{
    (void)state;
    for (const struct console_file *f = console_fixture; f->path; f++)
        assert_int_equal(f->immutable, strncmp(f->path, "/assets/", 8) == 0);
    assert_string_equal(ask(SCRIPT, NULL, NULL, NULL).file->type, "text/javascript; charset=utf-8");
    assert_string_equal(ask("/favicon.svg", NULL, NULL, NULL).file->type, "image/svg+xml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(codings),
        cmocka_unit_test(unchanged),
        cmocka_unit_test(only_hashed_names_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
