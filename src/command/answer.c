#include "command/answer.h"

#include "base/visible.h"

/* The deepest event that the API accepts, plus the objects that the answer wraps around it. */
#define DEPTH (JSON_DEPTH + 8u)

bool answer_read(struct span text, struct json_value *ret)
{
    if (json_check(text, DEPTH, NULL))
        return false;
    *ret = json_root(text);
    return true;
}

struct json_value answer_at(struct json_value object, const char *path)
{
    struct json_value v = object;
    char name[64];
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        if (json_find(v, name, &v))
            return (struct json_value){0};
        if (v.kind == JSON_KIND_STRING)
            return v;
    }
    return json_find(v, path, &v) ? (struct json_value){0} : v;
}

bool answer_text(struct json_value object, const char *path, char *out, size_t size)
{
    struct json_value v = answer_at(object, path);
    struct buf text;
    buf_init(&text, size - 1);
    bool ok = json_string_decode(v, &text) == ERR_NONE && !memchr(buf_span(&text).ptr, '\0', buf_len(&text));
    if (ok)
        memcpy(out, buf_span(&text).ptr, buf_len(&text));
    if (ok)
        out[buf_len(&text)] = '\0';
    buf_deinit(&text);
    return ok;
}

bool answer_number(struct json_value object, const char *path, int64_t *ret)
{
    return json_int64(answer_at(object, path), ret) == ERR_NONE && *ret >= 0;
}

/* Cuts s after at most max bytes, never inside a character. */
static struct span cut(struct span s, size_t max)
{
    if (s.len <= max)
        return s;
    while (max && ((unsigned char)s.ptr[max] & 0xC0) == 0x80)
        max--;
    return (struct span){s.ptr, max};
}

/* Removes white space between tokens; strings keep every byte. */
static enum err add_compact(struct buf *out, struct span json)
{
    enum err e = ERR_NONE;
    bool string = false;
    for (size_t i = 0; !e && i < json.len; i++) {
        char c = json.ptr[i];
        if (string && c == '\\' && i + 1 < json.len) {
            e = buf_add(out, json.ptr + i++, 2);
            continue;
        }
        if (c == '"')
            string = !string;
        if (string || !strchr(" \t\r\n", c))
            e = buf_add(out, &c, 1);
    }
    return e;
}

enum err answer_show(struct json_value v, size_t max, struct buf *out)
{
    struct buf text;
    buf_init(&text, v.raw.len + 1); /* decoding and compacting never make it longer */
    enum err e = ERR_NONE;
    switch (v.kind) {
    case JSON_KIND_STRING:
        e = json_string_decode(v, &text);
        break;
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        e = buf_add_str(&text, v.kind == JSON_KIND_TRUE ? "yes" : "no");
        break;
    case JSON_KIND_NONE:
    case JSON_KIND_NULL:
        e = buf_add_str(&text, "-");
        break;
    case JSON_KIND_NUMBER:
    case JSON_KIND_OBJECT:
    case JSON_KIND_ARRAY:
        e = add_compact(&text, v.raw);
        break;
    }
    struct span whole = buf_span(&text), shown = cut(whole, max);
    if (!e)
        e = visible_add(out, shown, false);
    if (!e && shown.len < whole.len)
        e = buf_add_str(out, "…");
    buf_deinit(&text);
    return e;
}

static void begin_line(FILE *to, unsigned depth)
{
    (void)fprintf(to, "\n%*s", (int)(2 * depth), "");
}

/* The position after the closing quote of the string at p. */
static size_t string_len(struct span s)
{
    size_t i = 1;
    while (i < s.len && s.ptr[i] != '"')
        i += s.ptr[i] == '\\' ? 2 : 1;
    return i < s.len ? i + 1 : s.len;
}

static size_t skip_space(struct span s, size_t i)
{
    while (i < s.len && strchr(" \t\r\n", s.ptr[i]))
        i++;
    return i;
}

void answer_print_line(FILE *to, struct json_value v)
{
    struct span s = v.raw;
    for (size_t i = 0, n; (i = skip_space(s, i)) < s.len; i += n) {
        n = s.ptr[i] == '"' ? string_len((struct span){s.ptr + i, s.len - i}) : 1;
        visible_print(to, (struct span){s.ptr + i, n}, false);
    }
}

/* The length in bytes of one token of checked JSON. */
static size_t print_token(FILE *to, struct span s, unsigned *depth)
{
    size_t after = skip_space(s, 1);
    switch (s.ptr[0]) {
    case '"':
        after = string_len(s);
        visible_print(to, (struct span){s.ptr, after}, false);
        return after;
    case '{':
    case '[':
        (void)fputc(s.ptr[0], to);
        if (after < s.len && (s.ptr[after] == '}' || s.ptr[after] == ']')) {
            (void)fputc(s.ptr[after], to);
            return after + 1;
        }
        begin_line(to, ++*depth);
        return 1;
    case '}':
    case ']':
        begin_line(to, --*depth);
        break;
    default:
        break;
    }
    (void)fputc(s.ptr[0], to);
    if (s.ptr[0] == ',')
        begin_line(to, *depth);
    else if (s.ptr[0] == ':')
        (void)fputc(' ', to);
    return 1;
}

void answer_print(FILE *to, struct span text)
{
    struct json_value root;
    unsigned depth = 0;
    if (!answer_read(text, &root)) {
        visible_print(to, text, true);
    } else {
        for (size_t i = 0; (i = skip_space(root.raw, i)) < root.raw.len;)
            i += print_token(to, (struct span){root.raw.ptr + i, root.raw.len - i}, &depth);
    }
    (void)fputc('\n', to);
}
