#include "server/server_h1.h"

#include <llhttp.h>
#include <string.h>

#include "base/hex.h"

#define METHOD_MAX 64
#define EMPTY_LINES_MAX 4   /* RFC 9112 2.2: a server should ignore at least one before the request line */
#define CHUNK_LINE_MAX 1024 /* size and extensions of one chunk, or one trailer field */

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

void h1_init(struct h1 *p, const struct h1_limits *limits)
{
    *p = (struct h1){.limits = limits};
}

bool h1_begun(const struct h1 *p, const struct buf *in)
{
    return p->head_done || p->skipped > 0 || buf_len(in) > 0;
}

size_t h1_missing(const struct h1 *p, const struct buf *in, const struct server_head *head)
{
    if (!p->head_done || (!p->streamed && (!head->has_length || head->content_length > p->body_max)))
        return 0;
    if (p->streamed)
        return head->has_length ? (size_t)(head->content_length - p->taken) : SIZE_MAX;
    size_t want = p->head_len + (size_t)head->content_length;
    return want > buf_len(in) ? want - buf_len(in) : 0;
}

static enum h1_event refuse(struct h1 *p, int status, const char *detail, const char *property)
{
    p->refusal = (struct server_refusal){status, detail, property};
    return H1_REFUSE;
}

/* ---- the request line ---- */

static enum h1_event set_version(struct h1 *p, struct span v, struct server_head *head)
{
    bool form = v.len == 8 && memcmp(v.ptr, "HTTP/", 5) == 0 && v.ptr[5] >= '0' && v.ptr[5] <= '9' &&
                v.ptr[6] == '.' && v.ptr[7] >= '0' && v.ptr[7] <= '9';
    if (!form)
        return refuse(p, 400, "The request line is malformed", NULL);
    /* A higher minor version is handled as the highest one known (RFC 9110 2.5). */
    if (v.ptr[5] != '1')
        return refuse(p, 505, "HTTP/1.1 and HTTP/2 are spoken here", NULL);
    head->http = v.ptr[7] == '0' ? 10 : 11;
    return H1_HEAD;
}

/* line: without its CRLF, at the front of the buffer. */
static enum h1_event parse_request_line(struct h1 *p, struct span line, struct server_head *head)
{
    const char *base = line.ptr, *end = line.ptr + line.len;
    const char *s1 = memchr(line.ptr, ' ', line.len);
    const char *s2 = s1 ? memchr(s1 + 1, ' ', (size_t)(end - s1 - 1)) : NULL;
    if (!s1 || !s2)
        return refuse(p, 400, "The request line is malformed", NULL);
    struct span method = {line.ptr, (size_t)(s1 - line.ptr)};
    if (method.len > METHOD_MAX || !server_head_is_token(method))
        return refuse(p, 400, "The method is malformed", NULL);
    head->method = (struct server_part){0, (uint32_t)method.len};
    head->target = (struct server_part){(uint32_t)(s1 + 1 - base), (uint32_t)(s2 - s1 - 1)};
    if (head->target.len > p->limits->target_max)
        return refuse(p, 414, "The request target is too long", NULL);
    enum h1_event e = set_version(p, (struct span){s2 + 1, (size_t)(end - s2 - 1)}, head);
    if (e != H1_HEAD)
        return e;
    if (span_eq(method, SPAN_LIT("CONNECT")))
        return refuse(p, 501, "CONNECT is not supported", NULL);
    if (!server_head_set_target(head, base))
        return refuse(p, 400, "The request target is malformed", NULL);
    return H1_HEAD;
}

/* ---- the head, line by line ---- */

static enum h1_event head_too_large(struct h1 *p)
{
    if (p->lines == 0)
        return refuse(p, 414, "The request target is too long", NULL);
    return refuse(p, 431, "The header fields are too large", NULL);
}

/*
 * The request line is incomplete: checks whether it looks like one so far. Strangers (TLS, binary noise) need
 * not wait for the deadline.
 */
