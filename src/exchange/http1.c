#include "exchange/http1.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"
#include "exchange/http1_octet.h"

enum step {
    STEP_START, /* empty lines may precede the status line */
    STEP_PROTOCOL,
    STEP_MAJOR,
    STEP_DOT,
    STEP_MINOR,
    STEP_SPACE,
    STEP_STATUS,
    STEP_STATUS_END,
    STEP_REASON,
    STEP_LINE_LF, /* after the CR of a line that is not the last */
    STEP_FIELDS,  /* at the start of a line */
    STEP_NAME,
    STEP_VALUE,
    STEP_HEAD_LF, /* after the CR of the empty line */
    STEP_HEAD_END,
    STEP_LENGTH, /* content of a known length */
    STEP_CHUNKS,
    STEP_CLOSE, /* content until the peer closes */
};

enum field {
    FIELD_OTHER,
    FIELD_LENGTH, /* from here on lists, whose elements are processed one by one */
    FIELD_CODING,
    FIELD_CONNECTION,
    FIELD_KEEP_ALIVE, /* from here on values, stored as far as there is room */
    FIELD_RETRY_AFTER,
};

static const struct {
    struct span name;
    enum field field;
} fields[] = {
    {SPAN_LIT("content-length"), FIELD_LENGTH},   {SPAN_LIT("transfer-encoding"), FIELD_CODING},
    {SPAN_LIT("connection"), FIELD_CONNECTION},   {SPAN_LIT("keep-alive"), FIELD_KEEP_ALIVE},
    {SPAN_LIT("retry-after"), FIELD_RETRY_AFTER},
};

static void refuse(struct http1_response *r, enum cause_id cause)
{
    r->state = HTTP1_ERROR;
    r->cause = cause;
}

static void malformed(struct http1_response *r)
{
    refuse(r, r->in_trailers ? CAUSE_h1_bad_chunk : CAUSE_h1_malformed_head);
}

/* ---- values ---- */

static void take_keep_alive(struct http1_response *r, struct span value)
{
    const char *t = memmem(value.ptr, value.len, "timeout=", 8);
    uint32_t n = t ? decimal_leading((struct span){t + 8, (size_t)(value.ptr + value.len - t - 8)}) : 0;
    r->keep_alive_s = n < HTTP1_KEEP_ALIVE_MAX_S ? n : HTTP1_KEEP_ALIVE_MAX_S;
}

static void take_coding(struct http1_response *r, struct span coding)
{
    if (coding.len == 0) /* a list may have empty elements (RFC 9110 5.6.1.2) */
        return;
    r->coded = true;
    r->chunked = span_eq_nocase(coding, SPAN_LIT("chunked"));
    r->lax |= r->chunked && r->chunked_said;
    r->chunked_said |= r->chunked;
}

/* Keeps bytes of a final head's field for whoever wants them; a field that does not fit is left out. */
static void keep_field(struct http1_response *r, const char *p, size_t len)
{
    if (!r->fields || r->code < 200 || r->in_trailers || !buf_add(r->fields, p, len))
        return;
    buf_cut(r->fields, r->fields_len);
    r->fields = NULL;
}

static void keep_field_end(struct http1_response *r)
{
    if (!r->in_fields)
        return;
    keep_field(r, "\n", 1);
    if (r->fields)
        r->fields_len = buf_len(r->fields);
}

/* End of a field, or of an element of its list. */
static void end_value(struct http1_response *r)
{
    struct span v = span_trim((struct span){r->value, r->value_len});
    switch ((enum field)r->field) {
    case FIELD_OTHER:
        return;
    case FIELD_LENGTH:
        content_length_add(&r->length, r->value_over ? SPAN_LIT("") : v);
        break;
    case FIELD_CODING:
        take_coding(r, r->value_over ? SPAN_LIT("?") : v);
        break;
    case FIELD_CONNECTION:
        r->said_close |= span_eq_nocase(v, SPAN_LIT("close"));
        r->said_keep_alive |= span_eq_nocase(v, SPAN_LIT("keep-alive"));
        break;
    case FIELD_KEEP_ALIVE:
        take_keep_alive(r, v);
        break;
    case FIELD_RETRY_AFTER:
        r->retry_after_s = decimal_leading(v);
        break;
    }
    r->value_len = 0;
    r->value_over = false;
}

