#include "campaign/script.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/origin.h"
#include "base/utf8.h"
#include "campaign/duktape_setup.h"

#include <duktape.h>

extern const char nunjucks_js[], script_js[];
extern const size_t nunjucks_js_len, script_js_len;

/*
 * A heap with the engine and a usual content holds 2 MiB; one that has grown past this is not worth keeping.
 */
#define KEPT_MAX (8u << 20)
#define BLOCK_HEAD 16 /* before each block, its size: keeps the alignment that Duktape wants */

struct script {
    duk_context *heap;
    size_t used, max; /* bytes of blocks */
    bool out_of_memory, out_of_time;
    uint64_t deadline;  /* by script_cpu_ns(); 0: none */
    size_t count;       /* templates */
    struct buf scratch; /* a text on its way in */
};

uint64_t script_cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

duk_bool_t script_out_of_time(void *engine)
{
    struct script *e = engine;
    if (e->deadline && script_cpu_ns() > e->deadline)
        e->out_of_time = true;
    return e->out_of_time;
}

static void heap_free(void *arg, void *p)
{
    struct script *e = arg;
    if (!p)
        return;
    char *block = (char *)p - BLOCK_HEAD;
    size_t size;
    memcpy(&size, block, sizeof(size));
    e->used -= size;
    mem_free(block);
}

static void *heap_resize(void *arg, void *p, duk_size_t size)
{
    struct script *e = arg;
    if (size == 0) {
        heap_free(e, p);
        return NULL;
    }
    char *block = p ? (char *)p - BLOCK_HEAD : NULL;
    size_t before = 0;
    if (block)
        memcpy(&before, block, sizeof(before));
    if (size > e->max || e->used - before + size > e->max) {
        e->out_of_memory = true; /* Duktape collects its garbage and asks once more */
        return NULL;
    }
    char *resized = mem_resize(block, size + BLOCK_HEAD);
    if (!resized) {
        e->out_of_memory = true;
        return NULL;
    }
    memcpy(resized, &(size_t){size}, sizeof(size_t));
    e->used += size - before;
    return resized + BLOCK_HEAD;
}

static void *heap_alloc(void *arg, duk_size_t size)
{
    return heap_resize(arg, NULL, size);
}

/* Duktape cannot go on, nor may this function return: the process ends, and the pool replaces it. */
static void heap_fatal(void *arg, const char *message)
{
    (void)arg;
    (void)message;
    _Exit(70);
}

/* Pushes UTF-8 as the engine has strings. Throws where memory ends. */
static void push_text(struct script *e, struct span s)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    while (p < end && (unsigned char)*p < 0xF0)
        p++;
    if (p == end) {
        (void)duk_push_lstring(e->heap, s.ptr, s.len);
        return;
    }
    buf_clear(&e->scratch);
    if (buf_reserve(&e->scratch, s.len + s.len / 2 + 8)) {
        e->out_of_memory = true;
        (void)duk_range_error(e->heap, "out of memory");
    }
    char *out = e->scratch.data + e->scratch.tail;
    size_t at = 0;
    for (p = s.ptr; p < end;) {
        uint32_t cp = 0;
        size_t n = (unsigned char)*p < 0xF0 ? 0 : utf8_next(p, (size_t)(end - p), &cp);
        if (n != 4) {
            out[at++] = *p++;
            continue;
        }
        uint32_t pair[2] = {0xD800u + ((cp - 0x10000u) >> 10), 0xDC00u + ((cp - 0x10000u) & 0x3FFu)};
        for (size_t i = 0; i < 2; i++) {
            out[at++] = (char)(0xE0u | pair[i] >> 12);
            out[at++] = (char)(0x80u | (pair[i] >> 6 & 0x3Fu));
            out[at++] = (char)(0x80u | (pair[i] & 0x3Fu));
        }
        p += n;
    }
    (void)duk_push_lstring(e->heap, out, at);
}