static enum h1_event check_beginning(struct h1 *p, struct span s)
{
    size_t n = s.len < METHOD_MAX + 1 ? s.len : METHOD_MAX + 1;
    const char *space = memchr(s.ptr, ' ', n);
    size_t method = space ? (size_t)(space - s.ptr) : n;
    /* An empty line may precede: its CR has arrived, its LF has not. */
    if (!space && s.len == 1 && s.ptr[0] == '\r')
        return H1_MORE;
    if (!space && method > 0 && s.ptr[method - 1] == '\r')
        method--;
    if (method > METHOD_MAX || !server_head_is_token((struct span){s.ptr, method}))
        return refuse(p, 400, "This is not an HTTP request", NULL);
    if (space && s.len - method - 1 > p->limits->target_max + sizeof(" HTTP/1.1\r"))
        return refuse(p, 414, "The request target is too long", NULL);
    return H1_MORE;
}

/* Finds the end of the head and sets head_len; H1_MORE if it is not there yet. */
static enum h1_event scan_head(struct h1 *p, struct buf *in, struct server_head *head)
{
    for (;;) {
        struct span s = buf_span(in);
        const char *lf = s.len > p->scanned ? memchr(s.ptr + p->scanned, '\n', s.len - p->scanned) : NULL;
        if (!lf) {
            p->scanned = s.len;
            if (s.len > p->limits->head_max)
                return head_too_large(p);
            return p->lines == 0 && s.len > 0 ? check_beginning(p, s) : H1_MORE;
        }
        size_t end = (size_t)(lf - s.ptr);
        if (end >= p->limits->head_max)
            return head_too_large(p);
        size_t len = end - p->line;
        if (len == 0 || s.ptr[end - 1] != '\r')
            return refuse(p, 400, "A line does not end with CRLF", NULL);
        len--;
        if (memchr(s.ptr + p->line, '\r', len) || memchr(s.ptr + p->line, '\0', len))
            return refuse(p, 400, "A line holds a CR or NUL", NULL);
        p->line = p->scanned = end + 1;
        if (len == 0 && p->lines == 0) {
            if (++p->skipped > EMPTY_LINES_MAX)
                return refuse(p, 400, "This is not an HTTP request", NULL);
            buf_consume(in, end + 1);
            p->line = p->scanned = 0;
            continue;
        }
        if (len == 0) {
            p->head_len = end + 1;
            return H1_HEAD;
        }
        char first = s.ptr[end - 1 - len];
        if (p->lines > 0 && (first == ' ' || first == '\t'))
            return refuse(p, 400, "Folded header fields are not accepted", NULL);
        if (p->lines == 0 && parse_request_line(p, (struct span){s.ptr, len}, head) != H1_HEAD)
            return H1_REFUSE;
        if (p->lines++ > p->limits->fields_max)
            return refuse(p, 431, "There are too many header fields", NULL);
    }
}

/* ---- the fields, by llhttp ---- */

struct collector {
    const char *base;
    struct server_head *head;
    bool in_value, overflow;
};

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct collector *c = parser->data;
    struct server_head *h = c->head;
    if (h->field_count == 0 || c->in_value) {
        if (h->field_count == SERVER_FIELDS_MAX) {
            c->overflow = true;
            return -1;
        }
        h->fields[h->field_count++] = (struct server_field){.name.at = (uint32_t)(at - c->base)};
        c->in_value = false;
    }
    struct server_part *name = &h->fields[h->field_count - 1].name;
    name->len = (uint32_t)(at + len - c->base) - name->at;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct collector *c = parser->data;
    struct server_part *value = &c->head->fields[c->head->field_count - 1].value;
    if (!c->in_value)
        value->at = (uint32_t)(at - c->base);
    c->in_value = true;
    value->len = (uint32_t)(at + len - c->base) - value->at;
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    ((struct collector *)parser->data)->in_value = true;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct collector *c = parser->data;
    c->head->keep_alive = c->head->http == 11 && llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
};

/*
 * The request line was parsed above, because llhttp knows a fixed list of methods, treats some specially, and
 * rejects versions it must not (HTTP/1.2). The router decides about methods. So llhttp gets a plain request
 * line followed by the client's fields.
 */
