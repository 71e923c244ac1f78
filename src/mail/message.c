#include "mail/message.h"

#include <gmime/gmime.h>
#include <pthread.h>
#include <sodium.h>

#include "base/origin.h"
#include "base/utf8.h"

/*
 * Encodes the Subject here, because GMime 3.2.13 copies "=?" from the text unchanged, so that a name could
 * pose as an encoded word, and makes encoded words longer than the 75 characters of RFC 2047 2.
 */
#define WORD_BYTES 45u  /* bytes of UTF-8 in an encoded word: 60 of base64, 12 around them */
#define FIRST_BYTES 39u /* in the first word, behind the field's name */
#define LINE_CHARS 76u  /* RFC 2047 2 */
#define PLAIN_WORD 60u  /* a longer word is encoded, so that it can be folded */
#define NAME_CHARS 9u   /* "Subject: " */

static pthread_once_t gmime_once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    g_mime_init();
}

/*
 * Reads the next character; malformed bytes and line breaks are replaced. Returns its length in the source.
 */
static size_t next_clean(struct span s, char out[4], size_t *ret_len)
{
    uint32_t cp = 0;
    size_t n = utf8_next(s.ptr, s.len, &cp);
    if (n == 0) {
        memcpy(out, "\xEF\xBF\xBD", 3);
        *ret_len = 3;
        return 1;
    }
    if (cp < 0x20 || (cp >= 0x7F && cp <= 0x9F) || cp == 0x2028 || cp == 0x2029)
        cp = ' ';
    *ret_len = utf8_put(cp, out);
    return n;
}

static enum err clean(struct span s, struct buf *out)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < s.len;) {
        char one[4];
        size_t len;
        i += next_clean((struct span){s.ptr + i, s.len - i}, one, &len);
        e = buf_add(out, one, len);
    }
    return e;
}

/*
 * How many bytes at the front need no encoding: whole words of ASCII that cannot be taken for encoded words.
 */
static size_t plain_length(struct span s)
{
    size_t word = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ')
            word = i + 1;
        else if ((unsigned char)s.ptr[i] >= 0x80 || i - word >= PLAIN_WORD ||
                 (s.ptr[i] == '=' && i + 1 < s.len && s.ptr[i + 1] == '?'))
            return word;
    }
    return s.len && s.ptr[s.len - 1] == ' ' ? 0 : s.len; /* white space at the end would be lost */
}

static enum err add_encoded(struct span s, struct buf *out)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < s.len;) {
        uint32_t cp;
        size_t len = 0, n;
        size_t most = buf_len(out) ? WORD_BYTES : FIRST_BYTES;
        while (i + len < s.len && len + (n = utf8_next(s.ptr + i + len, s.len - i - len, &cp)) <= most)
            len += n;
        char text[sodium_base64_ENCODED_LEN(WORD_BYTES, sodium_base64_VARIANT_ORIGINAL)];
        (void)sodium_bin2base64(text, sizeof(text), (const unsigned char *)s.ptr + i, len,
                                sodium_base64_VARIANT_ORIGINAL);
        e = buf_printf(out, "%s=?UTF-8?B?%s?=", buf_len(out) ? "\n " : "", text);
        i += len;
    }
    return e;
}

/* Adds the text, folded at spaces. */
static enum err add_plain(struct span s, struct buf *out)
{
    enum err e = ERR_NONE;
    size_t column = NAME_CHARS;
    for (size_t i = 0; !e && i < s.len;) {
        const char *space = memchr(s.ptr + i + 1, ' ', s.len - i - 1);
        size_t len = space ? (size_t)(space - s.ptr) - i : s.len - i; /* with the space before it */
        if (column + len > LINE_CHARS && s.ptr[i] == ' ') {
            e = buf_add_str(out, "\n");
            column = 0;
        }
        if (!e)
            e = buf_add(out, s.ptr + i, len);
        column += len;
        i += len;
    }
    return e;
}