static void keep_value(struct http1_response *r, char c)
{
    bool blank = c == ' ' || c == '\t';
    if (c == ',' && r->field < FIELD_KEEP_ALIVE)
        end_value(r);
    else if (r->field == FIELD_LENGTH && r->value_len == 1 && r->value[0] == '0' && c >= '0' && c <= '9')
        r->value[0] = c; /* leading zeros need no room */
    else if (r->value_len < sizeof(r->value) && !(blank && r->value_len == 0))
        r->value[r->value_len++] = c;
    else
        r->value_over |= !blank;
}

/* ---- fields, of heads and trailers ---- */

/* Lengths and connection options in an interim head or a trailer do not apply to the final answer. */
static enum field field_of(const struct http1_response *r)
{
    struct span name = {r->name, r->name_len};
    if (r->name_len > sizeof(r->name) || r->code < 200 || r->in_trailers)
        return FIELD_OTHER;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (span_eq(name, fields[i].name))
            return fields[i].field;
    return FIELD_OTHER;
}

static const char *take_name(struct http1_response *r, const char *p, const char *end)
{
    for (; p < end && http1_octet_is(*p, OCTET_TOKEN); p++) {
        const char lower = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        keep_field(r, &lower, 1);
        if (r->name_len < sizeof(r->name))
            r->name[r->name_len] = lower;
        if (r->name_len <= sizeof(r->name))
            r->name_len++;
    }
    if (p == end)
        return p;
    if (*p != ':' || r->name_len == 0) {
        malformed(r);
        return p;
    }
    keep_field(r, ": ", 2);
    r->field = (uint8_t)field_of(r);
    r->coding_said |= r->field == FIELD_CODING;
    r->in_fields = true;
    r->step = STEP_VALUE;
    return p + 1;
}

static const char *take_value(struct http1_response *r, const char *p, const char *end)
{
    const char *from = p;
    if (r->field == FIELD_OTHER)
        while (p < end && http1_octet_is(*p, OCTET_TEXT))
            p++;
    else
        for (; p < end && http1_octet_is(*p, OCTET_TEXT); p++)
            keep_value(r, *p);
    keep_field(r, from, (size_t)(p - from));
    if (p == end)
        return p;
    if (*p == '\r') {
        r->step = STEP_LINE_LF;
    } else if (*p == '\n') { /* RFC 9112 2.2: may be accepted as a line end */
        r->lax = true;
        r->step = STEP_FIELDS;
    } else {
        malformed(r);
    }
    return p + 1;
}

/* At the start of a line: the end of the head, a folded value, or another field. */
static const char *take_line_start(struct http1_response *r, const char *p)
{
    bool folded = *p == ' ' || *p == '\t';
    if (folded && !r->in_fields) {
        malformed(r);
        return p;
    }
    if (folded) { /* RFC 9112 5.2: counts as a blank */
        r->lax = true;
        r->step = STEP_VALUE;
        return p;
    }
    end_value(r);
    keep_field_end(r);
    r->field = FIELD_OTHER;
    r->name_len = 0;
    if (*p == '\r') {
        r->step = STEP_HEAD_LF;
        return p + 1;
    }
    if (*p == '\n') {
        r->lax = true;
        r->step = STEP_HEAD_END;
        return p + 1;
    }
    r->step = STEP_NAME;
    return p;
}

/* ---- the status line ---- */

static void take_status(struct http1_response *r, char c)
{
    if (c < '0' || c > '9' || (r->at == 0 && c == '0')) {
        malformed(r);
        return;
    }
    r->code = r->code * 10 + (c - '0');
    if (++r->at == 3)
        r->step = STEP_STATUS_END;
}

/* The end of the status line, or what separates status and reason. */
static void take_status_end(struct http1_response *r, char c)
{
    if (c == '\r') {
        r->step = STEP_LINE_LF;
    } else if (c == '\n') {
        r->lax = true;
        r->step = STEP_FIELDS;
    } else if (c == ' ') {
        r->step = STEP_REASON;
    } else {
        malformed(r);
    }
}