static enum h1_event parse_fields(struct h1 *p, char *base, struct server_head *head)
{
    struct collector c = {.base = base, .head = head};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &c;
    static const char line[] = "GET / HTTP/1.1\r\n";
    const char *fields = memchr(base, '\n', p->head_len);
    llhttp_errno_t e = llhttp_execute(&parser, line, sizeof(line) - 1);
    if (e == HPE_OK)
        e = llhttp_execute(&parser, fields + 1, p->head_len - (size_t)(fields + 1 - base));
    if (c.overflow)
        return refuse(p, 431, "There are too many header fields", NULL);
    if (e == HPE_UNEXPECTED_CONTENT_LENGTH || e == HPE_INVALID_CONTENT_LENGTH)
        return refuse(p, 400, "The length is given more than once or is no number", "content-length");
    if (e == HPE_INVALID_TRANSFER_ENCODING)
        return refuse(p, 400, "The transfer coding must end with chunked", "transfer-encoding");
    /* llhttp must end exactly where we found the end. */
    if (e != HPE_PAUSED || llhttp_get_error_pos(&parser) < base + p->head_len - 1)
        return refuse(p, 400, "A header field is malformed", NULL);
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct server_field *f = &head->fields[i];
        if (!server_head_is_token(server_part_span(base, f->name)))
            return refuse(p, 400, "A header field is malformed", NULL);
        for (char *n = base + f->name.at, *end = n + f->name.len; n < end; n++)
            if (*n >= 'A' && *n <= 'Z')
                *n = (char)(*n + ('a' - 'A'));
        while (f->value.len > 0 &&
               (base[f->value.at + f->value.len - 1] == ' ' || base[f->value.at + f->value.len - 1] == '\t'))
            f->value.len--;
    }
    return H1_HEAD;
}

/* ---- what the fields mean ---- */

static bool host_is_valid(struct span host)
{
    if (host.len == 0)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr("-._~%!$&'()*+;=:[]", c)))
            return false;
    }
    return true;
}

static enum h1_event check_host(struct h1 *p, const char *base, const struct server_head *head)
{
    struct span host = server_head_find(head, base, SPAN_LIT("host"), 0);
    if (!host.ptr)
        return head->http == 11 ? refuse(p, 400, "Host is missing", "host") : H1_HEAD;
    if (server_head_find(head, base, SPAN_LIT("host"), 1).ptr)
        return refuse(p, 400, "Host is given more than once", "host");
    return host_is_valid(host) ? H1_HEAD : refuse(p, 400, "Host is malformed", "host");
}

/*
 * RFC 9112 6.1 to 6.3. A request with both lengths may be an attempt to smuggle: refused, as the RFC allows.
 */
static enum h1_event check_lengths(struct h1 *p, const char *base, struct server_head *head)
{
    struct span length = server_head_find(head, base, SPAN_LIT("content-length"), 0);
    struct span coding = server_head_find(head, base, SPAN_LIT("transfer-encoding"), 0);
    if (length.ptr && coding.ptr)
        return refuse(p, 400, "Content-Length and Transfer-Encoding exclude each other", "transfer-encoding");
    if (length.ptr) {
        if (server_head_find(head, base, SPAN_LIT("content-length"), 1).ptr)
            return refuse(p, 400, "The length is given more than once", "content-length");
        if (!server_head_parse_length(length, &head->content_length))
            return refuse(p, 400, "The length is no number", "content-length");
        head->has_length = true;
    }
    if (coding.ptr) {
        if (head->http == 10)
            return refuse(p, 400, "HTTP/1.0 knows no transfer codings", "transfer-encoding");
        if (server_head_find(head, base, SPAN_LIT("transfer-encoding"), 1).ptr)
            return refuse(p, 400, "The transfer coding is given more than once", "transfer-encoding");
        if (!span_eq_nocase(coding, SPAN_LIT("chunked")))
            return refuse(p, 501, "chunked is the only transfer coding understood", "transfer-encoding");
        head->chunked = true;
    }
    return H1_HEAD;
}

static enum h1_event check_expect(struct h1 *p, const char *base, struct server_head *head)
{
    struct span expect = server_head_find(head, base, SPAN_LIT("expect"), 0);
    if (!expect.ptr || head->http == 10)
        return H1_HEAD;
    if (!span_eq_nocase(expect, SPAN_LIT("100-continue")))
        return refuse(p, 417, "100-continue is the only expectation understood", "expect");
    head->expect_continue = true;
    return H1_HEAD;
}

