/* From failed attempts to mails in the outbox, with a clock of our own: windows, recipients, the option, the
 * daily cap, what the mails say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "remove_tree.h"
#include "report/contact.h"
#include "report/notice.h"
#include "report/notice_text.h"
#include "report/option.h"
#include "report/outbox.h"
#include "store/backend.h"

#define NOON 1795316400000LL /* 2026-11-22 12:00:00 in UTC+9 */
#define WINDOW 300000
#define SUBJECT "Messaging API: Your server did not return [200 OK] - "

static char dir[64];
static struct backend *b;
static struct channel channel;
static struct mail_rules rules;

static int64_t person(const char *email, bool disabled)
{
    struct account a = {.disabled = disabled, .confirmed = true, .language = "en", .created_ms = 1};
    (void)snprintf(a.email, sizeof(a.email), "%s", email);
    (void)snprintf(a.name, sizeof(a.name), "somebody");
    assert_int_equal(b->ops->accounts->account_insert(b, &a), ERR_NONE);
    return a.id;
}

static void set_option(enum option_state state)
{
    const struct option o = {.provider_id = 1, .state = state, .note = SPAN_LIT("")};
    assert_int_equal(b->ops->notices->option_put(b, &o), ERR_NONE);
}

/* Of a link: the same one each time, but for its number. */
static uint32_t tickets;
static void ticket(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN])
{
    (void)snprintf(text, MAIL_TICKET_LEN + 1, "ticket-%036u", ++tickets);
    memset(hash, (int)tickets, SESSION_HASH_LEN);
}

/* The owner of an address has said yes to the first provider. */
static void confirm(const char *email)
{
    struct contact c = {.provider_id = 1, .state = CONTACT_CONFIRMED};
    assert_null(email_spelling(span_of(email), c.address));
    assert_int_equal(b->ops->notices->contact_put(b, &c, span_of(c.address)), ERR_NONE);
}

static int begin(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-notice-XXXXXX");
    if (!mkdtemp(dir) || log_configure("error") || sqlite_open(&b, dir, STORE_WRITE) || b->ops->begin(b))
        return -1;
    channel = (struct channel){.name = "bot",
                               .language = "en",
                               .provider_id = 1,
                               .use_webhook = true,
                               .error_notification = true,
                               .contact_email = "contact@example.org"};
    rules = (struct mail_rules){.window_ms = WINDOW,
                                .channel_cap = 100,
                                .provider_cap = 1000000,
                                .account_cap = 1000000,
                                .ask_cap = 20,
                                .public_url = "https://todoke.example.com",
                                .ticket = ticket};
    if (b->ops->channels->channel_insert(b, &channel))
        return -1;
    confirm(channel.contact_email);
    set_option(OPTION_APPROVED);
    return 0;
}

static int end(void **state)
{
    (void)state;
    b->ops->rollback(b);
    b->ops->close(b);
    return remove_tree(dir);
}

static void fails(int64_t at, const char *reason, const char *detail, uint32_t stopped)
{
    static int64_t event;
    struct attempt a = {.channel_id = channel.id,
                        .started_ms = at,
                        .events = 1,
                        .reason = span_of(reason),
                        .detail = span_of(detail),
                        .cause = SPAN_LIT("x"),
                        .processed = SPAN_LIT("no"),
                        .phase = SPAN_LIT("done"),
                        .notice_ms = WINDOW,
                        .stopped = stopped};
    const struct fate f = {.event_id = ++event, .end = FATE_GIVEN_UP};
    assert_int_equal(b->ops->events->result_put(b, &a, &f, 1, at), ERR_NONE);
}

