#include "carrier/dsn.h"

#include <gmime/gmime.h>
#include <pthread.h>

#include "base/mem.h"

#define DEPTH_MAX 8u    /* of parts inside parts */
#define VALUE_MAX 4096u /* bytes of a field that are kept; people are shown some hundred */
#define NAME_MAX_LEN 512u
#define ARENA_MAX (2u << 20) /* all that is kept of a notice */

static pthread_once_t gmime_once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    g_mime_init();
}

void dsn_free(struct dsn *d)
{
    arena_deinit(&d->arena);
}

/* ---- fields ---- */

struct field {
    struct span name, value; /* value: as it stands, over several lines */
};

static struct span take_line(struct span *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    const size_t len = end ? (size_t)(end - text->ptr) : text->len;
    struct span line = {text->ptr, len};
    *text = end ? (struct span){end + 1, text->len - len - 1} : (struct span){text->ptr + len, 0};
    while (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* The length of a field's name at the front of a line; 0: the line goes on with the field before it. */
static size_t name_length(struct span line)
{
    size_t i = 0;
    while (i < line.len && line.ptr[i] > ' ' && line.ptr[i] < 0x7F && line.ptr[i] != ':')
        i++;
    for (size_t k = 0; k < i; k++) /* "550 5.1.1 x: y" without a fold in front is no field */
        if (!((line.ptr[k] | 0x20) >= 'a' && (line.ptr[k] | 0x20) <= 'z') && line.ptr[k] != '-' &&
            !(line.ptr[k] >= '0' && line.ptr[k] <= '9' && k > 0))
            return 0;
    return i < line.len && line.ptr[i] == ':' ? i : 0;
}

/*
 * The next field of a block, with the lines that continue it. False: the block, or the text, has ended:
 * *text is behind the empty line then.
 */
static bool take_field(struct span *text, struct field *ret)
{
    while (text->len) {
        const struct span line = take_line(text);
        const size_t name = name_length(line);
        if (!span_trim(line).len)
            return false;
        if (!name)
            continue; /* at the front of a block: nothing that it could continue */
        *ret = (struct field){.name = {line.ptr, name}, .value = {line.ptr + name + 1, line.len - name - 1}};
        while (text->len) {
            struct span rest = *text;
            const struct span next = take_line(&rest);
            if (!span_trim(next).len || (*next.ptr != ' ' && *next.ptr != '\t' && name_length(next)))
                break;
            ret->value.len = (size_t)(next.ptr + next.len - ret->value.ptr);
            *text = rest;
        }
        return true;
    }
    return false;
}

/* A copy in which runs of white space are one blank. */
static struct span unfold(struct dsn *d, struct span value)
{
    if (value.len > VALUE_MAX)
        value.len = VALUE_MAX;
    char *out = arena_alloc(&d->arena, value.len + 1);
    size_t len = 0;
    if (!out) {
        d->incomplete = true;
        return (struct span){"", 0};
    }
    for (size_t i = 0; i < value.len; i++) {
        const char c = value.ptr[i];
        const bool white = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (!white)
            out[len++] = c;
        else if (len && out[len - 1] != ' ')
            out[len++] = ' ';
    }
    while (len && out[len - 1] == ' ')
        len--;
    out[len] = '\0';
    return (struct span){out, len};
}

/* The address behind "rfc822;", without brackets and blanks. */
static struct span address_of(struct span value)
{
    const char *type = memchr(value.ptr, ';', value.len);
    if (type)
        value = (struct span){type + 1, value.len - (size_t)(type + 1 - value.ptr)};
    value = span_trim(value);
    if (value.len > 1 && value.ptr[0] == '<' && value.ptr[value.len - 1] == '>')
        value = (struct span){value.ptr + 1, value.len - 2};
    return value;
}

static bool is_named(const struct field *f, const char *name)
{
    return span_eq_nocase(f->name, span_of(name));
}

static void take_block(struct dsn *d, struct span *text)
{
    struct dsn_recipient r = {.original = SPAN_LIT("")};
    struct field f;
    bool about_one = false;
    while (take_field(text, &f)) {
        if (is_named(&f, "Original-Recipient"))
            r.original = address_of(unfold(d, f.value));
        else if (is_named(&f, "Final-Recipient"))
            r.final = address_of(unfold(d, f.value));
        else if (is_named(&f, "Action"))
            r.action = unfold(d, f.value);
        else if (is_named(&f, "Status"))
            r.status = unfold(d, f.value);
        else if (is_named(&f, "Diagnostic-Code"))
            r.diagnostic = unfold(d, f.value);
    }
    about_one = r.final.len || r.original.len || r.action.len; /* else it is about the mail as a whole */
    if (about_one && d->count < DSN_RECIPIENTS_MAX)
        d->recipients[d->count++] = r;
}

static void take_status(struct dsn *d, struct span text)
{
    while (text.len)
        take_block(d, &text);
}

/* ---- names of the mail ---- */

/* Every word with an @ in it. */
static void take_names(struct dsn *d, struct span value)
{
    for (size_t i = 0; i < value.len;) {
        size_t end = i;
        bool at = false;
        for (; end < value.len && !strchr("<>,;:\"() \t\r\n", value.ptr[end]); end++)
            at |= value.ptr[end] == '@';
        if (at && end - i <= NAME_MAX_LEN && d->name_count < DSN_NAMES_MAX) {
            const char *copy = arena_dup(&d->arena, (struct span){value.ptr + i, end - i});
            d->incomplete |= !copy;
            if (copy)
                d->names[d->name_count++] = (struct span){copy, end - i};
        }
        i = end + 1;
    }
}

static void take_returned_field(struct dsn *d, const char *name, struct span value)
{
    if (strcasecmp(name, "To") == 0 && !d->returned_to.len) {
        const size_t before = d->name_count;
        take_names(d, value);
        if (d->name_count > before)
            d->returned_to = d->names[before];
        d->name_count = before; /* it is no name of the mail */
    } else {
        take_names(d, value);
    }
}

static const char *const returned_fields[] = {"Message-ID", "Return-Path", "To"};

static void take_returned_text(struct dsn *d, struct span text)
{
    struct field f;
    while (take_field(&text, &f))
        for (size_t i = 0; i < sizeof(returned_fields) / sizeof(*returned_fields); i++)
            if (is_named(&f, returned_fields[i]))
                take_returned_field(d, returned_fields[i], f.value);
}

static void take_returned(struct dsn *d, GMimeMessage *message)
{
    for (size_t i = 0; message && i < sizeof(returned_fields) / sizeof(*returned_fields); i++) {
        const char *value = g_mime_object_get_header(GMIME_OBJECT(message), returned_fields[i]);
        if (value)
            take_returned_field(d, returned_fields[i], span_of(value));
    }
}

/* ---- parts ---- */

/* The part's content, decoded; to be freed. */
static GByteArray *content_of(GMimeObject *part)
{
    GMimeStream *stream = g_mime_stream_mem_new();
    GByteArray *bytes = g_byte_array_new();
    g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream), bytes);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
    GMimeDataWrapper *content = GMIME_IS_PART(part) ? g_mime_part_get_content(GMIME_PART(part)) : NULL;
    if (content)
        (void)g_mime_data_wrapper_write_to_stream(content, stream);
    else if (GMIME_IS_MESSAGE_PART(part)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
        if (inner)
            (void)g_mime_object_write_to_stream(GMIME_OBJECT(inner), NULL, stream);
    }
    g_object_unref(stream);
    return bytes;
}

