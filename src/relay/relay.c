/*
 * Which connection takes which mail. One is opened first; once a relay is known to take our mails, as many
 * as wait, up to the limit. Where one cannot be opened and others serve, mails wait for those, and no more
 * are tried for a while: relays limit how many they take. Where none is open, all that wait end with what
 * happened.
 */
#include "relay/relay.h"

#include "base/mem.h"
#include "relay/dialogue.h"

#define CONNECTIONS_MAX 32u
#define WAITING_MAX 16384u /* mails given and not ended; a sender has some hundred under way */
#define REST_US 30000000u  /* after a connection was refused while others serve */
#define ADDRESS_MAX 512u   /* RFC 5321 4.5.3.1.3 says 256 */

struct relay {
    struct relays_member member;
    struct relays *all; /* NULL: it has ended */
    struct relay_settings settings;
    char *host, *user, *password, *name;
    struct list dialogues, idle; /* the idle ones last used first */
    struct list waiting;         /* struct mail_order */
    struct list finished;        /* to be told at the loop's next turn */
    struct timer tell;
    unsigned opening, open, mails; /* mails: that have not been told */
    unsigned memory;               /* dialogues whose memory is still in use */
    uint64_t rest_until_us;
    uint64_t opened_total;
    bool proven; /* a connection was ready, and none has failed since while no other was open */
    bool pumping, closing;
    void (*step)(void *arg, const char *name);
    void *step_arg;
};

static void pump(struct relay *r);

const char *relay_command_text(enum relay_command c)
{
    static const char *const texts[RELAY_COMMANDS] = {
        [RELAY_CONNECT] = "CONNECT", [RELAY_EHLO] = "EHLO", [RELAY_STARTTLS] = "STARTTLS",
        [RELAY_AUTH] = "AUTH",       [RELAY_MAIL] = "MAIL", [RELAY_RCPT] = "RCPT",
        [RELAY_DATA] = "DATA",       [RELAY_END] = "END",   [RELAY_RSET] = "RSET",
        [RELAY_NOOP] = "NOOP",       [RELAY_QUIT] = "QUIT",
    };
    return texts[c];
}

/* ---- memory ---- */

static void order_free(struct mail_order *m)
{
    mem_free(m->from);
    mem_free(m->to);
    buf_deinit(&m->bytes);
    mem_free(m);
}

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    mem_free(secret);
}

static void relay_free(struct relay *r)
{
    wipe(r->password);
    mem_free(r->host);
    mem_free(r->user);
    mem_free(r->name);
    mem_free(r);
}

/* Frees a relay that was closed, once nothing refers to it. */
static void free_if_over(struct relay *r)
{
    if (!r->closing || r->mails || r->memory)
        return;
    if (r->all)
        timer_disarm(&r->all->timers, &r->tell);
    list_remove(&r->member.link);
    relay_free(r);
}

static void close_idle(struct relay *r)
{
    while (!list_empty(&r->idle))
        dialogue_quit(list_entry(r->idle.next, struct dialogue, idle_link));
}

/* ---- what is told ---- */

static void tell_all(struct relay *r)
{
    struct list batch; /* what a callback gives and ends at once waits for the next turn */
    list_init(&batch);
    for (struct list *i; (i = list_pop_front(&r->finished));)
        list_push_back(&batch, i);
    for (struct list *i; (i = list_pop_front(&batch));) {
        struct mail_order *m = list_entry(i, struct mail_order, link);
        m->result.retries = m->retries;
        m->done(m->arg, &m->result);
        order_free(m);
        r->mails--; /* now: the relay is not freed while it tells */
    }
}

static void on_tell(struct timer *t)
{
    struct relay *r = list_entry(t, struct relay, tell);
    tell_all(r);
    if (r->closing && !r->mails)
        close_idle(r);
    free_if_over(r);
}

static void finish(struct relay *r, struct mail_order *m)
{
    list_push_back(&r->finished, &m->link);
    if (!r->tell.armed)
        timer_arm(&r->all->timers, &r->tell, 0, on_tell);
}

static void end_local(struct relay *r, struct mail_order *m, enum cause_id cause)
{
    const struct evidence e = {.phase = PHASE_RESOLVE, .ended = ENDED_LOCAL, .cause = cause, .tls_alert = -1};
    m->outcome = outcome_of(&e);
    m->result.outcome = &m->outcome;
    finish(r, m);
}

/* All that wait end as the connection did that could not be opened. */
static void fail_waiting(struct relay *r, const struct dialogue *d)
{
    for (struct list *i; (i = list_pop_front(&r->waiting));) {
        struct mail_order *m = list_entry(i, struct mail_order, link);
        m->result = d->failure;
        if (d->failure.outcome) {
            m->outcome = d->failure_outcome;
            m->result.outcome = &m->outcome;
        }
        memcpy(m->text, d->failure_text, d->failure.text.len);
        m->result.text = (struct span){m->text, d->failure.text.len};
        finish(r, m);
    }
}