static enum h1_event read_head(struct h1 *p, struct buf *in, struct server_head *head)
{
    enum h1_event e = scan_head(p, in, head);
    if (e != H1_HEAD)
        return e;
    char *base = in->data + in->head;
    e = parse_fields(p, base, head);
    if (e == H1_HEAD)
        e = check_lengths(p, base, head);
    if (e == H1_HEAD)
        e = check_host(p, base, head);
    if (e == H1_HEAD)
        e = check_expect(p, base, head);
    if (e != H1_HEAD)
        return e;
    p->head_done = true;
    p->body_at = p->raw = p->head_len;
    p->chunk_state = CHUNK_SIZE;
    return H1_HEAD;
}

/* ---- the body ---- */

static enum h1_event bad_chunk(struct h1 *p)
{
    return refuse(p, 400, "The chunked body is malformed", "transfer-encoding");
}

/* "1f[;extension]" without CRLF (RFC 9112 7.1); extensions are ignored. */
static bool parse_chunk_line(struct span line, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < line.len && hex_digit(line.ptr[i]) >= 0; i++) {
        if (i == 15)
            return false;
        n = n * 16 + (uint64_t)hex_digit(line.ptr[i]);
    }
    size_t digits = i;
    while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
        i++;
    if (digits == 0 || (i < line.len && line.ptr[i] != ';') || (i == line.len && i != digits))
        return false;
    for (; i < line.len; i++)
        if ((line.ptr[i] < ' ' && line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
            return false;
    *ret = n;
    return true;
}

/* Takes the line at raw; false: its end has not arrived. chunk_line remembers how far was searched. */
static enum h1_event take_line(struct h1 *p, struct span s, struct span *ret)
{
    const char *from = s.ptr + p->raw;
    size_t have = s.len - p->raw;
    const char *lf = have > p->chunk_line ? memchr(from + p->chunk_line, '\n', have - p->chunk_line) : NULL;
    size_t seen = lf ? (size_t)(lf - from) : have;
    if (seen > CHUNK_LINE_MAX)
        return bad_chunk(p);
    p->chunk_line = (uint32_t)seen;
    if (!lf)
        return H1_MORE;
    if (seen == 0 || from[seen - 1] != '\r' || memchr(from, '\r', seen - 1) || memchr(from, '\0', seen))
        return bad_chunk(p);
    *ret = (struct span){from, seen - 1};
    p->raw += seen + 1;
    p->framing += seen + 1;
    p->chunk_line = 0;
    return H1_REQUEST;
}

static enum h1_event chunk_size(struct h1 *p, struct span s)
{
    struct span line;
    enum h1_event e = take_line(p, s, &line);
    if (e != H1_REQUEST)
        return e;
    if (!parse_chunk_line(line, &p->chunk_left))
        return bad_chunk(p);
    if (!p->streamed && (p->chunk_left > p->body_max || p->body_len + p->chunk_left > p->body_max))
        return refuse(p, 413, "The body is too large", NULL);
    p->chunk_state = p->chunk_left ? CHUNK_DATA : CHUNK_TRAILER;
    return H1_REQUEST;
}

static enum h1_event chunk_data(struct h1 *p, struct buf *in)
{
    char *base = in->data + in->head;
    size_t have = buf_len(in) - p->raw;
    size_t n = have < p->chunk_left ? have : (size_t)p->chunk_left;
    if (n == 0)
        return H1_MORE;
    memmove(base + p->body_at + p->body_len, base + p->raw, n);
    p->body_len += n;
    p->raw += n;
    p->chunk_left -= n;
    if (p->chunk_left == 0)
        p->chunk_state = CHUNK_END;
    return H1_REQUEST;
}

static enum h1_event chunk_end(struct h1 *p, struct span s)
{
    size_t have = s.len - p->raw;
    if ((have >= 1 && s.ptr[p->raw] != '\r') || (have >= 2 && s.ptr[p->raw + 1] != '\n'))
        return bad_chunk(p);
    if (have < 2)
        return H1_MORE;
    p->raw += 2;
    p->framing += 2;
    p->chunk_state = CHUNK_SIZE;
    return H1_REQUEST;
}

/* Checks the form of trailer fields and drops them. *done: the empty line was found. */
static enum h1_event chunk_trailer(struct h1 *p, struct span s, bool *done)
{
    struct span line;
    enum h1_event e = take_line(p, s, &line);
    if (e != H1_REQUEST || line.len == 0) {
        *done = e == H1_REQUEST;
        return e;
    }
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon || !server_head_is_token((struct span){line.ptr, (size_t)(colon - line.ptr)}))
        return bad_chunk(p);
    return H1_REQUEST;
}

