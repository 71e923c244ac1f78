/*
 * From the greeting to the login. Whatever the server answers here is about all mails. A password goes only
 * over TLS, or where the operator chose a relay without.
 */
#include <sodium.h>
#include <sys/socket.h>

#include "relay/dialogue.h"

#define COMMAND_MAX                                                                                          \
    512u /* RFC 5321 4.5.3.1.4: a longer first response of AUTH follows in a line of its own */
#define ENCODED_MAX 1400u

static void no_memory(struct dialogue *d)
{
    dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
}

static void await(struct dialogue *d, const char *step)
{
    d->events->step(d, step);
    dialogue_arm(d, d->settings->deadlines.session_ms);
}

void dialogue_refused(struct dialogue *d, enum relay_command c, int code, struct span text)
{
    struct relay_result *r = &d->failure;
    if (code >= 200 && code < 400) { /* neither yes nor no */
        dialogue_lost(d, ENDED_PROTOCOL, CAUSE_h1_not_http);
        return;
    }
    r->command = c;
    r->code = code;
    if (text.len > sizeof(d->failure_text))
        text.len = sizeof(d->failure_text);
    r->text = (struct span){d->failure_text, reply_unfold(text, d->failure_text)};
    memcpy(r->address, d->address, sizeof(r->address));
    r->tls_version =
        d->transport.ssl && d->transport.handshake_done ? SSL_get_version(d->transport.ssl) : NULL;
    dialogue_close(d);
}

void dialogue_greet(struct dialogue *d)
{
    await(d, "greeting");
    d->awaited[d->awaiting++] = RELAY_CONNECT;
    dialogue_watch(d);
}

/* The node's name, or the address of this end as RFC 5321 4.1.3 writes it. */
static void own_name(const struct dialogue *d, char out[static 80])
{
    union address own = {0};
    socklen_t len = sizeof(own);
    char text[64];
    if (getsockname(d->transport.fd, &own.any, &len))
        own.any.sa_family = AF_INET;
    address_set_port(&own.any, 0);
    address_text(&own.any, text); /* "192.0.2.1:0", "[2001:db8::1]:0" */
    char *end = strrchr(text, ':');
    if (end)
        *end = '\0';
    if (text[0] == '[')
        (void)snprintf(out, 80, "[IPv6:%s", text + 1);
    else
        (void)snprintf(out, 80, "[%s]", text);
}

static void say_hello(struct dialogue *d)
{
    char literal[80];
    own_name(d, literal);
    d->can = (struct capability){.size = 0};
    await(d, "ehlo");
    if (dialogue_say(d, RELAY_EHLO, "%s %s", d->helo ? "HELO" : "EHLO",
                     d->settings->name ? d->settings->name : literal))
        no_memory(d);
}

void dialogue_secured(struct dialogue *d)
{
    say_hello(d);
}

static void is_ready(struct dialogue *d)
{
    d->ready = true;
    d->state = DIALOGUE_READY;
    timer_disarm(&d->all->timers, &d->timer);
    d->events->ready(d);
}

