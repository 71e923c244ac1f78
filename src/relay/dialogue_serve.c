/*
 * One mail after the other: MAIL, RCPT and DATA in one flight where the server can (RFC 2920), else one by
 * one, then the mail with its dots doubled. A refusal is reported once all replies to the flight have come,
 * and the connection serves on.
 */
#include "relay/dialogue.h"

#define FILL_MAX 65536u /* bytes of a mail that wait to be written */

/*
 * The mail is over for this connection, which can take another; take_reply() in dialogue.c says so to the
 * owner.
 */
static void end_mail(struct dialogue *d)
{
    struct mail_order *m = d->mail;
    d->mail = NULL;
    d->state = DIALOGUE_READY;
    d->reused = true;
    timer_disarm(&d->all->timers, &d->timer);
    d->events->ended(d, m);
}

static void decide(struct dialogue *d, enum relay_command c, int code, struct span text)
{
    struct mail_order *m = d->mail;
    struct relay_result *r = &m->result;
    r->code = code;
    r->command = c;
    r->dot = d->state == DIALOGUE_END;
    r->reused = d->reused;
    memcpy(r->address, d->address, sizeof(r->address));
    r->tls_version = d->transport.ssl ? SSL_get_version(d->transport.ssl) : NULL;
    if (text.len > sizeof(m->text))
        text.len = sizeof(m->text);
    r->text = (struct span){m->text, reply_unfold(text, m->text)};
    d->refused = true;
}

static enum err say_rcpt(struct dialogue *d)
{
    return dialogue_say(d, RELAY_RCPT, "RCPT TO:<%s>", d->mail->to);
}

static enum err say_mail(struct dialogue *d)
{
    const struct mail_order *m = d->mail;
    char size[48] = "";
    if (d->can.size)
        (void)snprintf(size, sizeof(size), " SIZE=%zu", buf_len(&m->bytes));
    return dialogue_say(d, RELAY_MAIL, "MAIL FROM:<%s>%s%s%s", m->from, size,
                        m->eightbit ? " BODY=8BITMIME" : "", m->utf8 ? " SMTPUTF8" : "");
}

static enum err say_first(struct dialogue *d)
{
    const bool reset = d->needs_reset;
    enum err e = ERR_NONE;
    if (d->mail->question)
        return dialogue_say(d, RELAY_NOOP, "NOOP");
    d->needs_reset = false;
    if (reset)
        e = dialogue_say(d, RELAY_RSET, "RSET");
    if (!e && (!reset || d->can.pipelining))
        e = say_mail(d);
    if (!e && d->can.pipelining)
        e = say_rcpt(d);
    return e || !d->can.pipelining ? e : dialogue_say(d, RELAY_DATA, "DATA");
}

/* What the mail needs and the server has not; "": nothing. */
static const char *lack(const struct dialogue *d, const struct mail_order *m)
{
    if (d->can.size && buf_len(&m->bytes) > d->can.size)
        return "message size exceeds the limit of the relay (SIZE)";
    if (m->utf8 && !d->can.utf8)
        return "the address has characters outside ASCII, and the relay does not offer SMTPUTF8";
    if (m->eightbit && !d->can.eightbit)
        return "the message has bytes outside ASCII, and the relay does not offer 8BITMIME";
    return "";
}

bool dialogue_serve(struct dialogue *d, struct mail_order *m)
{
    d->mail = m;
    d->refused = d->positive = false;
    d->mail_at = 0;
    d->line_start = true;
    d->body_written = false;
    const char *why = lack(d, m);
    if (*why) {
        decide(d, RELAY_MAIL, 0, span_of(why));
        end_mail(d);
        return false;
    }
    list_remove(&d->idle_link);
    d->state = DIALOGUE_COMMANDS;
    if (m->question)
        d->events->step(d, "noop");
    dialogue_arm(d, d->settings->deadlines.command_ms);
    if (say_first(d))
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
    else
        dialogue_flush(d);
    return true;
}

/* ---- the mail ---- */

/*
 * Lines end with CRLF, whatever the mail has: a bare CR or LF before a dot is the end of the mail to some
 * servers. Dots at the front of a line are doubled (RFC 5321 4.5.2).
 */
static enum err put_line_part(struct dialogue *d, struct span rest)
{
    size_t len = 0;
    enum err e = ERR_NONE;
    if (d->line_start && rest.ptr[0] == '.')
        e = buf_add(&d->out, ".", 1);
    while (len < rest.len && len < FILL_MAX / 2 && rest.ptr[len] != '\r' && rest.ptr[len] != '\n')
        len++;
    if (!e)
        e = buf_add(&d->out, rest.ptr, len);
    d->line_start = false;
    d->mail_at += len;
    if (e || len == rest.len || (rest.ptr[len] != '\r' && rest.ptr[len] != '\n'))
        return e;
    d->mail_at += rest.ptr[len] == '\r' && len + 1 < rest.len && rest.ptr[len + 1] == '\n' ? 2 : 1;
    d->line_start = true;
    return buf_add(&d->out, "\r\n", 2);
}