/* The half of a pair at p; 0: none. */
static uint32_t surrogate(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    if (end - p < 3 || u[0] != 0xED || u[1] < 0xA0)
        return 0;
    return 0xD000u | (uint32_t)(u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
}

/* Writes what the engine holds as UTF-8 into out[0..len of s); returns its length, which is never more. */
static size_t text_out(const char *s, size_t len, char *out)
{
    const char *p = s, *end = s + len;
    size_t at = 0;
    while (p < end) {
        uint32_t high = surrogate(p, end), low = high && high < 0xDC00u ? surrogate(p + 3, end) : 0;
        if (!high) {
            out[at++] = *p++;
        } else if (low >= 0xDC00u) {
            at += utf8_put(0x10000u + ((high - 0xD800u) << 10 | (low - 0xDC00u)), out + at);
            p += 6;
        } else {
            at += utf8_put(0xFFFDu, out + at);
            p += 3;
        }
    }
    return at;
}

/* Copies a message, cut between characters. */
static void tell(struct script_result *ret, const char *s, size_t len)
{
    char text[2 * sizeof(ret->text)];
    if (len > sizeof(text))
        len = sizeof(text);
    size_t n = text_out(s, len, text);
    if (n > sizeof(ret->text) - 1)
        n = sizeof(ret->text) - 1;
    while (n > 0 && n < len && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        ret->text[i] = text[i] ? text[i] : ' ';
    ret->text[n] = 0;
}

/* Why a call failed; its error is on the stack. */
static void tell_failure(struct script *e, struct script_result *ret)
{
    ret->status = e->out_of_time ? SCRIPT_TIME : e->out_of_memory ? SCRIPT_MEMORY : SCRIPT_ERROR;
    duk_size_t len = 0;
    const char *s = duk_safe_to_lstring(e->heap, -1, &len);
    tell(ret, s, len);
}

/* Leaves the program, a function of nothing, on the stack. */
static duk_ret_t compile_program(duk_context *heap, void *arg)
{
    struct buf *source = arg;
    struct span s = buf_span(source);
    (void)duk_push_lstring(heap, "script.js", 9);
    duk_compile_lstring_filename(heap, DUK_COMPILE_EVAL, s.ptr, s.len);
    duk_dump_function(heap);
    return 1;
}

/*
 * The program as bytecode, which loads ten times faster than its source. It is made by this process from its
 * own source, so it can be trusted.
 */
static struct buf program;

static enum err program_source(struct buf *out)
{
    enum err e =
        buf_add_str(out, "var window = undefined; (function (global) { var module = {exports: {}}, exports = "
                         "module.exports; (function () {\n");
    if (!e)
        e = buf_add(out, nunjucks_js, nunjucks_js_len);
    if (!e)
        e = buf_add_str(out, "\n}).call(global); var nunjucks = module.exports, made = ");
    if (!e)
        e = buf_add(out, script_js, script_js_len);
    return e ? e : buf_add_str(out, "(global); return made; })(this);\n");
}

static bool program_make(duk_context *heap)
{
    struct buf source;
    buf_init(&source, nunjucks_js_len + script_js_len + 1024);
    buf_init(&program, 4u << 20); /* the bytecode has 250 KiB */
    bool ok = program_source(&source) == ERR_NONE &&
              duk_safe_call(heap, compile_program, &source, 0, 1) == DUK_EXEC_SUCCESS;
    duk_size_t len = 0;
    void *bytes = ok ? duk_get_buffer(heap, -1, &len) : NULL;
    ok = bytes && buf_add(&program, bytes, len) == ERR_NONE;
    buf_deinit(&source);
    duk_set_top(heap, 0);
    return ok;
}

/* Leaves the object of script.js on the stack, where it stays. */
static duk_ret_t load_program(duk_context *heap, void *arg)
{
    (void)arg;
    void *bytes = duk_push_fixed_buffer(heap, buf_len(&program));
    memcpy(bytes, buf_span(&program).ptr, buf_len(&program));
    duk_load_function(heap);
    duk_call(heap, 0);
    return 1;
}

struct script *script_new(size_t memory)
{
    struct script *e = mem_zero(1, sizeof(*e));
    if (!e)
        return NULL;
    e->max = memory;
    buf_init(&e->scratch, 4u << 20); /* half as much again as the longest text, which the parent bounds */
    e->heap = duk_create_heap(heap_alloc, heap_resize, heap_free, e, heap_fatal);
    bool ok = e->heap && (buf_len(&program) > 0 || program_make(e->heap)) &&
              duk_safe_call(e->heap, load_program, NULL, 0, 1) == DUK_EXEC_SUCCESS;
    if (!ok) {
        script_free(e);
        return NULL;
    }
    e->out_of_memory = false;
    return e;
}

void script_free(struct script *e)
{
    if (!e)
        return;
    e->deadline = 0;
    e->out_of_time = false;
    if (e->heap)
        duk_destroy_heap(e->heap);
    buf_deinit(&e->scratch);
    mem_free(e);
}

static void begin(struct script *e, unsigned ms, struct script_result *ret)
{
    *ret = (struct script_result){.status = SCRIPT_DONE};
    e->deadline = script_cpu_ns() + (uint64_t)ms * 1000000u;
    e->out_of_time = e->out_of_memory = false;
}

struct load_call {
    struct script *e;
    const struct script_template *templates;
    size_t count;
    struct script_result *ret;
};

static duk_ret_t load_templates(duk_context *heap, void *arg)
{
    struct load_call *call = arg;
    (void)duk_push_string(heap, "load");
    duk_idx_t texts = duk_push_array(heap), html = duk_push_array(heap);
    for (size_t i = 0; i < call->count; i++) {
        push_text(call->e, call->templates[i].text);
        (void)duk_put_prop_index(heap, texts, (duk_uarridx_t)i);
        duk_push_boolean(heap, call->templates[i].html);
        (void)duk_put_prop_index(heap, html, (duk_uarridx_t)i);
    }
    duk_call_prop(heap, 0, 2);
    if (!duk_is_array(heap, -1))
        return 1;
    struct script_result *ret = call->ret;
    for (duk_uarridx_t i = 0; i < 3; i++)
        (void)duk_get_prop_index(heap, -1 - (duk_idx_t)i, i);
    ret->index = duk_to_uint32(heap, -3);
    ret->line = duk_to_uint32(heap, -2);
    ret->column = duk_to_uint32(heap, -1);
    (void)duk_get_prop_index(heap, -4, 3);
    duk_size_t len = 0;
    const char *text = duk_safe_to_lstring(heap, -1, &len);
    ret->status = SCRIPT_ERROR;
    tell(ret, text, len);
    return 1;
}

enum err script_load(struct script *e, const struct script_template *templates, size_t count, unsigned ms,
                     struct script_result *ret)
{
    begin(e, ms, ret);
    e->count = count;
    struct load_call call = {.e = e, .templates = templates, .count = count, .ret = ret};
    duk_dup(e->heap, 0);
    if (duk_safe_call(e->heap, load_templates, &call, 1, 1) != DUK_EXEC_SUCCESS)
        tell_failure(e, ret);
    else if (ret->status == SCRIPT_ERROR && (e->out_of_time || e->out_of_memory))
        ret->status = e->out_of_time ? SCRIPT_TIME : SCRIPT_MEMORY;
    duk_set_top(e->heap, 1);
    e->deadline = 0;
    if (ret->status == SCRIPT_DONE) {
        e->out_of_memory = false; /* garbage was collected, and then there was enough */
        duk_gc(e->heap, DUK_GC_COMPACT);
    }
    return ERR_NONE;
}

struct render_call {
    struct script *e;
    struct span context;
    size_t output_max;
    struct buf *out;
    struct script_result *ret;
    enum err err;
};

static duk_ret_t take_texts(duk_context *heap, struct render_call *call)
{
    size_t total = 0;
    for (size_t i = 0; i < call->e->count; i++) {
        (void)duk_get_prop_index(heap, -1, (duk_uarridx_t)i);
        duk_size_t len = 0;
        const char *text = duk_safe_to_lstring(heap, -1, &len);
        total += len;
        if (total > call->output_max) {
            call->ret->status = SCRIPT_LARGE;
            call->ret->index = (uint32_t)i;
            return 1;
        }
        call->err = buf_reserve(call->out, len + sizeof(uint32_t));
        if (call->err)
            return 1;
        char *at = call->out->data + call->out->tail;
        uint32_t n = (uint32_t)text_out(text, len, at + sizeof(n));
        memcpy(at, &n, sizeof(n));
        call->out->tail += sizeof(n) + n;
        duk_pop(heap);
    }
    return 1;
}

static duk_ret_t render_templates(duk_context *heap, void *arg)
{
    struct render_call *call = arg;
    struct script_result *ret = call->ret;
    duk_idx_t texts = duk_push_array(heap);
    duk_dup(heap, 0);
    (void)duk_push_string(heap, "render");
    push_text(call->e, call->context);
    duk_dup(heap, texts);
    duk_call_prop(heap, -4, 2);
    if (!duk_is_array(heap, -1)) {
        duk_dup(heap, texts);
        return take_texts(heap, call);
    }
    (void)duk_get_prop_index(heap, -1, 0);
    ret->index = duk_to_uint32(heap, -1);
    (void)duk_get_prop_index(heap, -2, 1);
    ret->status = duk_to_boolean(heap, -1) ? SCRIPT_NULL : SCRIPT_ERROR;
    (void)duk_get_prop_index(heap, -3, 2);
    duk_size_t len = 0;
    const char *text = duk_safe_to_lstring(heap, -1, &len);
    tell(ret, text, len);
    return 1;
}

enum err script_render(struct script *e, struct span context, unsigned ms, size_t output_max, struct buf *out,
                       struct script_result *ret)
{
    begin(e, ms, ret);
    size_t before = buf_len(out);
    struct render_call call = {.e = e, .context = context, .output_max = output_max, .out = out, .ret = ret};
    duk_dup(e->heap, 0);
    if (duk_safe_call(e->heap, render_templates, &call, 1, 1) != DUK_EXEC_SUCCESS)
        tell_failure(e, ret);
    else if (ret->status == SCRIPT_ERROR && (e->out_of_time || e->out_of_memory))
        ret->status = e->out_of_time ? SCRIPT_TIME : SCRIPT_MEMORY;
    duk_set_top(e->heap, 1);
    e->deadline = 0;
    if (ret->status == SCRIPT_DONE)
        e->out_of_memory = false;
    if (call.err || ret->status != SCRIPT_DONE)
        out->tail = out->head + before;
    return call.err;
}

bool script_is_spent(const struct script *e)
{
    return e->out_of_time || e->out_of_memory || e->used > KEPT_MAX;
}
