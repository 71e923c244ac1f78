#include "exchange/http2_message.h"

#include <nghttp2/nghttp2.h>

/*
 * A head that never has content (RFC 9110 6.4.1): a content-length is then not malformed (RFC 9113 8.1.1) and
 * is not compared with what arrives.
 */
static bool without_content(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static bool interim(const struct http2_message *m)
{
    return m->status >= 100 && m->status < 200;
}

void http2_message_begin(struct http2_message *m)
{
    m->trailers = m->final;
    m->regular = false;
    m->status = m->final ? m->status : 0;
}

/*
 * :status is the only pseudo-field of a response and comes first. 101 is not allowed in HTTP/2 (RFC 9113
 * 8.6).
 */
static enum http2_field take_pseudo(struct http2_message *m, struct span name, struct span value)
{
    if (!span_eq(name, SPAN_LIT(":status")) || m->trailers || m->regular || m->status != 0 || value.len != 3)
        return HTTP2_FIELD_MALFORMED;
    int status = 0;
    for (size_t i = 0; i < 3; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return HTTP2_FIELD_MALFORMED;
        status = status * 10 + (value.ptr[i] - '0');
    }
    if (status < 100 || status == 101)
        return HTTP2_FIELD_MALFORMED;
    m->status = status;
    return HTTP2_FIELD_TAKEN;
}

/* Connection-specific fields (RFC 9113 8.2.2). */
static bool of_connection(struct span name, struct span value)
{
    static const struct span names[] = {SPAN_LIT("connection"), SPAN_LIT("keep-alive"),
                                        SPAN_LIT("proxy-connection"), SPAN_LIT("transfer-encoding"),
                                        SPAN_LIT("upgrade")};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_eq(name, names[i]))
            return true;
    return span_eq(name, SPAN_LIT("te")) && !span_eq_nocase(value, SPAN_LIT("trailers"));
}

static bool has_upper_case(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
            return true;
    return false;
}

enum http2_field http2_message_field(struct http2_message *m, struct span name, struct span *value)
{
    if (name.len > 0 && name.ptr[0] == ':')
        return take_pseudo(m, name, *value);
    m->regular = true;
    if (has_upper_case(name))
        return HTTP2_FIELD_MALFORMED;
    *value = span_trim(*value);
    if (of_connection(name, *value))
        return HTTP2_FIELD_MALFORMED;
    if (span_eq(name, SPAN_LIT("content-length")) && !m->trailers && !without_content(m->status)) {
        content_length_add_list(&m->length, *value);
        return m->length.bad ? HTTP2_FIELD_MALFORMED : HTTP2_FIELD_TAKEN;
    }
    bool clean = nghttp2_check_header_name((const uint8_t *)name.ptr, name.len) &&
                 nghttp2_check_header_value((const uint8_t *)value->ptr, value->len);
    return clean ? HTTP2_FIELD_TAKEN : HTTP2_FIELD_IGNORED;
}

bool http2_message_head(struct http2_message *m, bool end_stream)
{
    if (m->trailers)
        return end_stream;
    if (m->status == 0 || (interim(m) && end_stream))
        return false;
    m->final = !interim(m);
    return true;
}

bool http2_message_data(const struct http2_message *m, uint64_t content)
{
    return m->final && (m->length.said == 0 || without_content(m->status) || content <= m->length.value);
}

bool http2_message_end(const struct http2_message *m, uint64_t content)
{
    return m->final && (m->length.said == 0 || without_content(m->status) || content == m->length.value);
}