enum err message_subject(struct span subject, struct buf *out)
{
    struct buf text;
    buf_init(&text, 16384);
    enum err e = clean(subject, &text);
    struct span all = buf_span(&text);
    size_t plain = plain_length(all);
    struct span front = {all.ptr, plain}, rest = {all.ptr + plain, all.len - plain};
    if (rest.len && front.len) /* the space between them needs no encoding */
        front.len--;
    if (!e)
        e = add_plain(front, out);
    if (!e && rest.len)
        e = add_encoded(rest, out);
    buf_deinit(&text);
    return e;
}

enum err message_address(const char *text, char out[static EMAIL_MAX + 1])
{
    (void)pthread_once(&gmime_once, begin);
    for (const char *p = text; *p; p++)
        if (*p < ' ' || *p > '~')
            return ERR_INVALID;
    InternetAddressList *list = internet_address_list_parse(NULL, text);
    InternetAddress *one =
        list && internet_address_list_length(list) == 1 ? internet_address_list_get_address(list, 0) : NULL;
    const char *address = one && INTERNET_ADDRESS_IS_MAILBOX(one)
                              ? internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one))
                              : NULL;
    bool sound = address && !email_recipient(span_of(address), out);
    if (list)
        g_object_unref(list);
    return sound ? ERR_NONE : ERR_INVALID;
}

static GMimeObject *part(const char *subtype, struct span text)
{
    GMimeTextPart *p = g_mime_text_part_new_with_subtype(subtype);
    char *copy = g_strndup(text.ptr, text.len);
    g_mime_text_part_set_charset(p, "utf-8");
    g_mime_text_part_set_text(p, copy);
    g_free(copy);
    size_t beyond = 0; /* ASCII */
    for (size_t i = 0; i < text.len; i++)
        beyond += (unsigned char)text.ptr[i] >= 0x80;
    g_mime_part_set_content_encoding(GMIME_PART(p), beyond * 6 > text.len
                                                        ? GMIME_CONTENT_ENCODING_BASE64
                                                        : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return GMIME_OBJECT(p);
}

static GMimeObject *alternatives(const struct mail_message *m)
{
    if (!m->html.ptr || !m->text.ptr)
        return m->html.ptr ? part("html", m->html) : part("plain", m->text);
    GMimeMultipart *all = g_mime_multipart_new_with_subtype("alternative");
    const struct {
        const char *subtype;
        struct span text;
    } parts[] = {{"plain", m->text}, {"html", m->html}}; /* the richest part comes last (RFC 2046 5.1.4) */
    for (size_t i = 0; i < 2; i++) {
        GMimeObject *one = part(parts[i].subtype, parts[i].text);
        g_mime_multipart_add(all, one);
        g_object_unref(one);
    }
    return GMIME_OBJECT(all);
}

/* Adds a field whose value is encoded already. */
static void add_raw(GMimeMessage *message, const char *name, const char *value)
{
    GMimeHeaderList *headers = g_mime_object_get_header_list(GMIME_OBJECT(message));
    g_mime_header_list_append(headers, name, "x", NULL);
    GMimeHeader *h = g_mime_header_list_get_header_at(headers, g_mime_header_list_get_count(headers) - 1);
    g_mime_header_set_raw_value(h, value);
}

/* A name in front of an address (RFC 5322 3.2.5): quoted, or encoded like a subject. */
static enum err add_name(struct span name, struct buf *out)
{
    enum err e;
    if (plain_length(name) < name.len)
        return add_encoded(name, out);
    e = buf_add_str(out, "\"");
    for (size_t i = 0; !e && i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            e = buf_add_str(out, "\\");
        if (!e)
            e = buf_add(out, name.ptr + i, 1);
    }
    return e ? e : buf_add_str(out, "\"");
}

static enum err set_from(GMimeMessage *message, const struct mail_message *m)
{
    struct buf name, value;
    buf_init(&name, 4096);
    buf_init(&value, 16384);
    enum err e = clean(span_of(m->from_name), &name);
    struct buf phrase;
    buf_init(&phrase, 16384);
    if (!e)
        e = add_name(buf_span(&name), &phrase);
    if (!e)
        e = buf_printf(&value, " %.*s\n <%s>\n", (int)buf_len(&phrase), buf_span(&phrase).ptr, m->from);
    if (!e)
        e = buf_add(&value, "", 1);
    if (!e)
        add_raw(message, "From", buf_span(&value).ptr);
    buf_deinit(&phrase);
    buf_deinit(&value);
    buf_deinit(&name);
    return e;
}

static void set_addresses(GMimeMessage *message, const struct mail_message *m)
{
    InternetAddressList *from = m->from_name ? NULL : internet_address_list_parse(NULL, m->from);
    if (from) {
        internet_address_list_append(g_mime_message_get_from(message), from);
        g_object_unref(from);
    }
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_TO, NULL, m->to);
}

