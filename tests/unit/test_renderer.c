/*
 * The pool of renderers, with real processes: answers in time and once, whatever is asked; closed at any
 * time; out of memory at any allocation. What templates do to it: tests/e2e/render-hostile.test.mjs.
 */
#include "loop_fixture.h"

#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "campaign/content.h"
#include "campaign/renderer.h"

struct told {
    unsigned times;
    enum render_result result;
    char json[256], reason[CONTENT_REASON_MAX];
    struct content_fault fault;
    bool checked, refused, gone;
    struct renderer *close; /* closed when told */
};

static uv_loop_t loop;
static unsigned closed;

static void on_closed(void *arg)
{
    (void)arg;
    closed++;
}

static void on_done(void *arg, const struct content_rendered *r)
{
    struct told *t = arg;
    t->times++;
    t->result = r->result;
    struct span json = content_member(r, "text");
    (void)snprintf(t->json, sizeof(t->json), "%.*s", (int)json.len, json.ptr);
    (void)snprintf(t->reason, sizeof(t->reason), "%s", r->reason);
    if (t->close)
        renderer_close(t->close, on_closed, NULL);
}

static void on_checked(void *arg, const struct content_fault *fault, const char *gone)
{
    struct told *t = arg;
    t->times++;
    t->checked = true;
    t->refused = fault != NULL;
    t->gone = gone != NULL;
    if (fault)
        t->fault = *fault;
}

static struct renderer *open_pool(struct renderer_options options)
{
    struct renderer *r = NULL;
    if (!options.program)
        options.program = getenv("TODOKE_BIN");
    assert_non_null(options.program);
    assert_int_equal(renderer_open(&loop, &options, &r), ERR_NONE);
    return r;
}

static struct content *compiled(const char *text)
{
    char json[512];
    struct content *c = NULL;
    struct content_fault fault;
    (void)snprintf(json, sizeof(json), "{\"text\":\"%s\"}", text);
    assert_int_equal(content_compile(MEDIUM_PUSH, span_of(json), NULL, &c, &fault), ERR_NONE);
    return c;
}

static void close_pool(struct renderer *r)
{
    closed = 0;
    renderer_close(r, on_closed, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(closed, 1);
}

/* Until all that was asked is told. */
static void run(struct renderer *r)
{
    struct renderer_figures f;
    for (renderer_read(r, &f); f.waiting > 0; renderer_read(r, &f))
        (void)uv_run(&loop, UV_RUN_ONCE);
}

static void test_answers(void **state)
{
    (void)state;
    struct renderer *r = open_pool((struct renderer_options){.processes = 2});
    struct content *good = compiled("{% if a %}{{ a }}{% endif %}!"), *bad = compiled("{% if a %}"),
                   *none = compiled("x");
    struct told told[200] = {{0}}, checks[3] = {{0}};
    for (size_t i = 0; i < 200; i++) {
        char context[64];
        (void)snprintf(context, sizeof(context), "{\"a\":\"%zu\"}", i + 1);
        struct content *c = i % 10 == 3 ? bad : i % 10 == 5 ? none : good;
        assert_int_equal(
            renderer_render(r, c, span_of(i % 10 == 7 ? "{\"a\":[null]}" : context), on_done, &told[i]),
            ERR_NONE);
        assert_int_equal(told[i].times, 0);
    }
    assert_int_equal(renderer_check(r, good, on_checked, &checks[0]), ERR_NONE);
    assert_int_equal(renderer_check(r, bad, on_checked, &checks[1]), ERR_NONE);
    assert_int_equal(renderer_check(r, none, on_checked, &checks[2]), ERR_NONE);
    run(r);
    for (size_t i = 0; i < 200; i++) {
        char want[64];
        (void)snprintf(want, sizeof(want), i % 10 == 5 ? "\"x\"" : i % 10 == 7 ? "\"!\"" : "\"%zu!\"", i + 1);
        assert_int_equal(told[i].times, 1);
        assert_int_equal(told[i].result, i % 10 == 3 ? RENDER_FAILED : RENDER_DONE);
        assert_string_equal(told[i].json, i % 10 == 3 ? "" : want);
    }
    assert_true(checks[0].checked && !checks[0].refused && !checks[0].gone && checks[0].times == 1);
    assert_true(checks[1].checked && checks[1].refused && checks[1].times == 1);
    assert_string_equal(checks[1].fault.path, "text");
    assert_true(checks[1].fault.message[0]);
    assert_true(checks[2].checked && !checks[2].refused);
    content_unref(good);
    content_unref(bad);
    content_unref(none);
    close_pool(r);
}

/* More contents than a process keeps: each comes back and is compiled again. */
static void test_slots(void **state)
{
    (void)state;
    struct renderer *r = open_pool((struct renderer_options){0});
    struct content *contents[12];
    struct told told[36] = {{0}};
    for (size_t i = 0; i < 12; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "{%% if true %%}%zu{%% endif %%}", i);
        contents[i] = compiled(text);
    }
    for (size_t i = 0; i < 36; i++)
        assert_int_equal(renderer_render(r, contents[i % 12], SPAN_LIT("{}"), on_done, &told[i]), ERR_NONE);
    run(r);
    for (size_t i = 0; i < 36; i++) {
        char want[16];
        (void)snprintf(want, sizeof(want), "\"%zu\"", i % 12);
        assert_string_equal(told[i].json, want);
    }
    for (size_t i = 0; i < 12; i++)
        content_unref(contents[i]);
    close_pool(r);
}

