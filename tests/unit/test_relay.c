/*
 * Replies and capabilities of mail servers as bytes; what a campaign's mail looks like; and a relay while
 * allocation N = 1, 2, … fails. tests/e2e/relay.test.mjs has the servers that misbehave.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "campaign/mail_build.h"
#include "campaign/mail_sender.h"
#include "relay/capability.h"
#include "relay/relay.h"
#include "relay/reply.h"

#define ROUNDS_MAX 2000

/* ---- replies ---- */

static void replies(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum reply_step step;
        int code;
        const char *text; /* unfolded */
        size_t left;
    } rows[] = {
        {"250 Ok\r\n", REPLY_WHOLE, 250, "Ok", 0},
        {"250 Ok\n", REPLY_WHOLE, 250, "Ok", 0},
        {"250\r\n", REPLY_WHOLE, 250, "", 0},
        {"250-\r\n250 \r\n", REPLY_WHOLE, 250, " ", 0},
        {"250-a\r\n250-b\r\n250 c\r\n", REPLY_WHOLE, 250, "a b c", 0},
        {"550-5.1.1 No such\r\n550-5.1.1  user \r\n550 5.1.1 here\r\nMORE", REPLY_WHOLE, 550,
         "5.1.1 No such  user here", 4},
        {"550-5.7.1 a\r\n550 5.1.1 b\r\n", REPLY_WHOLE, 550, "5.7.1 a 5.1.1 b", 0},
        {"550-5.7.1\r\n550 5.7.1\r\n", REPLY_WHOLE, 550, "5.7.1 ", 0},
        {"250-a\r\n550 b\r\n", REPLY_WHOLE, 550, "a b", 0},
        {"550 a\rb\r\n", REPLY_WHOLE, 550, "a\rb", 0},
        {"250 Ok", REPLY_MORE, 250, "", 0},
        {"25", REPLY_MORE, 25, "", 0},
        {"", REPLY_MORE, 0, "", 0},
        {"\r\n", REPLY_BROKEN, 0, "", 0},
        {"25\r\n", REPLY_BROKEN, 0, "", 0},
        {"25x ok\r\n", REPLY_BROKEN, 0, "", 0},
        {"650 ok\r\n", REPLY_BROKEN, 0, "", 0},
        {"150 ok\r\n", REPLY_BROKEN, 0, "", 0},
        {"250ok\r\n", REPLY_BROKEN, 0, "", 0},
        {"250-ok\r\nok\r\n", REPLY_BROKEN, 0, "", 0},
        {"HTTP/1.1 400\r\n", REPLY_BROKEN, 0, "", 0},
    };
    static struct reply r;
    char out[REPLY_TEXT_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t piece = 1; piece < 32; piece++) { /* however the bytes come */
            const size_t len = strlen(rows[i].in);
            enum reply_step step = REPLY_MORE;
            size_t at = 0;
            reply_begin(&r);
            while (at < len && step == REPLY_MORE) {
                size_t used = 0;
                step = reply_read(&r, rows[i].in + at, piece < len - at ? piece : len - at, &used);
                at += used;
            }
            assert_int_equal(step, rows[i].step);
            if (step != REPLY_WHOLE)
                continue;
            assert_int_equal(r.code, rows[i].code);
            assert_int_equal(len - at, rows[i].left);
            const size_t n = reply_unfold(reply_text(&r), out);
            assert_int_equal(n, strlen(rows[i].text));
            assert_memory_equal(out, rows[i].text, n);
        }
}

static void endless_replies(void **state)
{
    (void)state;
    static const char *const lines[] = {"250-x\r\n", "250-", "2", "250 xxxxxxxx"};
    static struct reply r;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        enum reply_step step = REPLY_MORE;
        size_t fed = 0;
        reply_begin(&r);
        while (step == REPLY_MORE) {
            size_t used = 0;
            step = reply_read(&r, lines[i], strlen(lines[i]), &used);
            fed += used;
            assert_true(fed <= REPLY_BYTES_MAX + 64);
        }
        assert_int_equal(step, REPLY_BROKEN);
        assert_true(r.text_len <= REPLY_TEXT_MAX);
    }
}