static struct notice_step look(int64_t now)
{
    struct notice_step step, sum = {0};
    uint32_t found;
    do {
        assert_int_equal(notices_step(b, &rules, now, 7, &step, &found), ERR_NONE);
        sum.told += step.told;
        sum.unwanted += step.unwanted;
        sum.nobody += step.nobody;
        sum.capped[QUOTA_CHANNEL] += step.capped[QUOTA_CHANNEL];
        sum.capped[QUOTA_PROVIDER] += step.capped[QUOTA_PROVIDER];
        sum.capped[QUOTA_ACCOUNT] += step.capped[QUOTA_ACCOUNT];
        sum.asked += step.asked;
        sum.deferred += step.deferred;
    } while (found == 7);
    return sum;
}

struct mails {
    struct mail all[64];
    char texts[64][8192];
    uint32_t count;
};
static struct mails mails;

static enum err take(void *arg, const struct mail *m)
{
    (void)arg;
    assert_true(mails.count < 64);
    char *text = mails.texts[mails.count];
    int n = snprintf(text, 8192, "%.*s|%.*s|%.*s|%.*s", (int)m->recipient.len, m->recipient.ptr,
                     (int)m->subject.len, m->subject.ptr, (int)m->text.len, m->text.ptr, (int)m->html.len,
                     m->html.ptr);
    assert_true(n > 0 && n < 8192);
    mails.all[mails.count++] = *m;
    return ERR_NONE;
}

/* All that waits, in the order it was written. */
static void read_mails(void)
{
    mails.count = 0;
    assert_int_equal(b->ops->mails->mail_due(b, INT64_MAX, 64, take, NULL), ERR_NONE);
}

static void has(uint32_t mail, const char *text)
{
    if (mail >= mails.count || !strstr(mails.texts[mail], text))
        fail_msg("mail %u lacks \"%s\":\n%s", mail, text, mail < mails.count ? mails.texts[mail] : "none");
}

static void windows(void **state)
{
    (void)state;
    fails(NOON, "error_status_code", "500", 0);
    fails(NOON + 1000, "error_status_code", "500", 0);
    fails(NOON + 2000, "error_status_code", "503", 0);
    fails(NOON + WINDOW - 1, "error_status_code", "500", 0);
    assert_int_equal(look(NOON + WINDOW - 1).told, 0); /* open */
    fails(NOON + WINDOW, "error_status_code", "500", 0);
    assert_int_equal(look(NOON + WINDOW).told, 1);
    read_mails();
    assert_int_equal(mails.count, 1);
    has(0, "contact@example.org|" SUBJECT "bot|");
    has(0, "\nError count: 3\n");
    has(0, "\nTime detected: 2026/11/22 12:00:00 (UTC+9)\n");
    assert_int_equal(look(NOON + WINDOW + 2000).told, 1); /* the 503 */
    assert_int_equal(look(NOON + 2 * WINDOW - 1).told, 0);
    assert_int_equal(look(NOON + 2 * WINDOW).told, 1);
    read_mails();
    assert_int_equal(mails.count, 3);
    has(1, "\nDetail for error: 503\nError count: 1\nTime detected: 2026/11/22 12:00:02 (UTC+9)\n");
    has(2, "\nDetail for error: 500\nError count: 1\nTime detected: 2026/11/22 12:05:00 (UTC+9)\n");
    assert_int_equal(look(NOON + 100 * WINDOW).told, 0); /* each once */
}

static void clock_set_back(void **state)
{
    (void)state;
    fails(NOON + 3 * NOTICE_WINDOW_MAX_MS, "error_status_code", "500", 0);
    fails(NOON, "error_status_code", "500", 0);
    assert_int_equal(look(NOON).told, 1); /* from the future: not for days */
    assert_int_equal(look(NOON + WINDOW).told, 1);
}