/* Moves undecoded bytes directly after the content, so that framing takes no room. */
static void chunk_compact(struct h1 *p, struct buf *in)
{
    size_t end = p->body_at + p->body_len;
    size_t rest = buf_len(in) - p->raw;
    char *base = in->data + in->head;
    memmove(base + end, base + p->raw, rest);
    in->tail = in->head + end + rest;
    p->raw = end;
}

static enum h1_event read_chunked(struct h1 *p, struct buf *in)
{
    enum h1_event e;
    bool done = false;
    do {
        switch ((enum chunk_state)p->chunk_state) {
        case CHUNK_SIZE:
            e = chunk_size(p, buf_span(in));
            break;
        case CHUNK_DATA:
            e = chunk_data(p, in);
            break;
        case CHUNK_END:
            e = chunk_end(p, buf_span(in));
            break;
        case CHUNK_TRAILER:
        default:
            e = chunk_trailer(p, buf_span(in), &done);
            break;
        }
        /* One-byte chunks are legal (6 bytes for 1); more framing than that is an attempt to keep us busy. */
        if (e == H1_REQUEST && p->framing > p->limits->head_max + 8 * (p->taken + p->body_len))
            return refuse(p, 400, "The chunked body is mostly framing", "transfer-encoding");
    } while (e == H1_REQUEST && !done);
    if (e == H1_REFUSE)
        return e;
    chunk_compact(p, in);
    if (done)
        p->used = p->body_at + p->body_len;
    return e;
}

void h1_taken(struct h1 *p, struct buf *in)
{
    char *at = in->data + in->head + p->body_at;
    memmove(at, at + p->body_len, buf_len(in) - p->body_at - p->body_len);
    in->tail -= p->body_len;
    p->taken += p->body_len;
    if (p->raw > p->body_at)
        p->raw -= p->body_len;
    if (p->used)
        p->used -= p->body_len;
    p->body_len = 0;
}

/* The request is told as complete once the last piece is taken. */
static enum h1_event read_streamed(struct h1 *p, struct buf *in, const struct server_head *head)
{
    if (head->chunked) {
        enum h1_event e = p->used ? H1_REQUEST : read_chunked(p, in);
        return p->body_len ? H1_PIECE : e; /* a refusal comes after it */
    }
    uint64_t left = (head->has_length ? head->content_length : 0) - p->taken;
    size_t have = buf_len(in) - p->body_at;
    p->body_len = have < left ? have : (size_t)left;
    if (p->body_len)
        return H1_PIECE;
    p->used = left ? 0 : p->body_at;
    return left ? H1_MORE : H1_REQUEST;
}

static enum h1_event read_body(struct h1 *p, struct buf *in, const struct server_head *head)
{
    if (p->streamed)
        return read_streamed(p, in, head);
    if (head->chunked)
        return read_chunked(p, in);
    if (head->has_length && head->content_length > p->body_max)
        return refuse(p, 413, "The body is too large", NULL);
    size_t want = head->has_length ? (size_t)head->content_length : 0;
    if (buf_len(in) - p->head_len < want)
        return H1_MORE;
    p->body_len = want;
    p->used = p->head_len + want;
    return H1_REQUEST;
}

enum h1_event h1_step(struct h1 *p, struct buf *in, struct server_head *head)
{
    if (p->refusal.status)
        return H1_REFUSE;
    return p->head_done ? read_body(p, in, head) : read_head(p, in, head);
}