static const char *take_reason(struct http1_response *r, const char *p, const char *end)
{
    while (p < end && *p != '\r' && *p != '\n')
        p++;
    if (p == end)
        return p;
    take_status_end(r, *p);
    return p + 1;
}

static void take_protocol(struct http1_response *r, char c)
{
    static const char name[] = "HTTP/";
    if (c != name[r->at]) {
        refuse(r, CAUSE_h1_not_http);
        return;
    }
    if (++r->at == sizeof(name) - 1)
        r->step = STEP_MAJOR;
}

static void take_start(struct http1_response *r, char c)
{
    if (c == '\r' || c == '\n') {
        r->lax = true;
        return;
    }
    r->answer = ANSWER_PARTIAL_HEAD;
    r->at = 0;
    r->code = 0;
    r->in_fields = false;
    r->step = STEP_PROTOCOL;
    take_protocol(r, c);
}

/* The digits of the version. HTTP/1.2 and the like are read as HTTP/1.1 (RFC 9110 2.5). */
static void take_version(struct http1_response *r, char c)
{
    if (c < '0' || c > '9' || (r->step == STEP_MAJOR && c > '1')) {
        malformed(r);
    } else if (r->step == STEP_MAJOR) {
        if (c == '0')
            refuse(r, CAUSE_h1_not_http);
        r->step = STEP_DOT;
    } else {
        r->version = c == '0' ? 10 : 11;
        r->lax |= c > '1';
        r->step = STEP_SPACE;
    }
}

static void expect(struct http1_response *r, char c, char want, enum step next)
{
    if (c != want)
        malformed(r);
    r->step = (uint8_t)next;
}

static const char *take_head(struct http1_response *r, const char *p, const char *end)
{
    char c = *p;
    switch ((enum step)r->step) {
    case STEP_START:
        take_start(r, c);
        break;
    case STEP_PROTOCOL:
        take_protocol(r, c);
        break;
    case STEP_MAJOR:
    case STEP_MINOR:
        take_version(r, c);
        break;
    case STEP_DOT:
        expect(r, c, '.', STEP_MINOR);
        break;
    case STEP_SPACE:
        expect(r, c, ' ', STEP_STATUS);
        r->at = 0;
        break;
    case STEP_STATUS:
        take_status(r, c);
        break;
    case STEP_STATUS_END:
        take_status_end(r, c);
        break;
    case STEP_REASON:
        return take_reason(r, p, end);
    case STEP_LINE_LF:
        expect(r, c, '\n', STEP_FIELDS);
        break;
    case STEP_FIELDS:
        return take_line_start(r, p);
    case STEP_NAME:
        return take_name(r, p, end);
    case STEP_VALUE:
        return take_value(r, p, end);
    case STEP_HEAD_LF:
        expect(r, c, '\n', STEP_HEAD_END);
        break;
    case STEP_HEAD_END:
    case STEP_LENGTH:
    case STEP_CHUNKS:
    case STEP_CLOSE:
        break;
    }
    return p + 1;
}

/* ---- the end of a head: how long is the content? (RFC 9112 6.3) ---- */

static void finish(struct http1_response *r)
{
    r->state = HTTP1_DONE;
    r->keep_alive = (r->version == 11 || r->said_keep_alive) && !r->said_close && !r->lax && r->code != 101;
}

/* No content follows, whatever the fields say; but a server that announces some may send it. */
static void end_without_content(struct http1_response *r)
{
    const struct content_length *l = &r->length;
    r->lax |= l->bad || r->coded || (r->code == 204 && l->said > 0 && l->value > 0);
    finish(r);
}

static void begin_content(struct http1_response *r)
{
    /*
     * More than one length, an invalid coding, or chunks in a version without them: clients differ in how
     * they read these, and so may the server.
     */
    r->lax |= r->length.said > 1 || (r->coding_said && !r->coded) ||
              (r->coded && (r->length.said > 0 || r->version == 10));
    r->body_left = r->length.value;
    if (r->chunked)
        r->step = STEP_CHUNKS;
    else if (r->coded || r->length.said == 0)
        r->step = STEP_CLOSE;
    else if (r->body_left > 0)
        r->step = STEP_LENGTH;
    else
        finish(r);
}