static void capabilities(void **state)
{
    (void)state;
    struct capability c;
    capability_read(&c, SPAN_LIT("mx STARTTLS SIZE 5\nPIPELINING\nsize 1000\nAUTH LOGIN  plain\n8bitmime\n"
                                 "SMTPUTF8\nSTARTTLS"));
    assert_true(c.pipelining && c.starttls && c.eightbit && c.utf8 && c.plain && c.login);
    assert_int_equal(c.size, 1000);
    capability_read(&c, SPAN_LIT("PIPELINING is our name\nAUTH=LOGIN CRAM-MD5\nSIZE\nXSTARTTLS\n"));
    assert_true(!c.pipelining && !c.starttls && !c.plain && c.login);
    assert_int_equal(c.size, 0);
    capability_read(&c, SPAN_LIT("x\nSIZE 99999999999999999999999999\nSIZE -1\nSIZE 0x10"));
    assert_int_equal(c.size, 0);
    capability_read(&c, SPAN_LIT(""));
    assert_true(!c.pipelining);
}

/* ---- the mail ---- */

static const struct carrier_smtp smtp = {
    .host = "127.0.0.1", .port = 25, .from_email = "from@example.com", .from_name = "届け"};

static struct parcel parcel_of(const struct carrier_content *members, size_t count)
{
    return (struct parcel){.target = SPAN_LIT("to@example.org"),
                           .job_id = 12,
                           .n = 345,
                           .key = "0123abcd-0123-8abc-9def-0123456789ab",
                           .members = members,
                           .member_count = count,
                           .sender_id = 7,
                           .campaign = SPAN_LIT("spring")};
}

static char *build(const struct carrier_smtp *s, const struct parcel *p, struct mail_built *m)
{
    struct carrier_fault why = {.property = ""};
    assert_int_equal(mail_build(s, p, 1795326000123, m, &why), ERR_NONE);
    assert_int_equal(buf_add(&m->bytes, "", 1), ERR_NONE);
    return m->bytes.data + m->bytes.head;
}

static void check_lines(const char *text)
{
    for (const char *line = text; *line;) {
        const char *end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true(end - line <= 998);
        for (const char *c = line; c < end; c++)
            assert_true(*c != '\r' && *c != '\n' && !(*c & 0x80));
        line = end + 2;
    }
}

static void mails(void **state)
{
    (void)state;
    const struct carrier_content members[] = {
        {SPAN_LIT("subject"), SPAN_LIT("\"\\n  お知らせ\\r\\nBcc: victim@example.org\\n\"")},
        {SPAN_LIT("text"), SPAN_LIT("\"one\\r\\ntwo\\u0000\\rthree\"")},
        {SPAN_LIT("html"), SPAN_LIT("\"<p>h</p>\"")}};
    struct parcel p = parcel_of(members, 3);
    struct mail_built m;
    p.unsubscribe_url = SPAN_LIT("https://u.example/x?y=1");
    const char *text = build(&smtp, &p, &m);
    check_lines(text);
    assert_string_equal(m.from, "from@example.com");
    assert_string_equal(m.to, "to@example.org");
    static const char *const has[] = {
        "\r\nTo: to@example.org\r\n",
        "From: =?UTF-8?B?5bGK44GR?=\r\n <from@example.com>\r\n",
        "\r\nMessage-Id: <12.345.0123abcd-0123-8abc-9def-0123456789ab@example.com>\r\n",
        "\r\nList-Unsubscribe: <https://u.example/x?y=1>\r\n",
        "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "\r\nPrecedence: bulk\r\n",
        "\r\nAuto-Submitted: auto-generated\r\n",
        "\r\nFeedback-ID: spring:12:7:todoke\r\n",
        "\r\nContent-Type: multipart/alternative;",
        "one\r\ntwo=20\r\nthree\r\n",
    };
    for (size_t i = 0; i < sizeof(has) / sizeof(*has); i++)
        if (!strcasestr(text, has[i]))
            fail_msg("no %s in\n%s", has[i], text);
    assert_null(strstr(text, "\r\nBcc:"));
    mail_built_deinit(&m);
}

