#pragma once
/* A store with providers, channels and people who get mails, for tests with a clock of their own. Static: one
 * test file each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "remove_tree.h"
#include "report/contact.h"
#include "report/notice.h"
#include "store/backend.h"

#define NOON 1795316400000LL /* 2026-11-22 12:00:00 in UTC+9 */
#define WINDOW 300000
#define DAY 86400000LL

static char dir[64];
static struct backend *b;
static struct mail_rules rules;
static struct channel channel; /* of the provider 1, which has the option; its switch is on */

static uint32_t tickets;
static inline void ticket(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN])
{
    (void)snprintf(text, MAIL_TICKET_LEN + 1, "ticket-%036u", ++tickets);
    memset(hash, 0, SESSION_HASH_LEN);
    memcpy(hash, &tickets, sizeof(tickets));
}

static inline void set_option(int64_t provider_id, enum option_state state)
{
    const struct option o = {.provider_id = provider_id, .state = state, .note = SPAN_LIT("")};
    assert_int_equal(b->ops->notices->option_put(b, &o), ERR_NONE);
}

/* Made by that account, with the option. */
static inline int64_t provider(int64_t maker_id)
{
    struct provider p = {.name = "provider", .created_ms = 1, .maker_id = maker_id};
    assert_int_equal(b->ops->roles->provider_insert(b, &p), ERR_NONE);
    set_option(p.id, OPTION_APPROVED);
    return p.id;
}

static inline int64_t person(const char *email, bool is_operator)
{
    struct account a = {
        .language = "en", .password = "x", .operator= is_operator, .confirmed = true, .created_ms = 1};
    (void)snprintf(a.email, sizeof(a.email), "%s", email);
    (void)snprintf(a.name, sizeof(a.name), "somebody");
    assert_int_equal(b->ops->accounts->account_insert(b, &a), ERR_NONE);
    return a.id;
}

static struct channel make(int64_t provider_id, const char *email)
{
    struct channel c = {.name = "bot",
                        .language = "en",
                        .provider_id = provider_id,
                        .use_webhook = true,
                        .error_notification = true};
    (void)snprintf(c.contact_email, sizeof(c.contact_email), "%s", email);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    return c;
}

static inline int begin(void **state)
{
    (void)state;
    tickets = 0;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-contact-XXXXXX");
    if (!mkdtemp(dir) || log_configure("error,report=error") || sqlite_open(&b, dir, STORE_WRITE) ||
        b->ops->begin(b))
        return -1;
    rules = (struct mail_rules){.window_ms = WINDOW,
                                .channel_cap = 100,
                                .provider_cap = 1000,
                                .account_cap = 1000,
                                .ask_cap = 20,
                                .public_url = "https://todoke.example.com",
                                .ticket = ticket};
    set_option(1, OPTION_APPROVED);
    channel = make(1, "contact@example.org");
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    b->ops->rollback(b);
    b->ops->close(b);
    return remove_tree(dir);
}

static enum contact_ask ask_as(const struct channel *c, int64_t account_id, bool by_hand, int64_t now)
{
    enum contact_ask ret;
    assert_int_equal(contact_ask(b, &rules, c, account_id, by_hand, now, &ret), ERR_NONE);
    assert_true(ret == CONTACT_ASK_SENT || contact_ask_text(ret));
    return ret;
}

static enum contact_ask ask(const struct channel *c, int64_t now)
{
    return ask_as(c, 0, false, now);
}

static inline struct contact_view view_of(const struct channel *c)
{
    struct contact_view view;
    assert_int_equal(contact_look(b, c, &view), ERR_NONE);
    return view;
}

static inline void set_email(struct channel *c, const char *email)
{
    (void)snprintf(c->contact_email, sizeof(c->contact_email), "%s", email);
    assert_int_equal(b->ops->channels->channel_update(b, c), ERR_NONE);
}

static struct contact by_ticket(uint32_t n)
{
    struct contact c;
    uint8_t hash[SESSION_HASH_LEN] = {0};
    memcpy(hash, &n, sizeof(n));
    assert_int_equal(b->ops->notices->contact_find(b, hash, &c), ERR_NONE);
    return c;
}

static inline enum err answer(uint32_t n, enum contact_state to, int64_t now)
{
    struct contact c = by_ticket(n);
    return contact_answer(b, &c, to, now);
}

/* An error of the channel, and its window closed. */
static struct notice_step fails(const struct channel *c, int64_t now)
{
    struct notice_step step;
    uint32_t found;
    const struct notice n = {.channel_id = c->id,
                             .reason = SPAN_LIT("error_status_code"),
                             .detail = SPAN_LIT("500"),
                             .errors = 1,
                             .first_ms = now,
                             .closes_ms = now};
    assert_int_equal(b->ops->errors->notice_put(b, &n), ERR_NONE);
    assert_int_equal(notices_step(b, &rules, now, 10, &step, &found), ERR_NONE);
    assert_int_equal(found, 1);
    return step;
}

struct mails {
    uint32_t count, asks, last;
    char to[512][64], text[512][4096], subject[512][160], html[512][4096];
};
static struct mails mails;

static enum err take(void *arg, const struct mail *m)
{
    (void)arg;
    assert_true(mails.count < 512);
    (void)snprintf(mails.to[mails.count], 64, "%.*s", (int)m->recipient.len, m->recipient.ptr);
    (void)snprintf(mails.subject[mails.count], 160, "%.*s", (int)m->subject.len, m->subject.ptr);
    (void)snprintf(mails.html[mails.count], 4096, "%.*s", (int)m->html.len, m->html.ptr);
    (void)snprintf(mails.text[mails.count], 4096, "%.*s", (int)m->text.len, m->text.ptr);
    mails.asks += strstr(mails.text[mails.count], "/contact#") != NULL;
    mails.last += strstr(mails.text[mails.count], "This is the last") != NULL;
    mails.count++;
    return ERR_NONE;
}

static inline void read_mails(void)
{
    mails.count = mails.asks = mails.last = 0;
    assert_int_equal(b->ops->mails->mail_due(b, INT64_MAX, 512, take, NULL), ERR_NONE);
}

static inline uint32_t count_to(const char *email)
{
    uint32_t n = 0;
    read_mails();
    for (uint32_t i = 0; i < mails.count; i++)
        n += strcasecmp(mails.to[i], email) == 0;
    return n;
}
