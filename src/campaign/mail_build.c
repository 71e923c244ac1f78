#include "campaign/mail_build.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "mail/message.h"

#define DECODED_MAX (2u << 20) /* a member of a content, which is half a megabyte at most */
#define KEY_DIGITS 32u         /* of the key, without its hyphens: a local part has 64 bytes */

void mail_built_deinit(struct mail_built *m)
{
    buf_deinit(&m->bytes);
}

static enum err refuse(struct carrier_fault *why, enum err e, const char *property, const char *message)
{
    (void)snprintf(why->property, sizeof(why->property), "%s", property);
    (void)snprintf(why->message, sizeof(why->message), "%s", message);
    return e;
}

/* Lines end with \n, and there is no NUL, which GMime takes for the end. */
static void tidy(struct buf *b)
{
    char *p = b->data + b->head;
    size_t to = 0, len = buf_len(b);
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n')
            continue;
        p[to++] = p[i] == '\r' ? '\n' : p[i] ? p[i] : ' ';
    }
    buf_cut(b, to);
}

/* The text of a member; ret->data NULL: it has none. */
static enum err read_member(const struct parcel *p, const char *name, struct buf *ret,
                            struct carrier_fault *why)
{
    for (size_t i = 0; i < p->member_count; i++) {
        if (!json_key_is(p->members[i].name, name) || !p->members[i].json.ptr)
            continue;
        const struct json_value v = json_root(p->members[i].json);
        if (v.kind == JSON_KIND_NULL)
            return ERR_NONE;
        if (v.kind != JSON_KIND_STRING)
            return refuse(why, ERR_INVALID, name, "is no text");
        enum err e = json_string_decode(v, ret);
        if (!e)
            e = buf_add(ret, "", 1);
        if (e == ERR_LIMIT)
            return refuse(why, e, name, "is too long for a mail");
        if (e)
            return e;
        buf_cut(ret, buf_len(ret) - 1);
        tidy(ret);
        ret->data[ret->tail] = '\0';
    }
    return ERR_NONE;
}

/*
 * Templates leave line breaks around a subject: white space at its ends goes, and a run with a break in it
 * is one blank.
 */
static void one_line(struct buf *subject)
{
    char *p = subject->data + subject->head;
    size_t to = 0, len = buf_len(subject);
    for (size_t i = 0; i < len;) {
        size_t run = i;
        bool breaks = false;
        for (; run < len && strchr(" \t\n\f\v", p[run]); run++)
            breaks |= p[run] != ' ' && p[run] != '\t';
        if (run > i && run < len && to > 0) {
            const size_t keep = breaks ? 1 : run - i;
            memset(p + to, ' ', keep);
            to += keep;
        }
        if (run < len)
            p[to++] = p[run];
        i = run + 1;
    }
    buf_cut(subject, to);
    p[to] = '\0';
}

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');
    return at ? at + 1 : address;
}

static void write_envelope(const struct carrier_smtp *smtp, const struct parcel *p, struct mail_built *m)
{
    char digits[KEY_DIGITS + 1];
    size_t len = 0;
    for (const char *c = p->key; *c && len < KEY_DIGITS; c++)
        if (*c != '-')
            digits[len++] = *c;
    digits[len] = '\0';
    if (smtp->bounce_domain && len)
        (void)snprintf(m->from, sizeof(m->from), "b+%lld.%lld.%s@%s", (long long)p->job_id, (long long)p->n,
                       digits, smtp->bounce_domain);
    else
        (void)snprintf(m->from, sizeof(m->from), "%s", smtp->from_email);
}

/* A URL that a header field can carry between angle brackets. */
static bool is_plain_url(struct span url)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7F || url.ptr[i] == '<' || url.ptr[i] == '>')
            return false;
    return url.len > 0 && url.len < 900;
}

