#include "mail/mailer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "mail/maildir.h"

#define MESSAGE_MAX (1u << 20) /* far beyond any mail of ours */

struct mailer {
    struct mailer_config config;
    char sender[EMAIL_MAX + 1];
    struct smtp *smtp; /* NULL: a Maildir */
    struct maildir maildir;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct list jobs;
    bool drain, stop;
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
    if (why) { /* an older todoke put it into the outbox */
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

/* The next job; NULL: stopped. Before it waits, the connection is closed. */
static struct mailer_job *next(struct mailer *m)
{
    struct list *i;
    bool rested = false;
    (void)pthread_mutex_lock(&m->lock);
    while (!(i = list_pop_front(&m->jobs)) && !m->stop) {
        if (m->smtp && !rested) {
            (void)pthread_mutex_unlock(&m->lock);
            smtp_rest(m->smtp);
            (void)pthread_mutex_lock(&m->lock);
            rested = true;
        } else {
            (void)pthread_cond_wait(&m->wake, &m->lock);
        }
    }
    (void)pthread_mutex_unlock(&m->lock);
    return i ? list_entry(i, struct mailer_job, link) : NULL;
}

/* What waits comes back untried. */
static void flush(struct mailer *m)
{
    (void)pthread_mutex_lock(&m->lock);
    for (struct list *i; (i = list_pop_front(&m->jobs));) {
        struct mailer_job *job = list_entry(i, struct mailer_job, link);
        fail(job, SMTP_STOPPED, "");
        mailbox_post(m->config.home, &job->letter);
    }
    (void)pthread_mutex_unlock(&m->lock);
}

static void *run(void *arg)
{
    struct mailer *m = arg;
    for (struct mailer_job *job; (job = next(m));) {
        (void)pthread_mutex_lock(&m->lock);
        bool stop = m->stop || m->drain;
        (void)pthread_mutex_unlock(&m->lock);
        if (stop)
            fail(job, SMTP_STOPPED, "");
        else
            work(m, job);
        if (job->result.end == SMTP_TROUBLE)
            flush(m);
        mailbox_post(m->config.home, &job->letter);
    }
    return NULL;
}

static enum err start(struct mailer *m)
{
    sigset_t all, before; /* signals are the first loop's */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    m->started = pthread_create(&m->thread, NULL, run, m) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (m->started)
        (void)pthread_setname_np(m->thread, "mail");
    return m->started ? ERR_NONE : ERR_IO;
}

enum err mailer_new(struct mailer **ret, const struct mailer_config *config)
{
    struct mailer *m = mem_zero(1, sizeof(*m));
    if (!m)
        return ERR_NOMEM;
    m->config = *config;
    list_init(&m->jobs);
    (void)pthread_mutex_init(&m->lock, NULL);
    (void)pthread_cond_init(&m->wake, NULL);
    enum err e = message_address(config->from, m->sender);
    if (!e)
        e = config->smtp.url ? smtp_new(&m->smtp, &config->smtp) : maildir_init(&m->maildir, config->maildir);
    if (!e)
        e = start(m);
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
    (void)pthread_mutex_lock(&m->lock);
    list_push_back(&m->jobs, &job->link);
    (void)pthread_cond_signal(&m->wake);
    (void)pthread_mutex_unlock(&m->lock);
}

void mailer_drain(struct mailer *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->drain = true;
    (void)pthread_mutex_unlock(&m->lock);
    flush(m);
}

void mailer_stop(struct mailer *m)
{
    if (!m->started)
        return;
    if (m->smtp)
        smtp_stop(m->smtp);
    (void)pthread_mutex_lock(&m->lock);
    m->stop = true;
    (void)pthread_cond_signal(&m->wake);
    (void)pthread_mutex_unlock(&m->lock);
    (void)pthread_join(m->thread, NULL);
    m->started = false;
}

void mailer_free(struct mailer *m)
{
    if (!m)
        return;
    mailer_stop(m);
    smtp_free(m->smtp);
    (void)pthread_cond_destroy(&m->wake);
    (void)pthread_mutex_destroy(&m->lock);
    mem_free(m);
}
