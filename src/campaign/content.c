#include "campaign/content.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_fault.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "campaign/content_parts.h"
#include "campaign/print.h"
#include "campaign/template.h"

/* A content of 512 KiB whose every five bytes print a variable takes 40 MiB. */
#define ARENA_MAX (64u << 20)

/* What a member consists of: JSON as it is, or the inside of a string that a template renders. */
struct part {
    struct span raw;
    const struct template *template;
};

struct member {
    struct span key;
    size_t from, to; /* parts */
};

struct content {
    atomic_uint refs;
    struct arena arena;
    struct span text;
    enum medium medium;
    bool plain, constant;
    size_t member_count, part_count, template_count;
    struct member members[CONTENT_MEMBERS_MAX];
    struct part *parts;
    struct template templates[CONTENT_TEMPLATES_MAX];
    size_t offsets[CONTENT_TEMPLATES_MAX]; /* of each in text */
};

/* What content_compile() carries around. */
struct builder {
    struct content *c;
    const struct variables *variables;
    struct content_fault *fault;
    struct buf parts;   /* of struct part */
    struct buf decoded; /* the string that is read */
    const char *raw;    /* up to here the text is in parts */
    bool html;
};

static enum err refuse(struct content_fault *fault, enum err e, const char *path, const char *message)
{
    *fault = (struct content_fault){0};
    (void)snprintf(fault->path, sizeof(fault->path), "%s", path);
    (void)snprintf(fault->message, sizeof(fault->message), "%s", message);
    return e;
}

static void path_of(const struct content *c, size_t offset, char path[static CONTENT_PATH_MAX])
{
    struct json_fault place;
    json_fault_place(c->text, offset, &place);
    (void)snprintf(path, CONTENT_PATH_MAX, "%s", place.path);
}

static enum err add_part(struct builder *b, const char *raw_end, const struct template *template)
{
    struct part part = {.raw = {b->raw, (size_t)(raw_end - b->raw)}, .template = template};
    return buf_add(&b->parts, &part, sizeof(part));
}

/* One string of the content: where it prints something, what stood before it becomes a part. */
static enum err read_string(struct builder *b, struct json_value value)
{
    struct content *c = b->c;
    if (!memchr(value.raw.ptr, '{', value.raw.len) && !memchr(value.raw.ptr, '\\', value.raw.len) &&
        !memchr(value.raw.ptr, '#', value.raw.len))
        return ERR_NONE; /* no tag can begin in it */
    buf_clear(&b->decoded);
    enum err e = json_string_decode(value, &b->decoded);
    if (e)
        return e;
    struct template t;
    struct template_fault fault;
    size_t offset = (size_t)(value.raw.ptr - c->text.ptr);
    e = template_parse(&c->arena, buf_span(&b->decoded), b->html, b->variables, &t, &fault);
    if (e == ERR_INVALID) {
        (void)refuse(b->fault, e, "", fault.message);
        path_of(c, offset, b->fault->path);
        b->fault->line = fault.line;
        b->fault->column = fault.column;
    }
    if (e || t.kind == TEMPLATE_CONSTANT)
        return e;
    if (c->template_count == CONTENT_TEMPLATES_MAX)
        return refuse(b->fault, ERR_LIMIT, "", "more than 4096 strings that print something");
    c->constant = false;
    c->plain = c->plain && t.kind == TEMPLATE_DIRECT;
    c->offsets[c->template_count] = offset;
    c->templates[c->template_count] = t;
    e = add_part(b, value.raw.ptr + 1, &c->templates[c->template_count++]);
    b->raw = value.raw.ptr + value.raw.len - 1;
    return e;
}

/* Reads every string of a value, in the order of the text. CONTENT_DEPTH bounds the recursion. */
static enum err read_value(struct builder *b, struct json_value value)
{
    struct json_value inner;
    struct span key;
    enum err e = ERR_NONE;
    if (value.kind == JSON_KIND_STRING)
        return read_string(b, value);
    struct json_iter it = json_elements(value);
    while (!e && json_next_element(&it, &inner))
        e = read_value(b, inner);
    it = json_members(value);
    while (!e && json_next_member(&it, &key, &inner))
        e = read_value(b, inner);
    return e;
}