static void end_head(struct http1_response *r)
{
    if (r->in_trailers) {
        finish(r);
        return;
    }
    if (r->code < 200 && r->code != 101) { /* interim: the next head follows */
        r->answer = ANSWER_INTERIM;
        r->head_bytes = 0;
        r->step = STEP_START;
        return;
    }
    bool content = r->code != 101 && r->code != 204 && r->code != 304;
    if (content && (r->length.bad || (r->length.said > 0 && r->coded && !r->chunked))) {
        refuse(r, CAUSE_h1_conflicting_length);
        return;
    }
    r->status = r->code;
    r->answer = ANSWER_HEAD;
    if (content)
        begin_content(r);
    else
        end_without_content(r);
}

/* ---- bytes ---- */

static const char *feed_head(struct http1_response *r, const char *p, const char *end)
{
    size_t room = HTTP1_HEAD_MAX - r->head_bytes;
    if (room == 0) {
        refuse(r, CAUSE_h1_head_too_large);
        return p;
    }
    const char *at = p, *stop = (size_t)(end - p) > room ? p + room : end;
    while (at < stop && r->state == HTTP1_MORE && r->step != STEP_HEAD_END)
        at = take_head(r, at, stop);
    r->head_bytes += (uint32_t)(at - p);
    if (r->state == HTTP1_MORE && r->step == STEP_HEAD_END)
        end_head(r);
    return at;
}

static void take_content(struct http1_response *r, const char *p, size_t len)
{
    if (len > HTTP1_BODY_MAX - r->body_bytes) {
        refuse(r, CAUSE_body_too_large);
        return;
    }
    r->body_bytes += (uint32_t)len;
    if (r->body && buf_add(r->body, p, len) == ERR_NOMEM)
        refuse(r, CAUSE_local_out_of_memory);
}

/* Content with `left` bytes still to come. */
static const char *feed_counted(struct http1_response *r, const char *p, const char *end, uint64_t *left)
{
    size_t n = (size_t)(end - p) < *left ? (size_t)(end - p) : (size_t)*left;
    take_content(r, p, n);
    *left -= n;
    return p + n;
}

static const char *feed_chunks(struct http1_response *r, const char *p, const char *end)
{
    struct http1_chunks *c = &r->chunks;
    while (p < end && r->state == HTTP1_MORE && !c->last) {
        if (c->left > 0)
            p = feed_counted(r, p, end, &c->left);
        else
            p += http1_chunks_feed(c, p, (size_t)(end - p));
        if (c->broken)
            refuse(r, CAUSE_h1_bad_chunk);
    }
    r->lax |= c->lax;
    if (c->last) {
        r->in_trailers = true;
        r->in_fields = false;
        r->step = STEP_FIELDS;
    }
    return p;
}

static const char *feed_some(struct http1_response *r, const char *p, const char *end)
{
    if (r->step <= STEP_HEAD_END)
        return feed_head(r, p, end);
    if (r->step == STEP_CHUNKS)
        return feed_chunks(r, p, end);
    if (r->step == STEP_LENGTH) {
        p = feed_counted(r, p, end, &r->body_left);
        if (r->body_left == 0 && r->state == HTTP1_MORE)
            finish(r);
        return p;
    }
    take_content(r, p, (size_t)(end - p));
    return end;
}

void http1_response_init(struct http1_response *r)
{
    *r = (struct http1_response){.state = HTTP1_MORE};
}

enum http1_state http1_response_feed(struct http1_response *r, const char *p, size_t len)
{
    const char *end = p + len;
    while (p < end && r->state == HTTP1_MORE)
        p = feed_some(r, p, end);
    if (p < end) /* bytes after the message are not part of the answer */
        r->keep_alive = false;
    return r->state;
}

enum http1_state http1_response_eof(struct http1_response *r)
{
    if (r->state == HTTP1_MORE && r->step == STEP_CLOSE)
        r->state = HTTP1_DONE;
    return r->state;
}