static void names(void **state)
{
    (void)state;
    const struct carrier_content members[] = {{SPAN_LIT("subject"), SPAN_LIT("\"s\"")},
                                              {SPAN_LIT("text"), SPAN_LIT("\"t\"")},
                                              {SPAN_LIT("html"), SPAN_LIT("null")}};
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"A \"B\" \\ C", "\r\nFrom: \"A \\\"B\\\" \\\\ C\"\r\n <from@example.com>\r\n"},
        {"Evil <boss@example.org>,", "\r\nFrom: \"Evil <boss@example.org>,\"\r\n <from@example.com>\r\n"},
        {"=?utf-8?q?boss?=", "\r\nFrom: =?UTF-8?B?"},
        {"", "\r\nFrom: from@example.com\r\n"},
    };
    const struct parcel p = parcel_of(members, 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct carrier_smtp s = smtp;
        struct mail_built m;
        char all[4096];
        s.from_name = rows[i].name;
        (void)snprintf(all, sizeof(all), "\r\n%s", build(&s, &p, &m));
        if (!strstr(all, rows[i].want))
            fail_msg("no %s in\n%s", rows[i].want, all);
        assert_non_null(strstr(all, "Content-Type: text/plain; charset=us-ascii"));
        assert_null(strstr(all, "multipart"));
        mail_built_deinit(&m);
    }
}

static void refused_mails(void **state)
{
    (void)state;
    static const struct carrier_content full[] = {{SPAN_LIT("subject"), SPAN_LIT("\"s\"")},
                                                  {SPAN_LIT("text"), SPAN_LIT("\"t\"")}};
    static const struct carrier_content blank[] = {{SPAN_LIT("subject"), SPAN_LIT("\" \\n\"")},
                                                   {SPAN_LIT("text"), SPAN_LIT("\"t\"")}};
    struct carrier_fault why;
    struct mail_built m;
    struct parcel p = parcel_of(full, 1);
    assert_int_equal(mail_build(&smtp, &p, 0, &m, &why), ERR_INVALID);
    assert_string_equal(why.property, "html");
    p = parcel_of(full + 1, 1);
    assert_int_equal(mail_build(&smtp, &p, 0, &m, &why), ERR_INVALID);
    assert_string_equal(why.property, "subject");
    p = parcel_of(blank, 2);
    assert_int_equal(mail_build(&smtp, &p, 0, &m, &why), ERR_INVALID);
    assert_string_equal(why.property, "subject");
    p = parcel_of(full, 2);
    p.target = SPAN_LIT("a@b\r\nc");
    assert_int_equal(mail_build(&smtp, &p, 0, &m, &why), ERR_INVALID);
    assert_string_equal(why.property, "target");
}

static void envelopes(void **state)
{
    (void)state;
    const struct carrier_content members[] = {{SPAN_LIT("subject"), SPAN_LIT("\"s\"")},
                                              {SPAN_LIT("text"), SPAN_LIT("\"t\"")}};
    struct parcel p = parcel_of(members, 2);
    struct carrier_smtp s = smtp;
    struct mail_built m;
    struct mail_verp v;
    s.bounce_domain = "bounce.example.com";
    p.job_id = 123456789012;
    p.n = 9876543210;
    (void)build(&s, &p, &m);
    assert_true(strchr(m.from, '@') - m.from <= 64); /* RFC 5321 4.5.3.1.1 */
    assert_true(mail_verp_read(span_of(m.from), &v));
    assert_true(v.job_id == p.job_id && v.n == p.n);
    assert_string_equal(v.key, p.key);
    for (char *c = m.from; *c; c++) /* some servers write local parts in other cases */
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 0x20 : *c);
    assert_true(mail_verp_read(span_of(m.from), &v));
    assert_string_equal(v.key, p.key);
    mail_built_deinit(&m);
    assert_true(mail_verp_read(SPAN_LIT("12.345.0123abcd-0123-8abc-9def-0123456789ab@example.com"), &v));
    assert_true(v.job_id == 12 && v.n == 345);
    assert_string_equal(v.key, "0123abcd-0123-8abc-9def-0123456789ab");
    static const char *const strange[] = {
        "12.345.0123abcd01238abc9def0123456789ab@example.com",
        "12.345.0123abcd-0123-8abc-9def-0123456789ab",
        "12.345.0123abcd-0123-8abc-9def-0123456789abc@example.com",
        "",
        "b+",
        "b+1.2@x.example",
        "b+1.2.0123abcd01238abc9def0123456789a@x.example",
        "b+1.2.0123abcd01238abc9def0123456789abc@x.example",
        "b+1.2.0123abcd01238abc9def0123456789ab",
        "b+0.2.0123abcd01238abc9def0123456789ab@x.example",
        "b+01.2.0123abcd01238abc9def0123456789ab@x.example",
        "b+-1.2.0123abcd01238abc9def0123456789ab@x.example",
        "b+9999999999999999999.2.0123abcd01238abc9def0123456789ab@x.example",
        "c+1.2.0123abcd01238abc9def0123456789ab@x.example",
        "b+1.2.0123abcd0123xabc9def0123456789ab@x.example",
    };
    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++)
        assert_false(mail_verp_read(span_of(strange[i]), &v));
}