static void what_it_says(void **state)
{
    (void)state;
    fails(NOON, "could_not_connect", "TLS handshake failure", 0);
    (void)look(NOON + WINDOW);
    read_mails();
    char rows[600];
    (void)snprintf(rows, sizeof(rows),
                   "\n\nChannel ID: %lld\nChannel name: bot\nReason for error: could_not_connect\n"
                   "Detail for error: TLS handshake failure\nError count: 1\n"
                   "Time detected: 2026/11/22 12:00:00 (UTC+9)\n"
                   "URL: https://todoke.example.com/channels/%lld/statistics/errors\n\n",
                   (long long)channel.id, (long long)channel.id);
    has(0, rows);
    has(0, "What it means: Connected to bot server, but TLS handshake failed.");
    (void)snprintf(rows, sizeof(rows),
                   "<a href=\"https://todoke.example.com/channels/%lld/statistics/errors\">",
                   (long long)channel.id);
    has(0, rows);
    static const char *const labels[] = {
        "Channel ID",    "Channel name", "Reason for error", "Detail for error", "Error count",
        "Time detected", "URL"};
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        (void)snprintf(rows, sizeof(rows), ">%s</th><td ", labels[i]);
        has(0, rows);
    }
    memcpy(channel.language, "ja", 3);
    assert_int_equal(b->ops->channels->channel_update(b, &channel), ERR_NONE);
    fails(NOON, "error_status_code", "500", 0);
    (void)look(NOON + WINDOW);
    read_mails();
    has(1, "このチャネルのボットサーバーにWebhookを送信しましたが");
    has(1, "\nReason for error: error_status_code\nDetail for error: 500\n");
    has(1, "200番台以外のレスポンス");
    has(1, "<html lang=\"ja\">");
}

static void names(void **state)
{
    (void)state;
    (void)snprintf(channel.name, sizeof(channel.name),
                   "a\r\nError count: 9\n<b>&\"'\xE2\x80\xAE"
                   "🎉 =?utf-8?q?x?=");
    assert_int_equal(b->ops->channels->channel_update(b, &channel), ERR_NONE);
    fails(NOON, "error_status_code", "500", 0);
    (void)look(NOON + WINDOW);
    read_mails();
    has(0, "|" SUBJECT "a  Error count: 9 <b>&\"' 🎉 =?utf-8?q?x?=|");
    has(0, "\nChannel name: a  Error count: 9 <b>&\"' 🎉 =?utf-8?q?x?=\n");
    has(0, ">a  Error count: 9 &lt;b&gt;&amp;&quot;&#39; 🎉 =?utf-8?q?x?=</td>");
}

static void recipients(void **state)
{
    (void)state;
    static const struct {
        const char *email;
        bool disabled;
        enum grant on_provider, on_channel;
        bool told;
    } rows[] = {
        {"provider-admin@example.com", false, GRANT_ADMIN, GRANT_NONE, true},
        {"channel-admin@example.com", false, GRANT_NONE, GRANT_ADMIN, true},
        {"both@example.com", false, GRANT_ADMIN, GRANT_ADMIN, true},
        {"raised@example.com", false, GRANT_MEMBER, GRANT_ADMIN, true},
        {"member@example.com", false, GRANT_MEMBER, GRANT_NONE, false},
        {"tester@example.com", false, GRANT_NONE, GRANT_TESTER, false},
        {"nobody@example.com", false, GRANT_NONE, GRANT_NONE, false},
        {"gone@example.com", true, GRANT_ADMIN, GRANT_ADMIN, false},
        {"contact@example.org", false, GRANT_ADMIN, GRANT_NONE, true}, /* the contact address, once */
        {"reader@xn--r8jz45g.jp", false, GRANT_ADMIN, GRANT_NONE, true},
        {"reader@例え.jp", false, GRANT_ADMIN, GRANT_NONE, false}, /* is the one before */
        {"bad address@example.com", false, GRANT_ADMIN, GRANT_NONE, false},
        {"two@example.com,three@example.com", false, GRANT_ADMIN, GRANT_NONE, false},
    };
    (void)snprintf(channel.contact_email, sizeof(channel.contact_email), "Contact@EXAMPLE.org");
    assert_int_equal(b->ops->channels->channel_update(b, &channel), ERR_NONE);
    struct channel other = {.name = "other", .language = "en", .provider_id = 1};
    assert_int_equal(b->ops->channels->channel_insert(b, &other), ERR_NONE);
    uint32_t want = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t id = person(rows[i].email, rows[i].disabled);
        if (rows[i].on_provider)
            assert_int_equal(b->ops->roles->grant_put(b, id, GRANT_SCOPE_PROVIDER, 1, rows[i].on_provider),
                             ERR_NONE);
        if (rows[i].on_channel)
            assert_int_equal(
                b->ops->roles->grant_put(b, id, GRANT_SCOPE_CHANNEL, channel.id, rows[i].on_channel),
                ERR_NONE);
        assert_int_equal(b->ops->roles->grant_put(b, id, GRANT_SCOPE_CHANNEL, other.id, GRANT_TESTER),
                         ERR_NONE);
        want += rows[i].told;
    }
    fails(NOON, "error_status_code", "500", 0);
    assert_int_equal(look(NOON + WINDOW).told, 1);
    read_mails();
    assert_int_equal(mails.count, want);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t times = 0;
        for (uint32_t k = 0; k < mails.count; k++)
            times += strncasecmp(mails.texts[k], rows[i].email, strlen(rows[i].email)) == 0 &&
                     mails.texts[k][strlen(rows[i].email)] == '|';
        if (times != rows[i].told)
            fail_msg("%s: %u mails", rows[i].email, times);
    }
}

