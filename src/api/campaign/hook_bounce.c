/*
 * A bounce that a mail server hands over: POST /hooks/bounce/{sender} with the message as it is. It needs
 * no log-in: it must name the message by a key that only its mail carries, and then changes only that one.
 */
#include <sodium.h>

#include "api/call.h"
#include "campaign/feedback.h"
#include "campaign/mail_build.h"
#include "carrier/carrier.h"
#include "carrier/dsn.h"

struct bounce {
    int64_t sender_id, provider_id;
    bool permanent, ours;
    struct mail_verp name;
    struct feedback feedback;
    enum feedback_end end;
};

static enum err take_sender(void *arg, const struct sender *s)
{
    struct bounce *h = arg;
    struct json_value v;
    h->provider_id = s->service == SERVICE_SMTP ? s->provider_id : 0;
    h->permanent = !json_find(json_root(s->settings), "unsubscribeOn", &v) && json_string_is(v, "permanent");
    return ERR_NONE;
}

static enum err take_job(void *arg, const struct job *j)
{
    struct bounce *h = arg;
    char key[MESSAGE_KEY_LEN + 1];
    message_key(j->nonce, h->name.n, key);
    h->ours = j->medium == MEDIUM_MAIL && j->sender_id == h->sender_id && j->provider_id == h->provider_id &&
              sodium_memcmp(key, h->name.key, MESSAGE_KEY_LEN) == 0;
    return ERR_NONE;
}

static enum err bounce_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct bounce *h = c->state;
    h->ours = false;
    h->provider_id = 0;
    enum err e = b->ops->campaigns->sender_get(b, 0, h->sender_id, take_sender, h);
    if (e == ERR_NOT_FOUND || (!e && !h->provider_id))
        return call_stop(c, ERR_NOT_FOUND, "No such sender");
    if (!e)
        e = b->ops->jobs->job_get(b, 0, h->name.job_id, take_job, h);
    if (e == ERR_NOT_FOUND || (!e && !h->ours))
        return call_stop(c, ERR_NOT_FOUND, "No such message");
    if (e)
        return e;
    h->feedback.provider_id = h->provider_id;
    h->feedback.permanent = h->permanent;
    return feedback_write(&h->feedback, b, &h->end);
}

static void judge(const struct dsn *d, int64_t now_ms, struct receipt *ret)
{
    const struct dsn_recipient *r = dsn_recipient_of(d, d->returned_to);
    const struct answer_header fields[] = {
        {SPAN_LIT("Action"), r->action},
        {SPAN_LIT("Status"), r->status},
        {SPAN_LIT("Diagnostic-Code"), r->diagnostic},
    };
    const struct answer a = {
        .medium = MEDIUM_MAIL,
        .service = SERVICE_SMTP,
        .stage = STAGE_DSN,
        .headers = fields,
        .header_count = sizeof(fields) / sizeof(*fields),
        .body = r->diagnostic,
        .now_ms = now_ms,
    };
    receipt_of(&a, ret);
}

static bool name_of(const struct dsn *d, struct mail_verp *ret)
{
    for (size_t i = 0; i < d->name_count; i++)
        if (mail_verp_read(d->names[i], ret))
            return true;
    return false;
}

void api_hook_bounce(struct call *c)
{
    struct bounce *h = call_state(c, sizeof(*h));
    struct dsn d;
    if (!h)
        return;
    c->state = h;
    h->sender_id = call_channel_id(c->params[0]);
    const enum err e = dsn_read(server_body(c->req), &d);
    if (e == ERR_NOMEM) {
        call_failed(c, e);
        return;
    }
    if (e) {
        call_invalid(c, "", "must be a delivery status notification (RFC 3464)");
        return;
    }
    const bool named = name_of(&d, &h->name);
    if (named) {
        h->feedback = (struct feedback){
            .sender_id = h->sender_id,
            .job_id = h->name.job_id,
            .n = h->name.n,
            .medium = MEDIUM_MAIL,
            .now_ms = call_now(c),
        };
        judge(&d, h->feedback.now_ms, &h->feedback.receipt);
    }
    dsn_free(&d);
    if (!named) {
        call_refuse(c, 404, "No such message");
        return;
    }
    c->status = 204;
    call_write(c, bounce_run, NULL, call_done);
}
