/*
 * SendGrid (Web API v3): POST /v3/mail/send. What all get alike goes to up to 1,000 people at once, a
 * personalization each; its events name job and message again, as custom arguments.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "carrier/carrier_core.h"
#include "carrier/carrier_request.h"
#include "carrier/link.h"
#include "fault/receipt_sendgrid.h"

#define HOST "https://api.sendgrid.com"
#define PERSONALIZATIONS_MAX 1000u /* of one call, by the API reference */

struct sendgrid {
    char *key;
    char *from_email, *from_name;
};

static const char *const members[] = {"from", "eventKey", NULL};
static const char *const secrets[] = {"apiKey", NULL};
static const char *const from_members[] = {"email", "name", NULL};

/* The public key that events are signed with: base64 of a P-256 key in DER. It is no secret. */
static bool is_event_key(const char *text)
{
    unsigned char der[256];
    size_t len = strlen(text);
    if (len > 320 || len % 4 != 0)
        return false;
    int n = EVP_DecodeBlock(der, (const unsigned char *)text, (int)len);
    for (size_t i = len; n > 0 && i > 0 && text[i - 1] == '='; i--)
        n--;
    if (n <= 0)
        return false;
    const unsigned char *p = der;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, n);
    char group[32] = "";
    bool ok = key && p == der + n && EVP_PKEY_is_a(key, "EC") &&
              EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) && strcmp(group, "prime256v1") == 0;
    EVP_PKEY_free(key);
    ERR_clear_error(); /* or the next connection of this thread would find it */
    return ok;
}

static enum err open_sendgrid(struct carrier *c, struct json_value settings, struct json_value secret,
                              struct carrier_fault *why)
{
    struct sendgrid *s = c->own = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    struct json_value from = {.kind = JSON_KIND_NONE};
    char *event = NULL;
    enum err e = property_text(why, secret, "apiKey", PROPERTY_TOKEN, 1, 512, &s->key);
    if (!e)
        e = property_need(why, "apiKey", s->key);
    if (!e)
        e = property_object(why, settings, "from", &from);
    if (!e)
        e = property_only(why, from, "from", from_members);
    if (!e)
        e = property_email(why, from, "from.email", &s->from_email);
    if (!e)
        e = property_need(why, "from.email", s->from_email);
    if (!e)
        e = property_text(why, from, "from.name", PROPERTY_LINE, 0, 256, &s->from_name);
    if (!e)
        e = property_text(why, settings, "eventKey", PROPERTY_TOKEN, 1, 320, &event);
    if (!e && event && !is_event_key(event))
        e = property_refuse(
            why, "eventKey",
            "must be the verification key as SendGrid shows it: base64 of a public P-256 key");
    mem_free(event);
    return e;
}

static void close_sendgrid(struct carrier *c)
{
    struct sendgrid *s = c->own;
    if (s) {
        property_wipe(s->key);
        mem_free(s->from_email);
        mem_free(s->from_name);
    }
    mem_free(s);
}

static struct span host_of(const struct carrier *c)
{
    return c->base ? span_of(c->base) : SPAN_LIT(HOST);
}

/* Templates leave line breaks around a subject, and a header has none: each run of white space with a break
 * in it becomes one blank, and none is left at the ends. */
static enum err one_line(struct span text, struct buf *out)
{
    enum err e = ERR_NONE;
    size_t i = 0;
    while (!e && i < text.len) {
        size_t run = i;
        bool breaks = false;
        while (run < text.len && strchr(" \t\r\n\f\v", text.ptr[run]) && text.ptr[run]) {
            breaks = breaks || (text.ptr[run] != ' ' && text.ptr[run] != '\t');
            run++;
        }
        if (run > i && run < text.len && buf_len(out) > 0)
            e = breaks ? buf_add(out, " ", 1) : buf_add(out, text.ptr + i, run - i);
        if (!e && run < text.len)
            e = buf_add(out, text.ptr + run, 1);
        i = run + 1;
    }
    return e;
}

static void write_address(struct json_write *w, struct span email, const char *name)
{
    json_write_object(w);
    json_write_key(w, "email");
    json_write_span(w, email);
    if (name && *name) {
        json_write_key(w, "name");
        json_write_str(w, name);
    }
    json_write_end(w);
}

static void write_number(struct json_write *w, const char *key, int64_t n)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)n);
    json_write_key(w, key);
    json_write_str(w, digits);
}