static void encode(const void *bytes, size_t len, char out[static ENCODED_MAX])
{
    (void)sodium_bin2base64(out, ENCODED_MAX, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}

/* "\0user\0password" (RFC 4616) */
static void encode_plain(const struct dialogue *d, char out[static ENCODED_MAX])
{
    const char *user = d->settings->user, *password = d->settings->password;
    char plain[1024];
    size_t u = strlen(user), p = strlen(password);
    plain[0] = plain[u + 1] = '\0';
    memcpy(plain + 1, user, u);
    memcpy(plain + u + 2, password, p);
    encode(plain, u + p + 2, out);
    sodium_memzero(plain, sizeof(plain));
}

static void log_in(struct dialogue *d)
{
    char text[ENCODED_MAX];
    enum err e;
    if (!d->settings->user) {
        is_ready(d);
        return;
    }
    if (!d->can.plain && !d->can.login) {
        dialogue_refused(d, RELAY_AUTH, 0,
                         SPAN_LIT("authentication is not offered: the relay has neither AUTH PLAIN nor "
                                  "AUTH LOGIN"));
        return;
    }
    await(d, "auth");
    if (d->can.plain) {
        encode_plain(d, text);
        d->login_user = true;
        if (strlen(text) + sizeof("AUTH PLAIN \r\n") <= COMMAND_MAX) {
            d->login_password = true;
            e = dialogue_say(d, RELAY_AUTH, "AUTH PLAIN %s", text);
        } else {
            e = dialogue_say(d, RELAY_AUTH, "AUTH PLAIN");
        }
    } else {
        e = dialogue_say(d, RELAY_AUTH, "AUTH LOGIN");
    }
    sodium_memzero(text, sizeof(text));
    if (e)
        no_memory(d);
}

/* 334: the server asks for the next part. */
static void answer_challenge(struct dialogue *d)
{
    char text[ENCODED_MAX];
    if (d->login_password) {
        dialogue_refused(d, RELAY_AUTH, d->reply.code, reply_text(&d->reply));
        return;
    }
    if (d->can.plain) {
        encode_plain(d, text);
        d->login_password = true;
    } else if (!d->login_user) {
        encode(d->settings->user, strlen(d->settings->user), text);
        d->login_user = true;
    } else {
        encode(d->settings->password, strlen(d->settings->password), text);
        d->login_password = true;
    }
    enum err e = dialogue_say(d, RELAY_AUTH, "%s", text);
    sodium_memzero(text, sizeof(text));
    if (e)
        no_memory(d);
}

static void greeted(struct dialogue *d)
{
    if (d->reply.code == 220)
        say_hello(d);
    else
        dialogue_refused(d, RELAY_CONNECT, d->reply.code, reply_text(&d->reply));
}

static void knows_us(struct dialogue *d)
{
    const bool secure = d->transport.ssl || d->settings->security == RELAY_SECURITY_NONE;
    const int code = d->reply.code;
    if (code < 300) {
        if (!d->helo)
            capability_read(&d->can, reply_text(&d->reply));
        if (secure) {
            log_in(d);
        } else if (!d->can.starttls) {
            dialogue_refused(
                d, RELAY_STARTTLS, 0,
                SPAN_LIT("STARTTLS is required by this sender's settings, and the relay does not "
                         "offer it"));
        } else {
            await(d, "starttls");
            if (dialogue_say(d, RELAY_STARTTLS, "STARTTLS"))
                no_memory(d);
        }
        return;
    }
    /* Without extensions there is neither TLS nor a login. */
    if (!d->helo && (code == 500 || code == 502 || code == 504) && secure && !d->settings->user) {
        d->helo = true;
        say_hello(d);
        return;
    }
    dialogue_refused(d, RELAY_EHLO, code, reply_text(&d->reply));
}

void dialogue_login_reply(struct dialogue *d, enum relay_command c, bool more)
{
    const int code = d->reply.code;
    if (more && code < 400) {
        /* Behind the reply to STARTTLS it was sent in the clear to be taken for what comes over TLS
         * (CVE-2011-0411); elsewhere it would be taken for the answer to what comes next. */
        dialogue_lost(d, ENDED_PROTOCOL, CAUSE_h1_not_http);
        return;
    }
    if (c == RELAY_CONNECT) {
        greeted(d);
    } else if (c == RELAY_EHLO) {
        knows_us(d);
    } else if (c == RELAY_STARTTLS) {
        if (code != 220)
            dialogue_refused(d, c, code, reply_text(&d->reply));
        else
            dialogue_tls(d);
        return;
    } else if (code == 334) {
        answer_challenge(d);
    } else if (code < 300) {
        is_ready(d);
    } else {
        dialogue_refused(d, c, code, reply_text(&d->reply));
    }
    if (!d->closed)
        dialogue_flush(d);
}