/* ---- what a reply means ---- */

static void meanings(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum relay_command command;
        const char *text, *service_id;
        bool failed;
        enum receipt_class class;
    } rows[] = {
        {250, RELAY_END, "2.0.0 Ok: queued as 4bXYZ12", "4bXYZ12", false, RECEIPT_ACCEPTED},
        {250, RELAY_END, "OK id=1tGxYz-0001Ab-2C", "1tGxYz-0001Ab-2C", false, RECEIPT_ACCEPTED},
        {250, RELAY_END, "2.0.0 OK  1764300000 d2e1a72fcca58-7d15e57d9c2si1234 - gsmtp",
         "d2e1a72fcca58-7d15e57d9c2si1234", false, RECEIPT_ACCEPTED},
        {250, RELAY_END, "Ok 0102019a3f-000000", "0102019a3f-000000", false, RECEIPT_ACCEPTED},
        {250, RELAY_END, "Ok", "", false, RECEIPT_ACCEPTED},
        {550, RELAY_RCPT, "5.1.1 User unknown", "", true, RECEIPT_PERMANENT_RECIPIENT},
        {450, RELAY_RCPT, "4.2.0 Greylisted", "", true, RECEIPT_TRANSIENT_SERVER},
        {535, RELAY_AUTH, "5.7.8 Username and Password not accepted", "", true, RECEIPT_SENDER_SIDE},
        {0, RELAY_AUTH, "authentication is not offered: the relay has neither AUTH PLAIN nor AUTH LOGIN", "",
         true, RECEIPT_SENDER_SIDE},
        {0, RELAY_STARTTLS, "STARTTLS is required by this sender's settings, and the relay does not offer it",
         "", true, RECEIPT_SENDER_SIDE},
        {0, RELAY_MAIL, "message size exceeds the limit of the relay (SIZE)", "", true,
         RECEIPT_MESSAGE_FAULT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct relay_result r = {
            .code = rows[i].code, .command = rows[i].command, .text = span_of(rows[i].text)};
        const struct answer a = mail_sender_answer(&r, 0);
        struct carrier_result x = {.spared = false};
        mail_sender_read(&a, &x);
        if (x.receipt.failed != rows[i].failed || x.receipt.class != rows[i].class)
            fail_msg("%s: %s", rows[i].text, receipt_class_text(x.receipt.class));
        assert_string_equal(x.service_id, rows[i].service_id);
    }
}

/* ---- memory ---- */

static pid_t child;
static uint16_t port;

static void converse(int fd)
{
    char in[4096];
    size_t len = 0;
    bool body = false;
    (void)!write(fd, "220 mx\r\n", 8);
    for (ssize_t n; (n = read(fd, in + len, sizeof(in) - len)) > 0;) {
        len += (size_t)n;
        for (char *end; (end = memmem(in, len, "\r\n", 2));) {
            const char *reply = "250 ok\r\n";
            if (body && end == in + 1 && in[0] == '.')
                body = false;
            else if (body)
                reply = "";
            else if (len >= 4 && memcmp(in, "EHLO", 4) == 0)
                reply = "250-mx\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n";
            else if (len >= 4 && memcmp(in, "DATA", 4) == 0)
                reply = "354 go\r\n";
            else if (len >= 4 && memcmp(in, "QUIT", 4) == 0)
                return;
            if (len >= 4 && memcmp(in, "DATA", 4) == 0)
                body = true;
            (void)!write(fd, reply, strlen(reply));
            len -= (size_t)(end + 2 - in);
            memmove(in, end + 2, len);
        }
    }
}

static int start_server(void **state)
{
    (void)state;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) || listen(fd, 128) ||
        getsockname(fd, (struct sockaddr *)&sin, &len))
        return -1;
    port = ntohs(sin.sin_port);
    child = fork();
    if (child != 0) {
        (void)close(fd);
        return child < 0 ? -1 : 0;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGCHLD, SIG_IGN);
    for (int conn; (conn = accept(fd, NULL, NULL)) >= 0; (void)close(conn))
        if (fork() == 0) {
            converse(conn);
            _exit(0);
        }
    _exit(0);
}

static int stop_server(void **state)
{
    (void)state;
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return 0;
}

struct trial {
    struct relays *all;
    struct relay *relay;
    unsigned done, sent, again;
};

