/*
 * Renders: each line of standard input is a JSON object that asks for one message, and is answered by a line
 * in the same order. TODOKE_BIN is the program whose renderer processes are used.
 *
 *     {"medium":"mail","content":{…},"context":{…},"way":"direct"}       or "engine", "check"
 * {"content":{…},"variables":[…],"attributes":{…},"way":"auto"} as a job does: direct, else the engine
 * ─► {"way":"direct","result":"done","members":{…},"empty":false,"path":"","reason":"","line":0,"column":0}
 *
 * usage: todoke-render [RENDER_MS [PROCESSES [MEMORY_MIB]]]
 * todoke-render bench CONTENT CONTEXT COUNT: renders one content so often, and says how many a second, both
 * ways
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "campaign/content.h"
#include "campaign/renderer.h"
#include "campaign/variables.h"

static const char *const results[] = {"done", "needs_engine", "null", "failed", "gone"};

struct line {
    char *answer; /* NULL: not there yet */
    enum medium medium;
};

static struct renderer *pool;
static struct line *lines;
static size_t line_count, shown;

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "todoke-render: %s\n", what);
    exit(2);
}

/* In the order of the questions. */
static void show(void)
{
    while (shown < line_count && lines[shown].answer) {
        (void)puts(lines[shown].answer);
        mem_free(lines[shown++].answer);
    }
    (void)fflush(stdout);
}

static void answer(struct line *line, const char *way, const char *result, const struct content_rendered *r,
                   const char *path, const char *reason, unsigned at, unsigned column)
{
    struct buf out;
    struct json_write w;
    buf_init(&out, 8u << 20);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "way");
    json_write_str(&w, way);
    json_write_key(&w, "result");
    json_write_str(&w, result);
    json_write_key(&w, "members");
    json_write_object(&w);
    for (size_t i = 0; r && i < r->count; i++) {
        char key[256];
        (void)snprintf(key, sizeof(key), "%.*s", (int)r->members[i].key.len, r->members[i].key.ptr);
        need(json_check(r->members[i].json, JSON_DEPTH, &(size_t){0}) == ERR_NONE, "a member is no JSON");
        json_write_key(&w, key);
        json_write_raw(&w, r->members[i].json);
    }
    json_write_end(&w);
    json_write_key(&w, "empty");
    json_write_bool(&w, r && r->result == RENDER_DONE && content_is_empty(line->medium, r));
    json_write_key(&w, "path");
    json_write_str(&w, path);
    json_write_key(&w, "reason");
    json_write_str(&w, reason);
    json_write_key(&w, "line");
    json_write_uint(&w, at);
    json_write_key(&w, "column");
    json_write_uint(&w, column);
    json_write_end(&w);
    need(json_write_finish(&w) == ERR_NONE, "no room for the answer");
    line->answer = buf_steal(&out);
    show();
}

static void on_done(void *arg, const struct content_rendered *r)
{
    answer(arg, "engine", results[r->result], r, r->path, r->reason, 0, 0);
}

static void on_checked(void *arg, const struct content_fault *f, const char *gone)
{
    answer(arg, "check",
           gone ? "gone"
           : f  ? "invalid"
                : "done",
           NULL, f ? f->path : "",
           gone ? gone
           : f  ? f->message
                : "",
           f ? f->line : 0, f ? f->column : 0);
}

enum { MEDIUM, CONTENT, CONTEXT, VARIABLES, ATTRIBUTES, WAY, FIELDS };

static enum medium medium_of(struct json_value v)
{
    return json_string_is(v, "push")      ? MEDIUM_PUSH
           : json_string_is(v, "line")    ? MEDIUM_LINE
           : json_string_is(v, "browser") ? MEDIUM_BROWSER
                                          : MEDIUM_MAIL;
}

/* Renders directly where that is asked for. true: it is answered. */
static bool direct(struct line *line, struct json_value way, const struct content *c, struct span context)
{
    if (json_string_is(way, "engine") || json_string_is(way, "check"))
        return false;
    static struct content_rendered r;
    struct buf out;
    buf_init(&out, 4u << 20);
    need(content_render(c, context, &out, &r) == ERR_NONE, "not rendered");
    bool ends = r.result != RENDER_NEEDS_ENGINE || json_string_is(way, "direct");
    if (ends)
        answer(line, "direct", results[r.result], &r, r.path, r.reason, 0, 0);
    buf_deinit(&out);
    return ends;
}