static enum err write_bytes(const struct carrier_smtp *smtp, const struct parcel *p, int64_t wall_ms,
                            const struct buf *subject, const struct buf *text, const struct buf *html,
                            struct mail_built *m)
{
    char id[EMAIL_MAX + 128], feedback[160], unsubscribe[1024];
    struct mail_field fields[4];
    size_t count = 0;
    (void)snprintf(id, sizeof(id), "%lld.%lld.%s@%s", (long long)p->job_id, (long long)p->n, p->key,
                   domain_of(smtp->from_email));
    fields[count++] = (struct mail_field){"Precedence", "bulk"};
    /* Four parts, the last one fixed: what receivers that report on streams of mail group by. */
    (void)snprintf(feedback, sizeof(feedback), "%.*s:%lld:%lld:todoke", (int)p->campaign.len, p->campaign.ptr,
                   (long long)p->job_id, (long long)p->sender_id);
    fields[count++] = (struct mail_field){"Feedback-ID", feedback};
    if (is_plain_url(p->unsubscribe_url)) {
        (void)snprintf(unsubscribe, sizeof(unsubscribe), "<%.*s>", (int)p->unsubscribe_url.len,
                       p->unsubscribe_url.ptr);
        fields[count++] = (struct mail_field){"List-Unsubscribe", unsubscribe};
        if (strncmp(unsubscribe, "<https:", 7) == 0) /* RFC 8058 3.1 */
            fields[count++] = (struct mail_field){"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"};
    }
    const struct mail_message message = {
        .from = smtp->from_email,
        .from_name = smtp->from_name && *smtp->from_name ? smtp->from_name : NULL,
        .to = m->to,
        .subject = buf_span(subject).ptr,
        .text = buf_len(text) ? buf_span(text) : (struct span){NULL, 0},
        .html = buf_len(html) ? buf_span(html) : (struct span){NULL, 0},
        .id = id,
        .date_ms = wall_ms,
        .fields = fields,
        .field_count = count,
    };
    return message_build(&message, MESSAGE_CRLF, &m->bytes);
}

enum err mail_build(const struct carrier_smtp *smtp, const struct parcel *p, int64_t wall_ms,
                    struct mail_built *ret, struct carrier_fault *why)
{
    struct buf subject, text, html;
    *ret = (struct mail_built){.from = ""};
    buf_init(&ret->bytes, MAIL_BYTES_MAX);
    const char *bad = email_recipient(p->target, ret->to);
    if (bad)
        return refuse(why, ERR_INVALID, "target", bad);
    buf_init(&subject, DECODED_MAX);
    buf_init(&text, DECODED_MAX);
    buf_init(&html, DECODED_MAX);
    enum err e = read_member(p, "subject", &subject, why);
    if (!e && buf_len(&subject))
        one_line(&subject);
    if (!e && !buf_len(&subject))
        e = refuse(why, ERR_INVALID, "subject", "is missing: a mail has a subject");
    if (!e)
        e = read_member(p, "text", &text, why);
    if (!e)
        e = read_member(p, "html", &html, why);
    if (!e && !buf_len(&text) && !buf_len(&html))
        e = refuse(why, ERR_INVALID, "html", "is missing, and text as well: a mail has one of them");
    if (!e) {
        write_envelope(smtp, p, ret);
        e = write_bytes(smtp, p, wall_ms, &subject, &text, &html, ret);
        if (e == ERR_LIMIT)
            e = refuse(why, e, "html", "is too long for a mail");
    }
    buf_deinit(&subject);
    buf_deinit(&text);
    buf_deinit(&html);
    if (e)
        mail_built_deinit(ret);
    return e;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number without a sign or zeros in front; *s is behind it and the '.' then. 0: there is none. */
static int64_t read_number(struct span *s)
{
    int64_t n = 0;
    size_t i = 0;
    while (i < s->len && i < 18 && s->ptr[i] >= '0' && s->ptr[i] <= '9')
        n = n * 10 + (s->ptr[i++] - '0');
    if (i == 0 || i == s->len || s->ptr[0] == '0' || s->ptr[i] != '.')
        return 0;
    *s = (struct span){s->ptr + i + 1, s->len - i - 1};
    return n;
}

bool mail_verp_read(struct span name, struct mail_verp *ret)
{
    const bool envelope = name.len > 2 && (name.ptr[0] | 0x20) == 'b' && name.ptr[1] == '+';
    struct span s = envelope ? (struct span){name.ptr + 2, name.len - 2} : name;
    ret->job_id = read_number(&s);
    ret->n = ret->job_id ? read_number(&s) : 0;
    size_t at = 0;
    for (size_t len = 0; len < MESSAGE_KEY_LEN; len++) {
        const bool hyphen = len == 8 || len == 13 || len == 18 || len == 23;
        if (hyphen && envelope) {
            ret->key[len] = '-';
            continue;
        }
        if (at == s.len || (hyphen ? s.ptr[at] != '-' : hex_digit(s.ptr[at]) < 0))
            return false;
        ret->key[len] = hyphen ? '-' : (char)(s.ptr[at] | 0x20);
        at++;
    }
    ret->key[MESSAGE_KEY_LEN] = '\0';
    return ret->n && at < s.len && s.ptr[at] == '@';
}