static void on_done(void *arg, const struct relay_result *r)
{
    struct trial *t = arg;
    t->done++;
    t->sent += r->code == 250;
    if (r->code == 250)
        return;
    assert_int_equal(r->code, 0); /* a fault of our own machine, and nothing else */
    assert_non_null(r->outcome);
    assert_int_equal(cause_of(r->outcome->cause)->blame, BLAME_LOCAL);
    assert_true(r->dot == (r->outcome->processed == PROCESSED_UNKNOWN));
}

/* Two mails over one connection. Returns whether the failing allocation was reached. */
static bool try_mails(unsigned long nth, unsigned *sent)
{
    uv_loop_t loop;
    struct trial t = {.all = NULL};
    unsigned given = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct relays_config config = {.allow_private = true, .dns_server = "127.0.0.1:9"};
    const struct relay_settings settings = {
        .host = "127.0.0.1", .port = port, .user = "user", .password = "password", .connections_max = 1};
    (void)mem_fail_at(nth);
    enum err e = relays_new(&t.all, &loop, &config);
    if (!e)
        e = relay_open(&t.relay, t.all, &settings);
    for (int i = 0; !e && i < 2; i++) {
        struct buf mail;
        buf_init(&mail, 4096);
        e = buf_add_str(&mail, "Subject: x\r\n\r\nx\r\n");
        if (!e)
            e = relay_send(t.relay, "a@b.example", "c@d.example", &mail, on_done, &t);
        given += !e;
        buf_deinit(&mail);
    }
    assert_true(e == ERR_NONE || e == ERR_NOMEM);
    for (int turns = 0; t.done < given && turns < 100000; turns++)
        (void)uv_run(&loop, UV_RUN_ONCE);
    const bool hit = mem_fail_hit();
    (void)mem_fail_at(0);
    assert_int_equal(t.done, given);
    relay_close(t.relay);
    if (t.all)
        relays_close(t.all, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    *sent = t.sent;
    return hit;
}

static void memory(void **state)
{
    (void)state;
    unsigned sent = 0;
    unsigned long nth = 1;
    while (try_mails(nth, &sent)) {
        assert_true(++nth < ROUNDS_MAX);
    }
    assert_int_equal(sent, 2);
    assert_true(nth > 10); /* it did go through them */
}

static void count_done(void *arg, const struct relay_result *r)
{
    unsigned *done = arg;
    assert_non_null(r->outcome);
    assert_int_equal(r->outcome->cause, CAUSE_local_cancelled);
    assert_int_equal(r->outcome->processed, PROCESSED_NO);
    ++*done;
}

/* The end of a node, at every moment of a mail's way up to its final dot. */
static void ends(void **state)
{
    (void)state;
    for (int turns = 0; turns < 3; turns++) {
        uv_loop_t loop;
        struct relays *all = NULL;
        struct relay *relay = NULL;
        unsigned done = 0;
        struct buf mail;
        assert_int_equal(uv_loop_init(&loop), 0);
        const struct relays_config config = {.allow_private = true};
        const struct relay_settings settings = {.host = "127.0.0.1", .port = port};
        assert_int_equal(relays_new(&all, &loop, &config), ERR_NONE);
        assert_int_equal(relay_open(&relay, all, &settings), ERR_NONE);
        for (int i = 0; i < 3; i++) {
            buf_init(&mail, 4096);
            assert_int_equal(buf_add_str(&mail, "x"), ERR_NONE);
            assert_int_equal(relay_send(relay, "a@b.example", "c@d.example", &mail, count_done, &done),
                             ERR_NONE);
        }
        assert_int_equal(done, 0); /* never inside relay_send() */
        for (int i = 0; i < turns && !done; i++)
            (void)uv_run(&loop, UV_RUN_NOWAIT);
        relays_close(all, NULL, NULL);
        assert_int_equal(done, 3);
        buf_init(&mail, 4096);
        assert_int_equal(relay_send(relay, "a@b.example", "c@d.example", &mail, count_done, &done),
                         ERR_CLOSED);
        relay_close(relay);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(endless_replies),
        cmocka_unit_test(capabilities),
        cmocka_unit_test(mails),
        cmocka_unit_test(names),
        cmocka_unit_test(refused_mails),
        cmocka_unit_test(envelopes),
        cmocka_unit_test(meanings),
        cmocka_unit_test_setup_teardown(memory, start_server, stop_server),
        cmocka_unit_test_setup_teardown(ends, start_server, stop_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