/* ---- events of a dialogue ---- */

static void on_step(struct dialogue *d, const char *name)
{
    struct relay *r = d->owner;
    if (r->step)
        r->step(r->step_arg, name);
}

static struct mail_order *next_waiting(struct relay *r)
{
    struct list *i = list_pop_front(&r->waiting);
    return i ? list_entry(i, struct mail_order, link) : NULL;
}

/* Gives it a mail, or lets it rest. */
static void use(struct relay *r, struct dialogue *d)
{
    struct mail_order *m;
    while ((m = next_waiting(r)))
        if (dialogue_serve(d, m))
            return;
    if (!list_linked(&d->idle_link))
        list_push_front(&r->idle, &d->idle_link);
    if (r->closing)
        dialogue_quit(d);
    else
        dialogue_rest(d);
}

static void on_ready(struct dialogue *d)
{
    struct relay *r = d->owner;
    r->opening--;
    r->open++;
    r->proven = true;
    use(r, d);
    pump(r);
}

static void on_vacant(struct dialogue *d)
{
    use(d->owner, d);
}

static void on_ended(struct dialogue *d, struct mail_order *m)
{
    finish(d->owner, m);
}

static void on_again(struct dialogue *d, struct mail_order *m)
{
    struct relay *r = d->owner;
    m->retries++;
    list_push_front(&r->waiting, &m->link);
}

static void on_closed(struct dialogue *d)
{
    struct relay *r = d->owner;
    if (d->ready) {
        r->open--;
    } else {
        r->opening--;
        r->rest_until_us = relays_now(r->all) + REST_US;
        if (!r->open && !r->opening) {
            r->proven = false;
            fail_waiting(r, d);
        }
    }
    pump(r);
}

static void on_freed(struct dialogue *d)
{
    struct relay *r = d->owner;
    r->memory--;
    free_if_over(r);
    relays_handle_closed(d->all);
}

static const struct dialogue_events events = {
    .step = on_step,
    .ready = on_ready,
    .vacant = on_vacant,
    .ended = on_ended,
    .again = on_again,
    .closed = on_closed,
    .freed = on_freed,
};

/* ---- the pool ---- */

static bool may_open(const struct relay *r, unsigned waiting)
{
    if (r->opening >= (r->proven ? waiting : 1) || r->open + r->opening >= r->settings.connections_max)
        return false;
    return !r->open || relays_now(r->all) >= r->rest_until_us;
}

static unsigned count_waiting(const struct relay *r, unsigned most)
{
    unsigned n = 0;
    for (const struct list *i = r->waiting.next; i != &r->waiting && n < most; i = i->next)
        n++;
    return n;
}

/* False: it could not be begun. */
static bool open_one(struct relay *r)
{
    struct dialogue *d = NULL;
    if (dialogue_open(&d, r->all, &r->settings, &events, r))
        return false;
    list_push_back(&r->dialogues, &d->link);
    r->opening++;
    r->opened_total++;
    r->memory++;
    r->all->handles++;
    dialogue_start(d);
    return true;
}

/* Mails to idle connections, then as many connections as are needed. */
static void pump(struct relay *r)
{
    if (r->pumping) /* called for a connection that ended at once: the outer call continues */
        return;
    r->pumping = true;
    while (!list_empty(&r->idle) && count_waiting(r, 1)) {
        struct dialogue *d = list_entry(r->idle.next, struct dialogue, idle_link);
        struct mail_order *m;
        if (dialogue_alive(d) && (m = next_waiting(r)) && !dialogue_serve(d, m))
            dialogue_rest(d);
    }
    while (may_open(r, count_waiting(r, r->settings.connections_max)) && count_waiting(r, 1)) {
        if (open_one(r))
            continue;
        struct mail_order *m = r->open || r->opening ? NULL : next_waiting(r);
        if (!m)
            break;
        end_local(r, m, CAUSE_local_out_of_memory);
    }
    r->pumping = false;
}

/* ---- its life ---- */

static void end_now(struct relays_member *member)
{
    struct relay *r = list_entry(member, struct relay, member);
    list_remove(&r->member.link);
    r->pumping = true; /* nothing is begun any more */
    r->memory++;       /* it stays until all of this is done */
    for (struct list *i; (i = list_pop_front(&r->waiting));)
        end_local(r, list_entry(i, struct mail_order, link), CAUSE_local_cancelled);
    while (!list_empty(&r->dialogues)) {
        struct dialogue *d = list_entry(r->dialogues.next, struct dialogue, link);
        dialogue_lost(d, ENDED_LOCAL, CAUSE_local_cancelled);
    }
    timer_disarm(&r->all->timers, &r->tell);
    r->all = NULL;
    tell_all(r);
    r->memory--;
    free_if_over(r);
}