static enum err read_members(struct builder *b)
{
    struct content *c = b->c;
    struct json_value root = json_root(c->text), value;
    if (root.kind != JSON_KIND_OBJECT)
        return refuse(b->fault, ERR_INVALID, "", "a content is a JSON object");
    struct json_iter it = json_members(root);
    struct span key;
    while (json_next_member(&it, &key, &value)) {
        if (c->member_count == CONTENT_MEMBERS_MAX)
            return refuse(b->fault, ERR_LIMIT, "", "more than 16 members");
        for (size_t i = 0; i < c->member_count; i++)
            if (span_eq(c->members[i].key, key)) {
                (void)refuse(b->fault, ERR_INVALID, "", "a member of this name is there twice");
                path_of(c, (size_t)(value.raw.ptr - c->text.ptr), b->fault->path);
                return ERR_INVALID;
            }
        struct member *m = &c->members[c->member_count++];
        *m = (struct member){.key = key, .from = buf_len(&b->parts) / sizeof(struct part)};
        b->html = c->medium == MEDIUM_MAIL && json_key_is(key, "html");
        b->raw = value.raw.ptr;
        enum err e = read_value(b, value);
        if (!e)
            e = add_part(b, value.raw.ptr + value.raw.len, NULL);
        if (e)
            return e;
        m->to = buf_len(&b->parts) / sizeof(struct part);
    }
    return ERR_NONE;
}

static enum err check_text(struct span text, struct content_fault *fault)
{
    size_t at = 0;
    if (text.len > CONTENT_TEXT_MAX)
        return refuse(fault, ERR_LIMIT, "", "larger than 512 KiB");
    enum err e = json_check(text, CONTENT_DEPTH, &at);
    if (e) {
        struct json_fault found;
        json_fault_find(text, CONTENT_DEPTH, e, at, &found);
        (void)refuse(fault, e, found.path, found.message);
    }
    return e;
}

static enum err compile(struct builder *b, struct span text)
{
    struct content *c = b->c;
    c->text = (struct span){arena_dup(&c->arena, text), text.len};
    if (!c->text.ptr)
        return ERR_NOMEM;
    enum err e = read_members(b);
    if (e)
        return e;
    size_t len = buf_len(&b->parts);
    c->part_count = len / sizeof(struct part);
    c->parts = arena_alloc(&c->arena, len + 1);
    if (!c->parts)
        return ERR_NOMEM;
    if (len > 0)
        memcpy(c->parts, buf_span(&b->parts).ptr, len);
    return ERR_NONE;
}

enum err content_compile(enum medium medium, struct span content, const struct variables *variables,
                         struct content **ret, struct content_fault *ret_fault)
{
    *ret_fault = (struct content_fault){0};
    enum err e = check_text(content, ret_fault);
    if (e)
        return e;
    struct content *c = mem_zero(1, sizeof(*c));
    if (!c)
        return ERR_NOMEM;
    atomic_init(&c->refs, 1);
    arena_init(&c->arena, 16u << 10, ARENA_MAX);
    c->medium = medium;
    c->plain = c->constant = true;
    struct builder b = {.c = c, .variables = variables, .fault = ret_fault};
    buf_init(&b.parts, (CONTENT_TEMPLATES_MAX + CONTENT_MEMBERS_MAX) * sizeof(struct part));
    buf_init(&b.decoded, CONTENT_TEXT_MAX);
    e = compile(&b, content);
    buf_deinit(&b.parts);
    buf_deinit(&b.decoded);
    if (e) {
        if (e == ERR_NOMEM)
            (void)refuse(ret_fault, e, "", "no memory");
        content_unref(c);
        return e;
    }
    *ret = c;
    return ERR_NONE;
}

