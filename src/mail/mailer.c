#include "mail/mailer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/worker.h"
#include "mail/maildir.h"

#define MESSAGE_MAX (1u << 20) /* far larger than any mail that todoke sends */

struct mailer {
    struct mailer_config config;
    char sender[EMAIL_MAX + 1];
    struct smtp *smtp; /* NULL: a Maildir */
    struct maildir maildir;
    struct worker worker;
    atomic_bool drain;
};

static void open_letter(struct letter *l)
{
    struct mailer_job *job = list_entry(l, struct mailer_job, letter);
    job->done(job);
}

static void fail(struct mailer_job *job, enum smtp_end end, const char *text)
{
    job->result.end = end;
    (void)snprintf(job->result.text, sizeof(job->result.text), "%s", text);
}

static void put(struct mailer *m, struct mailer_job *job, struct span mail)
{
    enum err e = maildir_put(&m->maildir, job->message.date_ms, job->id, mail);
    if (!e) {
        job->result = (struct smtp_result){SMTP_WRITTEN, ""};
        return;
    }
    char text[160];
    (void)snprintf(text, sizeof(text), "Maildir: %s",
                   e == ERR_IO && errno ? strerrordesc_np(errno) : err_text(e));
    fail(job, SMTP_TROUBLE, text);
}

static void work(struct mailer *m, struct mailer_job *job)
{
    struct buf mail;
    char to[EMAIL_MAX + 1], text[EMAIL_WHY_MAX];
    const char *why = email_recipient(span_of(job->message.to), to);
    if (why) { /* queued by an older todoke, with laxer rules */
        (void)snprintf(text, sizeof(text), "no mail address: %s", why);
        fail(job, SMTP_REFUSED, text);
        return;
    }
    buf_init(&mail, MESSAGE_MAX);
    job->message.from = m->config.from;
    enum err e = message_build(&job->message, m->smtp ? MESSAGE_CRLF : MESSAGE_LF, &mail);
    if (e)
        fail(job, e == ERR_NOMEM ? SMTP_LATER : SMTP_REFUSED, err_text(e));
    else if (m->smtp)
        smtp_send(m->smtp, m->sender, job->message.to, buf_span(&mail), &job->result);
    else
        put(m, job, buf_span(&mail));
    buf_deinit(&mail);
}

/* The next job; NULL: stopped. Before it waits for long, the connection is closed. */
static struct mailer_job *next(struct mailer *m, bool *ret_stop)
{
    struct list jobs;
    list_init(&jobs);
    uint32_t n = worker_take(&m->worker, &jobs, 1, m->smtp ? 0 : -1, ret_stop);
    if (!n && !*ret_stop) {
        smtp_rest(m->smtp);
        n = worker_take(&m->worker, &jobs, 1, -1, ret_stop);
    }
    return n ? list_entry(list_pop_front(&jobs), struct mailer_job, link) : NULL;
}

/* Returns the waiting jobs unsent. */
static void flush(struct mailer *m)
{
    struct list jobs;
    list_init(&jobs);
    worker_take_all(&m->worker, &jobs);
    for (struct list *i; (i = list_pop_front(&jobs));) {
        struct mailer_job *job = list_entry(i, struct mailer_job, link);
        fail(job, SMTP_STOPPED, "");
        mailbox_post(m->config.home, &job->letter);
    }
}

static void *run(void *arg)
{
    struct mailer *m = arg;
    bool stop;
    for (struct mailer_job *job; (job = next(m, &stop));) {
        if (stop || atomic_load(&m->drain))
            fail(job, SMTP_STOPPED, "");
        else
            work(m, job);
        if (job->result.end == SMTP_TROUBLE)
            flush(m);
        mailbox_post(m->config.home, &job->letter);
    }
    return NULL;
}

enum err mailer_new(struct mailer **ret, const struct mailer_config *config)
{
    struct mailer *m = mem_zero(1, sizeof(*m));
    if (!m)
        return ERR_NOMEM;
    m->config = *config;
    enum err e = message_address(config->from, m->sender);
    if (!e)
        e = config->smtp.url ? smtp_new(&m->smtp, &config->smtp) : maildir_init(&m->maildir, config->maildir);
    if (!e)
        e = worker_start(&m->worker, "mail", 0, run, m); /* no limit: the outbox posts few (outbox.c) */
    if (e) {
        int saved = errno;
        mailer_free(m);
        errno = saved;
        return e;
    }
    *ret = m;
    return ERR_NONE;
}

void mailer_post(struct mailer *m, struct mailer_job *job)
{
    job->letter.open = open_letter;
    if (worker_put(&m->worker, &job->link)) { /* stopped */
        fail(job, SMTP_STOPPED, "");
        mailbox_post(m->config.home, &job->letter);
    }
}

void mailer_drain(struct mailer *m)
{
    atomic_store(&m->drain, true);
    flush(m);
}

void mailer_stop(struct mailer *m)
{
    if (m->smtp && m->worker.started)
        smtp_stop(m->smtp);
    worker_stop(&m->worker);
}

void mailer_free(struct mailer *m)
{
    if (!m)
        return;
    mailer_stop(m);
    smtp_free(m->smtp);
    worker_deinit(&m->worker);
    mem_free(m);
}