static uint32_t or_default(uint32_t ms, uint32_t usual)
{
    return ms ? ms : usual;
}

static enum err copy(const char *from, char **ret, const char **shown)
{
    *shown = *ret = from ? mem_dup(from, strlen(from)) : NULL;
    return from && !*ret ? ERR_NOMEM : ERR_NONE;
}

enum err relay_open(struct relay **ret, struct relays *all, const struct relay_settings *settings)
{
    struct relay *r = mem_zero(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    struct relay_deadlines *t = &r->settings.deadlines;
    r->all = all;
    r->settings = *settings;
    if (!r->settings.connections_max)
        r->settings.connections_max = CONNECTIONS_MAX;
    *t = (struct relay_deadlines){
        .dns_ms = or_default(t->dns_ms, 5000),
        .connect_ms = or_default(t->connect_ms, 10000),
        .session_ms = or_default(t->session_ms, 30000),
        .command_ms = or_default(t->command_ms, 60000),
        .data_ms = or_default(t->data_ms, 180000),
        .end_ms = or_default(t->end_ms, 600000),
        .idle_ms = or_default(t->idle_ms, 20000),
    };
    list_init(&r->dialogues);
    list_init(&r->idle);
    list_init(&r->waiting);
    list_init(&r->finished);
    enum err e = copy(settings->host, &r->host, &r->settings.host);
    if (!e)
        e = copy(settings->user, &r->user, &r->settings.user);
    if (!e)
        e = copy(settings->password, &r->password, &r->settings.password);
    if (!e)
        e = copy(settings->name, &r->name, &r->settings.name);
    if (e) {
        relay_free(r);
        return e;
    }
    r->member.end = end_now;
    list_push_back(&all->members, &r->member.link);
    *ret = r;
    return ERR_NONE;
}

void relay_close(struct relay *r)
{
    if (!r)
        return;
    r->closing = true;
    r->memory++; /* closing the last connection would free it */
    close_idle(r);
    r->memory--;
    free_if_over(r);
}

/* Printable, without what would end the path or the command; UTF-8 goes by SMTPUTF8. */
static bool is_address(const char *text, bool *utf8)
{
    const char *c = text;
    for (; *c && c - text < (ptrdiff_t)ADDRESS_MAX; c++) {
        *utf8 |= (unsigned char)*c >= 0x80;
        if ((unsigned char)*c <= ' ' || *c == 0x7F || *c == '<' || *c == '>')
            return false;
    }
    return !*c;
}

static bool has_eightbit(struct span s)
{
    unsigned char all = 0;
    for (size_t i = 0; i < s.len; i++)
        all |= (unsigned char)s.ptr[i];
    return all & 0x80;
}

static enum err give(struct relay *r, const char *from, const char *to, struct buf *mail, relay_done_fn *done,
                     void *arg)
{
    bool utf8 = false;
    if (!is_address(from, &utf8) || !is_address(to, &utf8) || (mail && !*to))
        return ERR_INVALID;
    if (!r->all)
        return ERR_CLOSED;
    if (r->mails >= WAITING_MAX)
        return ERR_LIMIT;
    struct mail_order *m = mem_zero(1, sizeof(*m));
    if (!m)
        return ERR_NOMEM;
    m->from = mem_dup(from, strlen(from));
    m->to = mem_dup(to, strlen(to));
    if (!m->from || !m->to) {
        order_free(m);
        return ERR_NOMEM;
    }
    m->question = !mail;
    m->utf8 = utf8;
    m->done = done;
    m->arg = arg;
    if (mail) {
        m->eightbit = has_eightbit(buf_span(mail));
        m->bytes = *mail;
        buf_init(mail, mail->max);
    }
    r->mails++;
    list_push_back(&r->waiting, &m->link);
    pump(r);
    return ERR_NONE;
}

enum err relay_send(struct relay *r, const char *from, const char *to, struct buf *mail, relay_done_fn *done,
                    void *arg)
{
    return give(r, from, to, mail, done, arg);
}

enum err relay_verify(struct relays *all, const struct relay_settings *settings,
                      void (*step)(void *arg, const char *name), relay_done_fn *done, void *arg)
{
    struct relay *r = NULL;
    enum err e = relay_open(&r, all, settings);
    if (e)
        return e;
    r->settings.connections_max = 1;
    r->step = step;
    r->step_arg = arg;
    e = give(r, "", "", NULL, done, arg);
    relay_close(r);
    return e;
}

void relay_stats_get(const struct relay *r, struct relay_stats *ret)
{
    *ret = (struct relay_stats){.open = r->open, .opened_total = r->opened_total};
    for (const struct list *i = r->idle.next; i != &r->idle; i = i->next)
        ret->idle++;
    for (const struct list *i = r->waiting.next; i != &r->waiting; i = i->next)
        ret->waiting++;
}