enum err dialogue_fill(struct dialogue *d)
{
    const struct span all = buf_span(&d->mail->bytes);
    enum err e = ERR_NONE;
    while (!e && d->mail_at < all.len && buf_len(&d->out) < FILL_MAX)
        e = put_line_part(d, (struct span){all.ptr + d->mail_at, all.len - d->mail_at});
    if (e || d->mail_at < all.len || d->body_written)
        return e;
    d->body_written = true;
    return buf_add_str(&d->out, d->line_start ? ".\r\n" : "\r\n.\r\n");
}

void dialogue_written(struct dialogue *d)
{
    if (d->state != DIALOGUE_MAIL || !d->body_written)
        return;
    d->state = DIALOGUE_END;
    dialogue_arm(d, d->settings->deadlines.end_ms);
}

/* ---- replies ---- */

static void next_command(struct dialogue *d, enum relay_command done)
{
    enum err e = ERR_NONE;
    if (done == RELAY_DATA) {
        d->awaited[d->awaiting++] = RELAY_END; /* a server may refuse before it has the whole mail */
        d->state = DIALOGUE_MAIL;
        dialogue_arm(d, d->settings->deadlines.data_ms);
    } else if (!d->can.pipelining && done == RELAY_RSET) {
        e = say_mail(d);
    } else if (!d->can.pipelining && done == RELAY_MAIL) {
        e = say_rcpt(d);
    } else if (!d->can.pipelining && done == RELAY_RCPT) {
        e = dialogue_say(d, RELAY_DATA, "DATA");
    }
    if (e)
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_out_of_memory);
    else
        dialogue_flush(d);
}

/* The mail goes over another connection: of this one it is certain that it took nothing. */
static void give_back(struct dialogue *d)
{
    struct mail_order *m = d->mail;
    d->mail = NULL;
    d->events->again(d, m);
    dialogue_close(d);
}

static void end_and_close(struct dialogue *d)
{
    struct mail_order *m = d->mail;
    d->mail = NULL;
    d->events->ended(d, m);
    dialogue_close(d);
}

static bool accepts(enum relay_command c, int code)
{
    return c == RELAY_DATA ? code == 354 : code < 300;
}

/*
 * "421 closing" to the first command on a connection that had served: it was too old, or has served enough.
 */
static bool was_over(const struct dialogue *d, int code)
{
    return code == 421 && d->reused && !d->positive && !d->refused && d->mail->retries < 2;
}

void dialogue_reply(struct dialogue *d, enum relay_command c)
{
    const int code = d->reply.code;
    if (c == RELAY_QUIT || !d->mail) {
        dialogue_close(d);
        return;
    }
    const bool ok = accepts(c, code);
    /* Neither yes nor no; or yes to what it does not have yet. */
    if ((!ok && code < 400) || (c == RELAY_END && d->state == DIALOGUE_MAIL && ok)) {
        dialogue_lost(d, ENDED_PROTOCOL, CAUSE_h1_not_http);
        return;
    }
    if (!ok && was_over(d, code)) {
        give_back(d);
        return;
    }
    if (c == RELAY_RSET) {
        if (ok)
            next_command(d, c);
        else if (d->mail->retries < 2)
            give_back(d);
        else
            dialogue_lost(d, ENDED_PROTOCOL, CAUSE_h1_not_http);
        return;
    }
    if (!d->refused && (!ok || c == RELAY_END || c == RELAY_NOOP))
        decide(d, c, code, reply_text(&d->reply));
    if (code == 421 || (d->refused && c == RELAY_DATA && code == 354) ||
        (c == RELAY_END && d->state == DIALOGUE_MAIL)) {
        /*
         * It closes; or it waits for a mail without recipients, which only an end of the connection keeps
         * from becoming one; or it refused in the middle of the mail.
         */
        end_and_close(d);
        return;
    }
    d->positive |= ok;
    if (!d->refused) {
        next_command(d, c);
        return;
    }
    if (d->awaiting)
        return; /* the rest of the flight */
    d->needs_reset = c != RELAY_END && c != RELAY_NOOP && d->mail->result.command != RELAY_MAIL;
    end_mail(d);
}

/* ---- without a mail ---- */

void dialogue_rest(struct dialogue *d)
{
    dialogue_arm(d, d->settings->deadlines.idle_ms);
}

#define QUIT_MS 2000u /* nobody waits for the reply; the server should see that we did */

void dialogue_quit(struct dialogue *d)
{
    list_remove(&d->idle_link);
    d->state = DIALOGUE_QUIT;
    dialogue_arm(d, QUIT_MS);
    if (dialogue_say(d, RELAY_QUIT, "QUIT"))
        dialogue_close(d);
    else
        dialogue_flush(d);
}
