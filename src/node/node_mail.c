#include "node/node_mail.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "access/ticket.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/visible.h"
#include "node/public_url.h"

#define PASSWORD_MAX 1024u

static enum err refuse(const char *setting, const char *why)
{
    (void)visible_complain("serve", "%s: %s", setting, why);
    return ERR_INVALID;
}

static enum err take_from(struct node_mail *m, const struct settings *s)
{
    char address[EMAIL_MAX + 1], host[128] = "localhost";
    (void)gethostname(host, sizeof(host) - 1);
    int n = s->mail_from ? snprintf(m->from, sizeof(m->from), "%s", s->mail_from)
                         : snprintf(m->from, sizeof(m->from), "todoke@%s", host);
    if (!s->mail_from && message_address(m->from, address)) { /* a host name need not be a valid domain */
        log_warn("app",
                 "this host's name cannot stand in a mail address: mails come from todoke@localhost; set "
                 "mail-from",
                 log_str("host", host));
        n = snprintf(m->from, sizeof(m->from), "todoke@localhost");
    }
    if (n < 0 || (size_t)n >= sizeof(m->from) || message_address(m->from, address))
        return refuse(
            "mail-from",
            "neither an address (letters, digits and hyphens behind the @) nor Name <address>, in ASCII");
    (void)snprintf(m->domain, sizeof(m->domain), "%s", strrchr(address, '@') + 1);
    return ERR_NONE;
}

static enum err take_url(struct node_mail *m, const struct settings *s, const char *url)
{
    bool leads = false;
    enum err e = public_url_read(s->public_url ? s->public_url : url, m->url, &leads);
    if (e && s->public_url)
        return refuse("public-url", "not https://HOST[:PORT][/PATH]");
    if (e || !leads)
        m->url[0] = '\0';
    return ERR_NONE;
}

/* Warns once, at the start, about settings that keep mails from arriving. */
static void advise(const struct node_mail *m, const struct settings *s)
{
    if (!s->smtp_url)
        log_warn("app",
                 "no mail relay is set: mails are written into a directory and reach nobody; set smtp-url",
                 log_str("directory", m->maildir));
    if (!m->url[0])
        log_warn("app",
                 "no public-url is set that leads people here: mails carry no links, and no contact address "
                 "can be asked to confirm; set public-url");
}

/* The password is the first line of the file. */
static enum err read_password(struct node_mail *m, const char *path)
{
    FILE *f = fopen(path, "re");
    char line[PASSWORD_MAX] = "";
    bool read = f && fgets(line, sizeof(line), f);
    int saved = errno;
    if (f)
        (void)fclose(f);
    if (!read) {
        (void)visible_complain("serve", "smtp-password-file: %s: %s", path,
                               f ? "empty" : strerrordesc_np(saved));
        return ERR_INVALID;
    }
    m->password = mem_dup(line, strcspn(line, "\r\n"));
    explicit_bzero(line, sizeof(line));
    return m->password ? ERR_NONE : ERR_NOMEM;
}

static enum err check(const struct settings *s)
{
    bool password = s->smtp_password || s->smtp_password_file;
    if (s->smtp_url && smtp_check_url(s->smtp_url))
        return refuse("smtp-url", "not smtp://HOST[:PORT] or smtps://HOST[:PORT], without user and password");
    if (s->smtp_password && s->smtp_password_file)
        return refuse("smtp-password", "and smtp-password-file exclude each other");
    if (!s->smtp_user != !password)
        return refuse("smtp-user", "needs smtp-password-file or smtp-password, and the other way round");
    if (s->smtp_user && s->smtp_tls == SMTP_TLS_OFFERED && s->smtp_url &&
        strncasecmp(s->smtp_url, "smtps:", 6) != 0)
        return refuse("smtp-tls",
                      "offered would show the password to whoever suppresses the offer; required or never");
    return ERR_NONE;
}

static enum err open_mailer(struct node_mail *m, const struct settings *s, struct mailbox *mailbox)
{
    (void)snprintf(m->maildir, sizeof(m->maildir), "%s/mail", s->data);
    const struct mailer_config config = {
        .smtp = {.url = s->smtp_url,
                 .user = s->smtp_user,
                 .password = m->password ? m->password : s->smtp_password,
                 .ca = s->ca,
                 .tls = (enum smtp_tls)s->smtp_tls,
                 .timeout_ms = s->smtp_timeout},
        .maildir = m->maildir,
        .from = m->from,
        .home = mailbox,
    };
    enum err e = mailer_new(&m->mailer, &config);
    if (e)
        (void)visible_complain(NULL, "mail: %s: %s", s->smtp_url ? s->smtp_url : m->maildir,
                               e == ERR_IO && errno ? strerrordesc_np(errno) : err_text(e));
    return e;
}

static void on_told(void *arg)
{
    struct node_mail *m = arg;
    if (m->outbox_open)
        outbox_wake(&m->outbox);
}

enum err node_mail_open(struct node_mail *m, const struct settings *s, const struct mail_rules *rules,
                        const char *url, uv_loop_t *loop, struct store *store, struct mailbox *mailbox,
                        const struct steady *steady)
{
    enum err e;
    if ((e = check(s)) || (e = take_from(m, s)) || (e = take_url(m, s, url)) ||
        (s->smtp_password_file && (e = read_password(m, s->smtp_password_file))) ||
        (e = open_mailer(m, s, mailbox)) || (e = approvals_open(&m->approvals, store)))
        return e;
    const struct outbox_config outbox = {.store = store,
                                         .mailbox = mailbox,
                                         .clock = &clock_system,
                                         .mailer = m->mailer,
                                         .domain = m->domain,
                                         .steady = steady,
                                         .expire_ms = s->mail_expire,
                                         .retry_ms = s->mail_retry};
    const struct notice_config notices = {.store = store,
                                          .mailbox = mailbox,
                                          .clock = &clock_system,
                                          .rules = *rules,
                                          .told = on_told,
                                          .arg = m};
    e = outbox_init(&m->outbox, loop, &outbox);
    m->outbox_open = !e;
    if (!e)
        e = notices_init(&m->notices, loop, &notices);
    m->notices_open = !e;
    if (!e)
        advise(m, s);
    return e;
}

void node_mail_set(struct node_mail *m, const struct mail_rules *rules)
{
    notices_set(&m->notices, rules);
}

_Static_assert(MAIL_TICKET_LEN == TICKET_LEN, "one and the same");

void node_mail_ticket(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN])
{
    ticket_make(&random_system, text, hash);
}

void node_mail_stop(struct node_mail *m)
{
    notices_stop(&m->notices);
    outbox_stop(&m->outbox);
}

bool node_mail_idle(const struct node_mail *m)
{
    return !m->notices.busy && outbox_idle(&m->outbox);
}

void node_mail_halt(struct node_mail *m)
{
    if (m->outbox_open)
        outbox_halt(&m->outbox);
}

void node_mail_close(struct node_mail *m)
{
    if (m->notices_open)
        notices_close(&m->notices);
    if (m->outbox_open)
        outbox_close(&m->outbox);
    m->notices_open = m->outbox_open = false;
}

void node_mail_free(struct node_mail *m)
{
    approvals_close(&m->approvals);
    mailer_free(m->mailer);
    m->mailer = NULL;
    if (m->password)
        explicit_bzero(m->password, strlen(m->password));
    mem_free(m->password);
    m->password = NULL;
}
