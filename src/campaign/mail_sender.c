#include "campaign/mail_sender.h"

#include <stdio.h>

#include "base/log.h"
#include "campaign/mail_build.h"

struct relay_settings mail_sender_settings(const struct carrier_smtp *smtp)
{
    static const enum relay_security securities[] = {
        [CARRIER_SECURITY_NONE] = RELAY_SECURITY_NONE,
        [CARRIER_SECURITY_STARTTLS] = RELAY_SECURITY_STARTTLS,
        [CARRIER_SECURITY_TLS] = RELAY_SECURITY_TLS,
    };
    return (struct relay_settings){
        .host = smtp->host,
        .port = smtp->port,
        .security = securities[smtp->security],
        .user = smtp->user,
        .password = smtp->password,
    };
}

enum err mail_sender_send(struct campaign_sender *s, struct relays *relays, const struct parcel *p,
                          int64_t wall_ms, struct carrier_fault *why, relay_done_fn *done, void *arg)
{
    const struct carrier_smtp *smtp = carrier_smtp(s->carrier);
    struct mail_built mail;
    enum err e = mail_build(smtp, p, wall_ms, &mail, why);
    if (e)
        return e;
    if (!s->relay) {
        const struct relay_settings settings = mail_sender_settings(smtp);
        e = relay_open(&s->relay, relays, &settings);
    }
    if (!e)
        e = relay_send(s->relay, mail.from, mail.to, &mail.bytes, done, arg);
    mail_built_deinit(&mail);
    /*
     * Neither is the mail's fault: the address was checked, and a sender has fewer mails under way than a
     * relay takes.
     */
    return e == ERR_INVALID || e == ERR_LIMIT ? ERR_INTERNAL : e;
}

void mail_sender_close(struct campaign_sender *s)
{
    relay_close(s->relay);
    s->relay = NULL;
}

struct answer mail_sender_answer(const struct relay_result *r, int64_t wall_ms)
{
    return (struct answer){
        .medium = MEDIUM_MAIL,
        .service = SERVICE_SMTP,
        .stage = STAGE_SMTP,
        .status = r->code,
        .body = r->text,
        .command = span_of(relay_command_text(r->command)),
        .outcome = r->outcome,
        .now_ms = wall_ms,
    };
}

static bool is_id(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_' ||
           c == '.' || c == '@' || c == '=' || c == '+' || c == '/' || c == '$';
}

/*
 * The word behind one that says so: "queued as 4bXYZ", "OK id=1tGx-0001", "Ok 0102018-…"; else the last
 * long word with a digit in it.
 */
static struct span queue_id(struct span text)
{
    static const char *const signs[] = {"queued as ", "id=", "queued mail for delivery as ", "accepted as "};
    for (size_t k = 0; k < sizeof(signs) / sizeof(signs[0]); k++) {
        const size_t len = strlen(signs[k]);
        for (size_t i = 0; i + len < text.len; i++) {
            if (strncasecmp(text.ptr + i, signs[k], len) != 0)
                continue;
            size_t end = i + len;
            while (end < text.len && is_id(text.ptr[end]))
                end++;
            if (end > i + len)
                return (struct span){text.ptr + i + len, end - i - len};
        }
    }
    struct span found = {"", 0};
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        bool digit = false;
        for (; end < text.len && is_id(text.ptr[end]); end++)
            digit |= text.ptr[end] >= '0' && text.ptr[end] <= '9';
        if (end - i >= 8 && digit)
            found = (struct span){text.ptr + i, end - i};
        i = end + 1;
    }
    return found;
}

void mail_sender_read(const struct answer *a, struct carrier_result *ret)
{
    receipt_of(a, &ret->receipt);
    if (ret->receipt.failed)
        return;
    const struct span id = queue_id(a->body);
    (void)snprintf(ret->service_id, sizeof(ret->service_id), "%.*s", (int)(id.len < 128 ? id.len : 127),
                   id.ptr);
}