static enum err write_person(struct json_write *w, const struct parcel *p, struct carrier_fault *why)
{
    json_write_object(w);
    json_write_key(w, "to");
    json_write_array(w);
    write_address(w, p->target, NULL);
    json_write_end(w);
    /* Events show them flat beside SendGrid's own members. */
    json_write_key(w, "custom_args");
    json_write_object(w);
    write_number(w, "todoke_job", p->job_id);
    write_number(w, "todoke_message", p->n);
    json_write_end(w);
    if (p->unsubscribe_url.len > 0) {
        const char *bad = link_refuse(p->unsubscribe_url);
        char link[2052];
        if (bad)
            return property_refuse(why, "unsubscribe_url", "%s", bad);
        (void)snprintf(link, sizeof(link), "<%.*s>", (int)p->unsubscribe_url.len, p->unsubscribe_url.ptr);
        json_write_key(w, "headers");
        json_write_object(w);
        json_write_key(w, "List-Unsubscribe");
        json_write_str(w, link);
        json_write_key(w, "List-Unsubscribe-Post");
        json_write_str(w, "List-Unsubscribe=One-Click");
        json_write_end(w);
    }
    json_write_end(w);
    return ERR_NONE;
}

static void write_content(struct json_write *w, const char *type, struct span json)
{
    json_write_object(w);
    json_write_key(w, "type");
    json_write_str(w, type);
    json_write_key(w, "value");
    json_write_raw(w, json);
    json_write_end(w);
}

/* Sets *ret to the member's JSON, where it is a text with something in it. */
static enum err find_text(const struct parcel *p, const char *name, struct buf *scratch, struct span *ret,
                          struct carrier_fault *why)
{
    struct span text;
    enum err e = carrier_content_text(p, name, scratch, &text, why);
    *ret = !e && !carrier_is_blank(text) ? carrier_content_of(p, name).raw : (struct span){NULL, 0};
    return e;
}

static enum err write_mail(struct json_write *w, const struct carrier *c, const struct parcel *p,
                           struct buf *scratch, struct buf *subject, struct carrier_fault *why)
{
    const struct sendgrid *s = c->own;
    struct span text, html, title;
    enum err e = carrier_content_text(p, "subject", scratch, &title, why);
    if (!e)
        e = one_line(title, subject);
    if (!e && buf_len(subject) == 0)
        e = property_refuse(why, "subject", "is missing: a mail has a subject");
    if (!e)
        e = find_text(p, "text", scratch, &text, why);
    if (!e)
        e = find_text(p, "html", scratch, &html, why);
    if (!e && !text.ptr && !html.ptr)
        e = property_refuse(why, "html", "is missing, and text as well: a mail has one of them");
    if (e)
        return e;
    json_write_key(w, "from");
    write_address(w, span_of(s->from_email), s->from_name);
    json_write_key(w, "subject");
    json_write_span(w, buf_span(subject));
    json_write_key(w, "content"); /* the plain text first, as SendGrid demands */
    json_write_array(w);
    if (text.ptr)
        write_content(w, "text/plain", text);
    if (html.ptr)
        write_content(w, "text/html", html);
    json_write_end(w);
    if (p->campaign.len > 0) {
        json_write_key(w, "categories");
        json_write_array(w);
        json_write_span(w, p->campaign);
        json_write_end(w);
    }
    return ERR_NONE;
}

static enum err build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                      struct carrier_request *ret, struct carrier_fault *why)
{
    const struct sendgrid *s = c->own;
    struct json_write w;
    (void)wall_ms;
    json_write_init(&w, &ret->body);
    json_write_object(&w);
    json_write_key(&w, "personalizations");
    json_write_array(&w);
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < count; i++)
        e = write_person(&w, &parcels[i], why);
    json_write_end(&w);
    struct buf scratch, subject;
    buf_init(&scratch, CARRIER_BODY_MAX);
    buf_init(&subject, CARRIER_BODY_MAX);
    if (!e)
        e = write_mail(&w, c, &parcels[0], &scratch, &subject, why);
    buf_deinit(&scratch);
    buf_deinit(&subject);
    if (e)
        return e;
    json_write_end(&w);
    e = json_write_finish(&w);
    return e ? e
             : carrier_request_bearer(ret, "POST", host_of(c), SPAN_LIT("/v3/mail/send"), span_of(s->key));
}

static void identify(const struct answer *a, char id[static 128])
{
    carrier_copy(id, 128, carrier_answer_header(a, "x-message-id"));
}

#define PART_HEAD "{\"errors\":["
#define PART_TAIL "]}"
/* Errors of one answer that are read: more say nothing new, and a hostile answer must not hold up others. */
#define ERRORS_MAX (2 * PERSONALIZATIONS_MAX)