static void test_refused(void **state)
{
    (void)state;
    struct renderer *r = open_pool((struct renderer_options){.waiting_max = 2});
    struct content *c = compiled("{% if true %}x{% endif %}");
    struct told told[3] = {{0}};
    char *large = mem_alloc(RENDERER_CONTEXT_MAX + 1);
    assert_non_null(large);
    memset(large, ' ', RENDERER_CONTEXT_MAX + 1);
    assert_int_equal(renderer_render(r, c, (struct span){large, RENDERER_CONTEXT_MAX + 1}, on_done, &told[0]),
                     ERR_LIMIT);
    assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[0]), ERR_NONE);
    assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[1]), ERR_NONE);
    assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[2]), ERR_BUSY);
    run(r);
    assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[2]), ERR_NONE);
    run(r);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(told[i].json, "\"x\"");
    mem_free(large);
    content_unref(c);
    close_pool(r);
}

static void test_no_program(void **state)
{
    (void)state;
    static const char *const programs[] = {"/nonexistent/todoke", "/bin/true", "/bin/cat"};
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        struct renderer *r = open_pool((struct renderer_options){.program = programs[i]});
        struct content *c = compiled("{% if true %}x{% endif %}");
        struct told told[2] = {{0}};
        assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[0]), ERR_NONE);
        assert_int_equal(renderer_check(r, c, on_checked, &told[1]), ERR_NONE);
        run(r);
        assert_int_equal(told[0].times, 1);
        assert_int_equal(told[0].result, RENDER_GONE);
        assert_true(told[0].reason[0]);
        assert_true(told[1].gone && told[1].times == 1);
        content_unref(c);
        close_pool(r);
    }
}

static void test_closed(void **state)
{
    (void)state;
    struct content *c = compiled("{% if true %}x{% endif %}");
    struct told told[3] = {{0}};
    struct renderer *r = open_pool((struct renderer_options){0});
    close_pool(r); /* before anything was asked */
    r = open_pool((struct renderer_options){0});
    assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[0]), ERR_NONE);
    close_pool(r); /* before a process was started */
    assert_int_equal(told[0].times, 1);
    assert_int_equal(told[0].result, RENDER_GONE);
    r = open_pool((struct renderer_options){0});
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(renderer_render(r, c, SPAN_LIT("{}"), on_done, &told[i]), ERR_NONE);
    told[0].close = r; /* by whoever is told first */
    closed = 0;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(closed, 1);
    assert_int_equal(told[0].result, RENDER_DONE);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(told[i].times, 1);
        assert_int_equal(told[i].result, RENDER_GONE);
    }
    content_unref(c);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct content *c = compiled("{% if true %}{{ a }}{% endif %}");
    unsigned refused = 0, done = 0;
    for (unsigned long n = 1; n < 60; n++) {
        struct told told = {0};
        struct renderer *r = NULL;
        struct renderer_options options = {.program = getenv("TODOKE_BIN")};
        (void)mem_fail_at(n);
        enum err e = renderer_open(&loop, &options, &r);
        if (!e)
            e = renderer_render(r, c, SPAN_LIT("{\"a\":1}"), on_done, &told);
        if (!e)
            run(r);
        bool reached = mem_fail_hit();
        (void)mem_fail_at(0);
        refused += e == ERR_NOMEM;
        assert_int_equal(told.times, e ? 0 : 1);
        assert_true(e || told.result == RENDER_DONE ||
                    told.result == RENDER_GONE); /* never the template's fault */
        done += !e && told.result == RENDER_DONE;
        if (r)
            close_pool(r);
        if (!reached)
            break;
    }
    assert_int_equal(refused, 2);
    assert_true(done > 0); /* among them those that were tried again */
    content_unref(c);
}

static int make_loop(void **state)
{
    (void)state;
    return uv_loop_init(&loop);
}

static int end_loop(void **state)
{
    (void)state;
    return uv_loop_close(&loop);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as a node does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(test_slots, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(test_refused, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(test_no_program, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(test_closed, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(test_no_memory, make_loop, end_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