static void nobody_wants_it(void **state)
{
    (void)state;
    static const enum option_state states[] = {OPTION_NONE, OPTION_APPLIED, OPTION_REFUSED, OPTION_WITHDRAWN};
    int64_t now = NOON;
    for (size_t i = 0; i < 4; i++, now += 10 * WINDOW) { /* approved when it failed, and not when it closes */
        set_option(OPTION_APPROVED);
        fails(now, "error_status_code", "500", 0);
        set_option(states[i]);
        struct notice_step s = look(now + WINDOW);
        assert_true(s.told == 0 && s.unwanted == 1);
    }
    set_option(OPTION_APPROVED);
    fails(now, "error_status_code", "500", 0);
    channel.error_notification = false;
    assert_int_equal(b->ops->channels->channel_update(b, &channel), ERR_NONE);
    assert_int_equal(look(now + WINDOW).unwanted, 1);
    channel.error_notification = true;
    channel.contact_email[0] = '\0';
    assert_int_equal(b->ops->channels->channel_update(b, &channel), ERR_NONE);
    fails(now, "error_status_code", "500", 0);
    assert_int_equal(look(now + WINDOW).nobody, 1);
    fails(now, "error_status_code", "500", 0);
    assert_int_equal(b->ops->channels->channel_delete(b, channel.id), ERR_NONE);
    assert_int_equal(look(now + WINDOW).unwanted, 1);
    read_mails();
    assert_int_equal(mails.count, 0);
}

static void other_kinds(void **state)
{
    (void)state;
    fails(NOON, "error_status_code", "500", 2);
    fails(NOON + 1, "request_timeout", "Request timeout", 1);
    assert_int_equal(look(NOON + WINDOW + 1).told, 3); /* two faults, one word on redelivery */
    read_mails();
    uint32_t stopped = 0;
    while (stopped < 3 && !strstr(mails.texts[stopped], "|Messaging API: Webhook redelivery stopped - bot|"))
        stopped++;
    has(stopped, "\nReason for error: error_status_code\nDetail for error: 500\nError count: 3\n");
    const struct notice n = {.channel_id = channel.id,
                             .kind = NOTICE_SUSPENDED,
                             .reason = SPAN_LIT("could_not_connect"),
                             .detail = SPAN_LIT("Connection failed"),
                             .errors = 20,
                             .first_ms = NOON,
                             .closes_ms = NOON + 86400000};
    assert_int_equal(b->ops->errors->notice_put(b, &n), ERR_NONE);
    assert_int_equal(look(NOON + 86400000).told, 1);
    read_mails();
    has(3, "|Messaging API: Webhook sending suspended - bot|");
    has(3, "\nTime detected: 2026/11/22 12:00:00 (UTC+9)\n");
    rules.channel_cap = 1; /* used up by that one */
    assert_int_equal(b->ops->errors->notice_put(b, &n), ERR_NONE);
    assert_int_equal(look(NOON + 86400000).capped[QUOTA_CHANNEL], 1);
    rules.channel_cap = 100;
    for (int i = 0; i < 2; i++) { /* whoever wants no mails gets none of any kind */
        set_option(i ? OPTION_APPROVED : OPTION_NONE);
        channel.error_notification = !i;
        assert_int_equal(b->ops->channels->channel_update(b, &channel), ERR_NONE);
        assert_int_equal(b->ops->errors->notice_put(b, &n), ERR_NONE);
        fails(NOON + 86400000, "error_status_code", "500", 1);
        struct notice_step s = look(NOON + 86400000 + WINDOW);
        assert_true(s.unwanted == 3 && s.told == 0);
    }
}