static void take_content(struct dsn *d, GMimeObject *part, void (*take)(struct dsn *d, struct span text))
{
    GByteArray *bytes = content_of(part);
    take(d, (struct span){bytes->len ? (const char *)bytes->data : "", bytes->len});
    g_byte_array_unref(bytes);
}

static void take_part(struct dsn *d, GMimeObject *part, unsigned depth)
{
    GMimeContentType *type = g_mime_object_get_content_type(part);
    if (GMIME_IS_MULTIPART(part)) {
        const int count = g_mime_multipart_get_count(GMIME_MULTIPART(part));
        for (int i = 0; depth < DEPTH_MAX && i < count; i++)
            take_part(d, g_mime_multipart_get_part(GMIME_MULTIPART(part), i), depth + 1);
        return;
    }
    if (g_mime_content_type_is_type(type, "message", "delivery-status") ||
        g_mime_content_type_is_type(type, "message", "global-delivery-status")) {
        take_content(d, part, take_status);
    } else if (g_mime_content_type_is_type(type, "text", "rfc822-headers") ||
               g_mime_content_type_is_type(type, "message", "global-headers")) {
        take_content(d, part, take_returned_text);
    } else if (GMIME_IS_MESSAGE_PART(part)) {
        take_returned(d, g_mime_message_part_get_message(GMIME_MESSAGE_PART(part)));
    }
}

