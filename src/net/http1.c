#include "net/http1.h"

#include <string.h>

static int reject(struct http1_response *r, enum cause_id cause)
{
    r->cause = cause;
    return HPE_USER;
}

static struct http1_response *of(llhttp_t *p)
{
    return p->data;
}

/* Counts towards the head's cap. */
static int head_grows(struct http1_response *r, size_t len)
{
    if (len > HTTP1_HEAD_MAX - r->head_bytes)
        return reject(r, CAUSE_h1_head_too_large);
    r->head_bytes += (uint32_t)len;
    return HPE_OK;
}

static int on_message_begin(llhttp_t *p)
{
    struct http1_response *r = of(p);
    r->head_bytes = 0;
    r->answer = ANSWER_PARTIAL_HEAD;
    p->content_length = 0; /* llhttp would read on from that of an interim head: 4, then 0, as 40 */
    return HPE_OK;
}

static int on_status(llhttp_t *p, const char *at, size_t len)
{
    (void)at;
    return head_grows(of(p), len);
}

static int on_header_field(llhttp_t *p, const char *at, size_t len)
{
    struct http1_response *r = of(p);
    for (size_t i = 0; i < len && r->field_len < sizeof(r->field); i++)
        r->field[r->field_len++] = at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] + 32) : at[i];
    return head_grows(r, len);
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
    struct http1_response *r = of(p);
    for (size_t i = 0; i < len && r->value_len < sizeof(r->value); i++)
        r->value[r->value_len++] = at[i];
    return head_grows(r, len);
}

/* A run of digits at the start of s, at most 9 of them. */
static uint32_t leading_number(struct span s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.len && i < 9 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
        n = n * 10 + (uint32_t)(s.ptr[i] - '0');
    return n;
}

static int on_header_value_complete(llhttp_t *p)
{
    struct http1_response *r = of(p);
    struct span field = {r->field, r->field_len}, value = {r->value, r->value_len};
    r->field_len = r->value_len = 0;
    if (field.len == 0) /* llhttp lets it pass; a token has at least one character (RFC 9110 5.6.2) */
        return reject(r, CAUSE_h1_malformed_head);
    if (span_eq(field, SPAN_LIT("retry-after"))) {
        r->retry_after_s = leading_number(value);
    } else if (span_eq(field, SPAN_LIT("keep-alive"))) {
        const char *t = memmem(value.ptr, value.len, "timeout=", 8);
        uint32_t n = t ? leading_number((struct span){t + 8, (size_t)(value.ptr + value.len - t - 8)}) : 0;
        r->keep_alive_s = n < HTTP1_KEEP_ALIVE_MAX_S ? n : HTTP1_KEEP_ALIVE_MAX_S;
    }
    return head_grows(r, 4); /* ": " and CRLF */
}

static int on_headers_complete(llhttp_t *p)
{
    struct http1_response *r = of(p);
    if (p->http_major != 1)
        return reject(r, p->http_major == 0 ? CAUSE_h1_not_http : CAUSE_h1_malformed_head);
    if (p->status_code < 100)
        return reject(r, CAUSE_h1_malformed_head);
    r->version = p->http_minor == 0 ? 10 : 11;
    /* 1: no content follows, whatever the fields say (RFC 9112 6.3 rule 1) */
    int no_content = p->status_code < 200 || p->status_code == 204 || p->status_code == 304;
    if (p->status_code < 200 && p->status_code != 101) {
        r->answer = ANSWER_INTERIM;
        r->retry_after_s = r->keep_alive_s = 0; /* what counts is said by the final one */
        return no_content;
    }
    r->status = p->status_code;
    r->answer = ANSWER_HEAD;
    r->keep_alive = llhttp_should_keep_alive(p) && p->status_code != 101;
    return no_content;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
    struct http1_response *r = of(p);
    if (len > HTTP1_BODY_MAX - r->body_bytes)
        return reject(r, CAUSE_body_too_large);
    r->body_bytes += (uint32_t)len;
    if (r->body && buf_add(r->body, at, len) == ERR_NOMEM)
        return reject(r, CAUSE_local_out_of_memory);
    return HPE_OK;
}

static int on_message_complete(llhttp_t *p)
{
    struct http1_response *r = of(p);
    if (r->status == 0) /* interim: the next head follows */
        return HPE_OK;
    r->state = HTTP1_DONE;
    return HPE_PAUSED; /* what follows is no part of our answer */
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_status = on_status,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http1_response_init(struct http1_response *r)
{
    *r = (struct http1_response){.state = HTTP1_MORE};
    llhttp_init(&r->parser, HTTP_RESPONSE, &settings);
    /* "Connection: close" in an interim head speaks of the connection, not of the final answer that follows it. Behind
     * the final one we read nothing anyway. */
    llhttp_set_lenient_keep_alive(&r->parser, 1);
    r->parser.data = r;
}

/* What llhttp's refusal means in our words. */
static enum cause_id cause_of_error(const struct http1_response *r, llhttp_errno_t e)
{
    if (e == HPE_USER || (r->cause != CAUSE_ok && e != HPE_PAUSED))
        return r->cause;
    switch ((int)e) {
    case HPE_INVALID_CONSTANT:
        return r->answer <= ANSWER_PARTIAL_HEAD && r->head_bytes == 0 ? CAUSE_h1_not_http
                                                                      : CAUSE_h1_malformed_head;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        return CAUSE_h1_conflicting_length;
    case HPE_INVALID_CHUNK_SIZE:
        return CAUSE_h1_bad_chunk;
    default:
        /* Inside the content only the chunks can be wrong. */
        return r->answer == ANSWER_HEAD ? CAUSE_h1_bad_chunk : CAUSE_h1_malformed_head;
    }
}

enum http1_state http1_response_feed(struct http1_response *r, const char *p, size_t len)
{
    if (len == 0)
        return r->state;
    llhttp_errno_t e = llhttp_execute(&r->parser, p, len);
    if (r->state == HTTP1_DONE) {
        const char *end = llhttp_get_error_pos(&r->parser);
        if (e == HPE_OK || end != p + len)
            r->keep_alive = false;
        return r->state;
    }
    if (e == HPE_PAUSED_UPGRADE && r->status == 101) {
        r->state = HTTP1_DONE;
        return r->state;
    }
    if (e != HPE_OK) {
        r->cause = cause_of_error(r, e);
        r->state = HTTP1_ERROR;
        r->keep_alive = false;
    }
    return r->state;
}

enum http1_state http1_response_eof(struct http1_response *r)
{
    if (r->state == HTTP1_MORE && r->answer == ANSWER_HEAD) {
        (void)llhttp_finish(&r->parser); /* its error is the state that stays HTTP1_MORE: truncated */
        r->keep_alive = false;
    }
    return r->state;
}