static uint32_t count_with(const char *text)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < mails.count; i++)
        n += strstr(mails.texts[i], text) != NULL;
    return n;
}

/* A channel that fails in two ways, every ten seconds, for a day. */
static uint64_t fail_for_a_day(int64_t from, struct notice_step *sum)
{
    uint64_t errors = 0;
    for (int64_t t = from; t < from + 86400000; t += 10000) {
        fails(t, "error_status_code", errors % 4 ? "500" : "502", 0);
        errors++;
        struct notice_step s = look(t);
        sum->told += s.told;
        sum->capped[QUOTA_CHANNEL] += s.capped[QUOTA_CHANNEL];
    }
    struct notice_step s = look(from + 86400000 + WINDOW);
    sum->told += s.told;
    sum->capped[QUOTA_CHANNEL] += s.capped[QUOTA_CHANNEL];
    return errors;
}

static void storm(void **state)
{
    (void)state;
    rules.channel_cap = 1000000;
    struct notice_step sum = {0};
    assert_int_equal(fail_for_a_day(NOON, &sum), 8640);
    assert_in_range(sum.told, 2 * 270, 2 * 288); /* one a window and fault at most */
    assert_int_equal(sum.capped[QUOTA_CHANNEL], 0);
}

static void daily_cap(void **state)
{
    (void)state;
    rules.channel_cap = 5;
    struct notice_step sum = {0};
    int64_t midnight = NOON + 12 * 3600000; /* in UTC+9 */
    (void)fail_for_a_day(midnight - 3600000, &sum);
    assert_int_equal(sum.told, 10); /* two days */
    assert_true(sum.capped[QUOTA_CHANNEL] > 500);
    read_mails();
    assert_int_equal(mails.count, 10);
    assert_int_equal(count_with("the limit of 5 a day is reached"), 2);
    has(4, "the limit of 5 a day is reached");
    has(9, "the limit of 5 a day is reached");
    for (int i = 0; i < 10; i++)
        assert_true((mails.all[i].created_ms < midnight) == (i < 5));
}