/* As it is: GMime would fold a URL in the middle. */
static enum err add_field(GMimeMessage *message, const struct mail_field *f)
{
    struct buf value;
    buf_init(&value, 8192);
    enum err e = buf_printf(&value, " %s\n", f->value);
    if (!e)
        e = buf_add(&value, "", 1);
    if (!e)
        add_raw(message, f->name, buf_span(&value).ptr);
    buf_deinit(&value);
    return e;
}

static enum err set_headers(GMimeMessage *message, const struct mail_message *m)
{
    struct buf subject;
    buf_init(&subject, 32768);
    enum err e = buf_add_str(&subject, " ");
    struct buf value;
    buf_init(&value, 32768);
    if (!e)
        e = message_subject(span_of(m->subject), &value);
    if (!e)
        e = buf_add_span(&subject, buf_span(&value));
    if (!e)
        e = buf_add(&subject, "\n", 2); /* including the NUL */
    if (!e) {
        GTimeZone *zone = g_time_zone_new_offset(9 * 3600);
        GDateTime *utc = g_date_time_new_from_unix_utc(m->date_ms / 1000);
        GDateTime *date = utc ? g_date_time_to_timezone(utc, zone) : NULL;
        if (date)
            g_mime_message_set_date(message, date);
        if (m->from_name)
            e = set_from(message, m);
        set_addresses(message, m);
        add_raw(message, "Subject", buf_span(&subject).ptr);
        g_mime_message_set_message_id(message, m->id);
        g_mime_object_append_header(GMIME_OBJECT(message), "Auto-Submitted", "auto-generated", NULL);
        for (size_t i = 0; !e && i < m->field_count; i++)
            e = add_field(message, &m->fields[i]);
        if (date)
            g_date_time_unref(date);
        if (utc)
            g_date_time_unref(utc);
        g_time_zone_unref(zone);
    }
    buf_deinit(&value);
    buf_deinit(&subject);
    return e;
}

enum err message_build(const struct mail_message *m, enum message_lines lines, struct buf *out)
{
    (void)pthread_once(&gmime_once, begin);
    GMimeMessage *message = g_mime_message_new(FALSE);
    GMimeObject *body = alternatives(m);
    g_mime_message_set_mime_part(message, body);
    g_object_unref(body);
    enum err e = set_headers(message, m);
    GMimeFormatOptions *options = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(options, lines == MESSAGE_CRLF ? GMIME_NEWLINE_FORMAT_DOS
                                                                            : GMIME_NEWLINE_FORMAT_UNIX);
    GMimeStream *stream = g_mime_stream_mem_new();
    if (!e && g_mime_object_write_to_stream(GMIME_OBJECT(message), options, stream) < 0)
        e = err_origin(ERR_INTERNAL);
    if (!e) {
        GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
        e = buf_add(out, bytes->data, bytes->len);
    }
    g_object_unref(stream);
    g_mime_format_options_free(options);
    g_object_unref(message);
    return e;
}