static void ask(struct line *line, struct span text)
{
    struct json_field f[FIELDS] = {{"medium", {0}},    {"content", {0}},    {"context", {0}},
                                   {"variables", {0}}, {"attributes", {0}}, {"way", {0}}};
    need(json_check(text, JSON_DEPTH, &(size_t){0}) == ERR_NONE &&
             json_pick(json_root(text), f, FIELDS) == ERR_NONE,
         "a line is no object of JSON");
    line->medium = medium_of(f[MEDIUM].value);
    struct variables *variables = NULL;
    struct variables_fault vf;
    struct content *c = NULL;
    struct content_fault fault;
    struct buf context;
    buf_init(&context, 1u << 20);
    bool declared = f[VARIABLES].value.kind != JSON_KIND_NONE;
    if (variables_parse(f[VARIABLES].value, &variables, &vf)) {
        answer(line, "variables", "invalid", NULL, vf.path, vf.message, 0, 0);
    } else if (content_compile(line->medium, f[CONTENT].value.raw, declared ? variables : NULL, &c, &fault)) {
        answer(line, "compile", "invalid", NULL, fault.path, fault.message, fault.line, fault.column);
    } else {
        struct variables_outcome o = {.result = VARIABLES_READY};
        struct span use = f[CONTEXT].value.raw;
        if (f[CONTEXT].value.kind == JSON_KIND_NONE) {
            need(variables_context(variables, f[ATTRIBUTES].value.raw, &context, &o) == ERR_NONE,
                 "no context");
            use = buf_span(&context);
        }
        if (o.result != VARIABLES_READY)
            answer(line, "variables", o.result == VARIABLES_SKIP ? "skip" : "no_value", NULL, "", "", 0, 0);
        else if (!direct(line, f[WAY].value, c, use))
            need((json_string_is(f[WAY].value, "check")
                      ? renderer_check(pool, c, on_checked, line)
                      : renderer_render(pool, c, use, on_done, line)) == ERR_NONE,
                 "not queued");
    }
    buf_deinit(&context);
    content_unref(c);
    variables_free(variables);
}

static void read_all(struct buf *in)
{
    for (;;) {
        need(buf_reserve(in, 1u << 16) == ERR_NONE, "too much input");
        ssize_t n = read(STDIN_FILENO, in->data + in->tail, 1u << 16);
        need(n >= 0, "cannot read");
        if (n == 0)
            return;
        in->tail += (size_t)n;
    }
}

static void run_lines(uv_loop_t *loop)
{
    struct buf in;
    buf_init(&in, 256u << 20);
    read_all(&in);
    struct span all = buf_span(&in);
    for (size_t i = 0; i < all.len; i++)
        line_count += all.ptr[i] == '\n';
    lines = mem_zero(line_count + 1, sizeof(*lines));
    need(lines != NULL, "no memory");
    const char *p = all.ptr;
    for (size_t i = 0; i < line_count; i++) {
        const char *end = memchr(p, '\n', (size_t)(all.ptr + all.len - p));
        ask(&lines[i], (struct span){p, (size_t)(end - p)});
        p = end + 1;
        struct renderer_figures f;
        for (renderer_read(pool, &f); f.waiting > 4000; renderer_read(pool, &f))
            (void)uv_run(loop, UV_RUN_ONCE);
    }
    struct renderer_figures f;
    for (renderer_read(pool, &f); f.waiting > 0; renderer_read(pool, &f))
        (void)uv_run(loop, UV_RUN_ONCE);
    buf_deinit(&in);
    mem_free(lines);
}

static size_t answered, failed;

static void on_counted(void *arg, const struct content_rendered *r)
{
    answered++;
    failed += r->result != RENDER_DONE;
}

static void run_bench(uv_loop_t *loop, char **argv)
{
    struct content *c = NULL;
    struct content_fault fault;
    size_t count = strtoul(argv[3], NULL, 10);
    struct span context = span_of(argv[2]);
    static struct content_rendered r;
    struct buf out;
    buf_init(&out, 4u << 20);
    need(content_compile(MEDIUM_MAIL, span_of(argv[1]), NULL, &c, &fault) == ERR_NONE, fault.message);
    uint64_t start = uv_hrtime();
    for (size_t i = 0; i < count * 20 && content_is_plain(c); i++) {
        buf_clear(&out);
        need(content_render(c, context, &out, &r) == ERR_NONE && r.result == RENDER_DONE,
             "not rendered directly");
    }
    if (content_is_plain(c))
        (void)printf("direct %.0f/s, %zu bytes each\n", (double)count * 20e9 / (double)(uv_hrtime() - start),
                     buf_len(&out));
    size_t asked = 0;
    answered = 0;
    start = uv_hrtime();
    while (answered < count) {
        while (asked < count && renderer_render(pool, c, context, on_counted, NULL) == ERR_NONE)
            asked++;
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    (void)printf("engine %.0f/s, %zu failed\n", (double)count * 1e9 / (double)(uv_hrtime() - start), failed);
    buf_deinit(&out);
    content_unref(c);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as a node does */
    uv_loop_t loop;
    bool bench = argc == 5 && strcmp(argv[1], "bench") == 0;
    struct renderer_options options = {.program = getenv("TODOKE_BIN")};
    if (!bench && argc > 1)
        options.render_ms = (unsigned)strtoul(argv[1], NULL, 10);
    if (!bench && argc > 2)
        options.processes = (unsigned)strtoul(argv[2], NULL, 10);
    if (!bench && argc > 3)
        options.memory = strtoul(argv[3], NULL, 10) << 20;
    need(uv_loop_init(&loop) == 0 && renderer_open(&loop, &options, &pool) == ERR_NONE, "no pool");
    if (bench)
        run_bench(&loop, argv + 1);
    else
        run_lines(&loop);
    struct renderer_figures f;
    renderer_read(pool, &f);
    (void)fprintf(stderr, "%lu rendered, %lu started, %lu killed\n", (unsigned long)f.rendered,
                  (unsigned long)f.started, (unsigned long)f.killed);
    renderer_close(pool, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    need(uv_loop_close(&loop) == 0, "a handle is left open");
    return 0;
}