static void full_outbox(void **state)
{
    (void)state;
    struct span to[100];
    for (size_t i = 0; i < 100; i++)
        to[i] = SPAN_LIT("x@example.com");
    const struct mail_draft d = {1, SPAN_LIT("s"), SPAN_LIT("t"), SPAN_LIT("h"), to, 100};
    for (uint32_t i = 0; i < NOTICE_OUTBOX_MAX / 100; i++)
        assert_int_equal(b->ops->mails->mail_insert(b, &d, NOON), ERR_NONE);
    fails(NOON, "error_status_code", "500", 0);
    for (int i = 1; i <= 3; i++) {
        fails(NOON + i * WINDOW, "error_status_code", "500", 0); /* opens another */
        struct notice_step s = look(NOON + i * WINDOW);
        assert_true(s.told == 0 && s.deferred == 1);
    }
    struct mail m = {.id = 1, .state = MAIL_SENT, .next_ms = NOON, .last_error = SPAN_LIT("")};
    assert_int_equal(b->ops->mails->mail_tried(b, &m), ERR_NONE);
    assert_int_equal(look(NOON + 5 * WINDOW).told, 1); /* room: one mail with all of them */
    char text[64] = "";
    struct mail_counts counts;
    assert_int_equal(b->ops->mails->mail_count(b, &counts), ERR_NONE);
    assert_int_equal(counts.waiting, NOTICE_OUTBOX_MAX);
    mails.count = 0;
    assert_int_equal(b->ops->mails->mail_list(b, 1, INT64_MAX, 1, take, NULL), ERR_NONE);
    has(0, "contact@example.org|" SUBJECT "bot|");
    m.id = mails.all[0].id;
    for (uint32_t i = 2; i <= NOTICE_OUTBOX_MAX; i++) { /* the rest goes, so that what it says can be read */
        m.id = i;
        assert_int_equal(b->ops->mails->mail_tried(b, &m), ERR_NONE);
    }
    read_mails();
    assert_int_equal(mails.count, 1);
    (void)snprintf(text, sizeof(text), "\nError count: 4\n");
    has(0, text);
    has(0, "\nTime detected: 2026/11/22 12:00:00 (UTC+9)\n");
}

/* Ten thousand channels fail at once: a mail each, in steps that leave the store's thread free in between. */
static void crowd(void **state)
{
    (void)state;
    enum { CHANNELS = 10000 };
    for (int i = 0; i < CHANNELS; i++) {
        struct channel c = channel;
        (void)snprintf(c.name, sizeof(c.name), "bot %d", i);
        (void)snprintf(c.contact_email, sizeof(c.contact_email), "c%d@example.org", i);
        confirm(c.contact_email);
        assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
        struct attempt a = {.channel_id = c.id,
                            .reason = SPAN_LIT("request_timeout"),
                            .detail = SPAN_LIT("Request timeout"),
                            .cause = SPAN_LIT("x"),
                            .processed = SPAN_LIT("unknown"),
                            .phase = SPAN_LIT("await"),
                            .notice_ms = WINDOW};
        for (int k = 0; k < 3; k++)
            assert_int_equal(b->ops->events->result_put(b, &a, NULL, 0, NOON + k), ERR_NONE);
    }
    struct notice_step sum = {0}, step;
    uint32_t found, steps = 0;
    do {
        assert_int_equal(notices_step(b, &rules, NOON + WINDOW, 1000, &step, &found), ERR_NONE);
        assert_true(found <= 25);
        sum.told += step.told;
        steps++;
    } while (found);
    assert_int_equal(sum.told, CHANNELS);
    assert_int_equal(steps, CHANNELS / 25 + 1);
    struct mail_counts counts;
    assert_int_equal(b->ops->mails->mail_count(b, &counts), ERR_NONE);
    assert_int_equal(counts.waiting, CHANNELS);
}

static void options(void **state)
{
    (void)state;
    enum { NONE, APPLIED, APPROVED, REFUSED, WITHDRAWN, NO = -1 };
    static const int want[4][OPTION_STATES] = {
        /* from         none     applied    approved   refused    withdrawn */
        [OPTION_APPLY] = {APPLIED, NO, NO, APPLIED, APPLIED},
        [OPTION_APPROVE] = {NO, APPROVED, NO, APPROVED, NO},
        [OPTION_REFUSE] = {NO, REFUSED, REFUSED, NO, NO},
        [OPTION_WITHDRAW] = {NO, WITHDRAWN, WITHDRAWN, WITHDRAWN, NO},
    };
    for (int act = 0; act < 4; act++) {
        for (int from = 0; from < OPTION_STATES; from++) {
            struct option o = {.state = (enum option_state)from, .applied_ms = 3, .decided_ms = 4};
            enum err e = option_change(&o, (enum option_act)act, 7);
            assert_int_equal(e, want[act][from] == NO ? ERR_CONFLICT : ERR_NONE);
            assert_int_equal(o.state, e ? from : want[act][from]);
            if (e)
                assert_non_null(option_conflict_text((enum option_state)from, (enum option_act)act));
            else
                assert_true(act == OPTION_APPLY ? o.applied_ms == 7 && o.decided_ms == 0
                                                : o.applied_ms == 3 && o.decided_ms == 7);
        }
    }
}