/* ---- a notice without fields ---- */

static void take_said(struct dsn *d, struct span text)
{
    for (size_t i = 0; i < d->count; i++)
        d->recipients[i].diagnostic = unfold(d, text);
}

/*
 * Exim names who failed in a field of the head, and what the server said in the text, in front of the mail
 * that it returns.
 */
static void take_exim(struct dsn *d, GMimeMessage *message)
{
    const char *failed = g_mime_object_get_header(GMIME_OBJECT(message), "X-Failed-Recipients");
    GMimeObject *body = g_mime_message_get_mime_part(message);
    if (!failed || d->count || !body)
        return;
    while (GMIME_IS_MULTIPART(body) && g_mime_multipart_get_count(GMIME_MULTIPART(body)) > 0)
        body = g_mime_multipart_get_part(GMIME_MULTIPART(body), 0);
    const char *comma = strchrnul(failed, ',');
    d->recipients[d->count++] = (struct dsn_recipient){
        .original = address_of(unfold(d, (struct span){failed, (size_t)(comma - failed)})),
        .action = SPAN_LIT("failed"),
    };
    GByteArray *bytes = content_of(body);
    struct span text = {bytes->len ? (const char *)bytes->data : "", bytes->len};
    const char *copy = memmem(text.ptr, text.len, "\n------ This is a copy of", 25);
    if (copy) {
        take_returned_text(d, (struct span){copy + 1, text.len - (size_t)(copy + 1 - text.ptr)});
        struct span rest = {copy + 1, text.len - (size_t)(copy + 1 - text.ptr)};
        (void)take_line(&rest);
        while (rest.len && (*rest.ptr == '\n' || *rest.ptr == '\r'))
            (void)take_line(&rest);
        take_returned_text(d, rest);
        text.len = (size_t)(copy - text.ptr);
    }
    take_said(d, text);
    g_byte_array_unref(bytes);
}

enum err dsn_read(struct span message, struct dsn *ret)
{
    static const char *const to[] = {"X-Original-To", "Delivered-To", "Envelope-To", "To"};
    (void)pthread_once(&gmime_once, begin);
    if (message.len > DSN_BYTES_MAX)
        message.len = DSN_BYTES_MAX;
    memset(ret, 0, sizeof(*ret));
    arena_init(&ret->arena, 8192, ARENA_MAX);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(message.ptr, message.len);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
    for (size_t i = 0; m && i < sizeof(to) / sizeof(*to); i++) {
        const char *value = g_mime_object_get_header(GMIME_OBJECT(m), to[i]);
        if (value)
            take_names(ret, span_of(value));
    }
    GMimeObject *body = m ? g_mime_message_get_mime_part(m) : NULL;
    if (body)
        take_part(ret, body, 0);
    if (m)
        take_exim(ret, m);
    if (m)
        g_object_unref(m);
    g_object_unref(parser);
    g_object_unref(stream);
    if (ret->count && !ret->incomplete)
        return ERR_NONE;
    dsn_free(ret);
    return ret->incomplete ? ERR_NOMEM : ERR_INVALID;
}

static bool is_failed(const struct dsn_recipient *r)
{
    return r->action.len >= 6 && strncasecmp(r->action.ptr, "failed", 6) == 0;
}

const struct dsn_recipient *dsn_recipient_of(const struct dsn *d, struct span target)
{
    for (size_t i = 0; target.len && i < d->count; i++)
        if (span_eq_nocase(d->recipients[i].original, target))
            return &d->recipients[i];
    for (size_t i = 0; target.len && i < d->count; i++)
        if (span_eq_nocase(d->recipients[i].final, target))
            return &d->recipients[i];
    for (size_t i = 0; i < d->count; i++)
        if (is_failed(&d->recipients[i]))
            return &d->recipients[i];
    return &d->recipients[0];
}