struct content *content_ref(struct content *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void content_unref(struct content *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_deinit(&c->arena);
    mem_free(c);
}

bool content_is_plain(const struct content *c)
{
    return c->plain;
}

bool content_is_constant(const struct content *c)
{
    return c->constant;
}

size_t content_template_count(const struct content *c)
{
    return c->template_count;
}

struct content_template content_template(const struct content *c, size_t i)
{
    return (struct content_template){.source = c->templates[i].source, .html = c->templates[i].html};
}

void content_template_path(const struct content *c, size_t i, char path[static CONTENT_PATH_MAX])
{
    path[0] = 0;
    if (i < c->template_count)
        path_of(c, c->offsets[i], path);
}

void content_fail(const struct content *c, enum render_result result, size_t i, const char *reason,
                  struct content_rendered *ret)
{
    ret->result = result;
    ret->count = 0;
    content_template_path(c, i, ret->path);
    (void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

/* Renders the inside of one string. */
static enum err render_direct(const struct content *c, const struct template *t, struct json_value context,
                              struct buf *out, struct content_rendered *ret)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct template_piece *piece = &t->pieces[i];
        enum err e = buf_add_span(out, piece->text);
        enum print_result printed = PRINT_DONE;
        if (!e && piece->print)
            e = print_value(piece->print, t->html, context, out, &printed);
        if (e)
            return e;
        if (printed == PRINT_ENGINE) {
            ret->result = RENDER_NEEDS_ENGINE;
            return ERR_NONE;
        }
        if (printed == PRINT_NULL) {
            char reason[160]; /* the engine's own text, which the list of errors quotes */
            (void)snprintf(
                reason, sizeof(reason),
                "(unknown path) [Line %u, Column %u]\n  attempted to output null or undefined value",
                piece->print->line, piece->print->column);
            content_fail(c, RENDER_NULL, (size_t)(t - c->templates), reason, ret);
            return ERR_NONE;
        }
    }
    return ERR_NONE;
}

/* Where the string of a template comes from: the direct way, or the engine's texts. */
struct source {
    struct json_value context;
    const struct span *texts;
};

/* The text in its quotes, without them: they stand in the parts around it. */
static enum err add_text(struct buf *out, struct span text)
{
    size_t before = buf_len(out);
    enum err e = json_write_quoted(out, text);
    if (e)
        return e;
    char *at = out->data + out->head + before;
    size_t n = buf_len(out) - before;
    memmove(at, at + 1, n - 2);
    out->tail -= 2;
    return ERR_NONE;
}

static enum err assemble(const struct content *c, const struct source *source, struct buf *out,
                         struct content_rendered *ret)
{
    size_t start = buf_len(out), at[CONTENT_MEMBERS_MAX + 1];
    enum err e = ERR_NONE;
    ret->result = RENDER_DONE;
    ret->count = 0;
    ret->path[0] = ret->reason[0] = 0;
    for (size_t m = 0; m < c->member_count && !e && ret->result == RENDER_DONE; m++) {
        at[m] = buf_len(out);
        for (size_t p = c->members[m].from; p < c->members[m].to && !e && ret->result == RENDER_DONE; p++) {
            const struct part *part = &c->parts[p];
            e = buf_add_span(out, part->raw);
            if (!e && part->template && source->texts)
                e = add_text(out, source->texts[part->template - c->templates]);
            else if (!e && part->template)
                e = render_direct(c, part->template, source->context, out, ret);
            if (!e && ret->result == RENDER_DONE && buf_len(out) - start > CONTENT_OUTPUT_MAX)
                content_fail(c, RENDER_FAILED,
                             part->template ? (size_t)(part->template - c->templates) : SIZE_MAX,
                             CONTENT_TOO_LARGE, ret);
        }
    }
    if (e || ret->result != RENDER_DONE) {
        out->tail = out->head + start;
        return e;
    }
    at[c->member_count] = buf_len(out);
    for (size_t m = 0; m < c->member_count; m++)
        ret->members[m] =
            (struct content_member){c->members[m].key, {buf_span(out).ptr + at[m], at[m + 1] - at[m]}};
    ret->count = c->member_count;
    return ERR_NONE;
}

enum err content_render(const struct content *c, struct span context, struct buf *out,
                        struct content_rendered *ret)
{
    if (!c->plain) {
        ret->result = RENDER_NEEDS_ENGINE;
        ret->count = 0;
        ret->path[0] = ret->reason[0] = 0;
        return ERR_NONE;
    }
    return assemble(c, &(struct source){.context = json_root(context)}, out, ret);
}

enum err content_assemble(const struct content *c, const struct span *texts, struct buf *out,
                          struct content_rendered *ret)
{
    return assemble(c, &(struct source){.texts = texts}, out, ret);
}

struct span content_member(const struct content_rendered *rendered, const char *name)
{
    for (size_t i = 0; i < rendered->count; i++)
        if (json_key_is(rendered->members[i].key, name))
            return rendered->members[i].json;
    return (struct span){"", 0};
}