static void waits(void **state)
{
    (void)state;
    static const uint64_t want[] = {60000, 120000, 240000, 480000, 960000, 1920000, 3600000, 3600000};
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(outbox_wait_ms(60000, i + 1), want[i]);
    assert_int_equal(outbox_wait_ms(1, 1000000), 3600000);
    assert_int_equal(outbox_wait_ms(3600000, 9), 3600000);
}

static void outbox_rows(void **state)
{
    (void)state;
    const struct span to[] = {SPAN_LIT("a@example.com"), SPAN_LIT("b@example.com"),
                              SPAN_LIT("c@example.com")};
    const struct mail_draft d = {channel.id, SPAN_LIT("s"), SPAN_LIT("text"), SPAN_LIT("html"), to, 3};
    assert_int_equal(b->ops->mails->mail_insert(b, &d, NOON), ERR_NONE);
    read_mails();
    assert_int_equal(mails.count, 3);
    int64_t ids[] = {mails.all[0].id, mails.all[1].id, mails.all[2].id};
    struct mail m = {
        .id = ids[0], .state = MAIL_SENT, .tries = 1, .next_ms = NOON + 5, .last_error = SPAN_LIT("")};
    assert_int_equal(b->ops->mails->mail_tried(b, &m), ERR_NONE);
    m = (struct mail){ids[1], .tries = 1, .next_ms = NOON + 60000, .last_error = SPAN_LIT("450 later")};
    assert_int_equal(b->ops->mails->mail_tried(b, &m), ERR_NONE);
    m = (struct mail){ids[2], .state = MAIL_FAILED, .tries = 1, .next_ms = NOON + 9,
                      .last_error = SPAN_LIT("550")};
    assert_int_equal(b->ops->mails->mail_tried(b, &m), ERR_NONE);
    mails.count = 0;
    assert_int_equal(b->ops->mails->mail_due(b, NOON + 59999, 9, take, NULL), ERR_NONE);
    assert_int_equal(mails.count, 0);
    assert_int_equal(b->ops->mails->mail_due(b, NOON + 60000, 9, take, NULL), ERR_NONE);
    has(0, "b@example.com|s|text|html");
    struct mail_counts counts;
    assert_int_equal(b->ops->mails->mail_count(b, &counts), ERR_NONE);
    assert_true(counts.waiting == 1 && counts.failed == 1 && counts.oldest_ms == NOON);
    assert_int_equal(b->ops->mails->mail_retry(b, ids[0], NOON + 10), ERR_CONFLICT);
    assert_int_equal(b->ops->mails->mail_retry(b, 999, NOON + 10), ERR_NOT_FOUND);
    assert_int_equal(b->ops->mails->mail_retry(b, ids[2], NOON + 10), ERR_NONE);
    mails.count = 0;
    assert_int_equal(b->ops->mails->mail_due(b, NOON + 10, 9, take, NULL), ERR_NONE);
    has(0, "c@example.com|s|text|html"); /* what it says was kept */
    uint32_t gone = 9;
    assert_int_equal(b->ops->mails->mail_prune(b, NOON + 5, NOON + 5, 10, &gone), ERR_NONE);
    assert_int_equal(gone, 0);
    assert_int_equal(b->ops->mails->mail_prune(b, NOON + 6, NOON + 6, 10, &gone), ERR_NONE);
    assert_int_equal(gone, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(windows),
        CASE(clock_set_back),
        CASE(what_it_says),
        CASE(names),
        CASE(recipients),
        CASE(nobody_wants_it),
        CASE(other_kinds),
        CASE(storm),
        CASE(daily_cap),
        CASE(full_outbox),
        CASE(outbox_rows),
        CASE(crowd),
        cmocka_unit_test(options),
        cmocka_unit_test(waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