/* Whom one error of the answer blames: nobody, where it is about the request. */
static size_t blame_by(struct span error, size_t count, struct span *blamed, bool *ret_whole)
{
    char text[2048]; /* SendGrid's errors have some hundred bytes */
    struct receipt_blame by = {.whole = false};
    size_t found = 0;
    int n = snprintf(text, sizeof(text), PART_HEAD "%.*s" PART_TAIL, (int)error.len, error.ptr);
    *ret_whole = n < 0 || (size_t)n >= sizeof(text);
    if (*ret_whole)
        return 0;
    receipt_sendgrid_blame((struct span){text, (size_t)n}, &by);
    *ret_whole = by.whole;
    for (size_t i = 0; i < by.count; i++)
        if (by.indexes[i] < count && !blamed[by.indexes[i]].ptr) {
            blamed[by.indexes[i]] = error;
            found++;
        }
    return found;
}

static size_t blame(const struct answer *a, size_t count, struct span *blamed, bool *ret_recipient)
{
    struct json_value errors, error;
    size_t found = 0;
    bool whole = false;
    if (json_find(carrier_answer_object(a), "errors", &errors))
        return 0;
    struct json_iter it = json_elements(errors);
    for (size_t n = 0; n < ERRORS_MAX && json_next_element(&it, &error); n++) {
        found += blame_by(error.raw, count, blamed, &whole);
        /* It is about what all have, unless the words are about a recipient all the same. */
        if (whole && !*ret_recipient)
            return 0;
    }
    return found;
}

/* A mail that is checked and goes nowhere (sandbox mode), to the sender itself. */
static enum err write_trial(const struct sendgrid *s, struct buf *body)
{
    struct json_write w;
    json_write_init(&w, body);
    json_write_object(&w);
    json_write_key(&w, "personalizations");
    json_write_array(&w);
    json_write_object(&w);
    json_write_key(&w, "to");
    json_write_array(&w);
    write_address(&w, span_of(s->from_email), NULL);
    json_write_end(&w);
    json_write_end(&w);
    json_write_end(&w);
    json_write_key(&w, "from");
    write_address(&w, span_of(s->from_email), s->from_name);
    json_write_key(&w, "subject");
    json_write_str(&w, "todoke");
    json_write_key(&w, "content");
    json_write_array(&w);
    write_content(&w, "text/plain", SPAN_LIT("\"todoke\""));
    json_write_end(&w);
    json_write_key(&w, "mail_settings");
    json_write_raw(&w, SPAN_LIT("{\"sandbox_mode\":{\"enable\":true}}"));
    json_write_end(&w);
    return json_write_finish(&w);
}

static enum err ask(struct carrier *c, unsigned step, int64_t wall_ms, struct carrier_request *ret)
{
    static const char *const paths[] = {"/v3/scopes", "/v3/mail/send", "/v3/user/credits"};
    const struct sendgrid *s = c->own;
    (void)wall_ms;
    enum err e = step == 1 ? write_trial(s, &ret->body) : ERR_NONE;
    return e ? e
             : carrier_request_bearer(ret, step == 1 ? "POST" : "GET", host_of(c), span_of(paths[step]),
                                      span_of(s->key));
}

static bool told(struct carrier *c, unsigned step, const struct answer *a, struct carrier_facts *facts,
                 char *words, size_t size)
{
    struct json_value body = carrier_answer_object(a), value, scope;
    int64_t n = 0;
    (void)c;
    if (step == 0) {
        if (json_find(body, "scopes", &value) || value.kind != JSON_KIND_ARRAY) {
            (void)snprintf(words, size, "the answer is not what SendGrid answers");
            return false;
        }
        struct json_iter it = json_elements(value);
        while (json_next_element(&it, &scope))
            if (json_string_is(scope, "mail.send"))
                return true;
        (void)snprintf(words, size, "the API key has no permission to send mails (mail.send)");
        return false;
    }
    if (step == 2 && !json_find(body, "total", &value) && !json_int64(value, &n) && n >= 0)
        facts->quota = n;
    if (step == 2 && !json_find(body, "used", &value) && !json_int64(value, &n) && n >= 0)
        facts->used = n;
    return true;
}

const struct carrier_service carrier_sendgrid = {
    .kind = "sendgrid",
    .id = SERVICE_SENDGRID,
    .medium = MEDIUM_MAIL,
    .members = members,
    .secrets = secrets,
    .batch = PERSONALIZATIONS_MAX,
    .questions = {"scopes", "validate", "quota"},
    .open = open_sendgrid,
    .close = close_sendgrid,
    .build = build,
    .identify = identify,
    .blame = blame,
    .part_head = PART_HEAD,
    .part_tail = PART_TAIL,
    .ask = ask,
    .told = told,
};
