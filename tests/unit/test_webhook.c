/* What leaves for a bot server, byte for byte, and what a publisher may post. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "webhook/publication.h"
#include "webhook/request.h"

static void line_signature(void **state)
{
    (void)state;
    /* The Messaging API's own example. */
    struct channel c = {.secret = "8c570fa6dd201bb328f1c1eac23a96d8",
                        .bot_user_id = "U8e742f61d673b39c7fff3cecb7536ef0"};
    struct request r;
    assert_int_equal(request_build(&r, &c, NULL, 0, "todoke/x", 1700000000123), ERR_NONE);
    assert_true(span_eq(buf_span(&r.body),
                        SPAN_LIT("{\"destination\":\"U8e742f61d673b39c7fff3cecb7536ef0\",\"events\":[]}")));
    assert_string_equal(r.signature, "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=");
    assert_string_equal(r.timestamp, "1700000000");
    assert_int_equal(strlen(r.id), ULID_LEN);
    assert_true(span_eq(r.headers[2].name, SPAN_LIT("x-line-signature")));
    assert_true(span_eq(r.headers[0].value, SPAN_LIT("application/json; charset=utf-8")));
    request_deinit(&r);
}

static void standard_signature(void **state)
{
    (void)state;
    /* The example of the Standard Webhooks reference libraries; the key is MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
     * in base64. */
    static const char key[] = "1\xf2\x90\xf6\xbf\x06)\x8a\xabO\x08\xd4<?\x08,\xf6H\xa3"
                              "b\xda-\xa4\xb0";
    char out[SIGNATURE_LEN + 4];
    assert_int_equal(signature_standard((struct span){key, sizeof(key) - 1},
                                        SPAN_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                        SPAN_LIT("{\"test\": 2432232314}"), out),
                     ERR_NONE);
    assert_string_equal(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    char line[SIGNATURE_LEN + 1], both_line[SIGNATURE_LEN + 1], both[SIGNATURE_LEN + 4];
    assert_int_equal(
        signature_line((struct span){key, sizeof(key) - 1}, SPAN_LIT("{\"test\": 2432232314}"), line),
        ERR_NONE);
    for (int i = 0; i < 2; i++) { /* what one leaves behind changes nothing for the next */
        assert_int_equal(signature_both((struct span){key, sizeof(key) - 1},
                                        SPAN_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                        SPAN_LIT("{\"test\": 2432232314}"), both_line, both),
                         ERR_NONE);
        assert_string_equal(both_line, line);
        assert_string_equal(both, out);
    }
}

static void both_secrets_sign_in_the_grace(void **state)
{
    (void)state;
    struct channel c = {.secret = "8c570fa6dd201bb328f1c1eac23a96d8", .bot_user_id = "U0"};
    struct request r, old, both;
    assert_int_equal(request_build(&r, &c, NULL, 0, "ua", 1700000000123), ERR_NONE);
    assert_int_equal(r.header_count, REQUEST_HEADERS - 1);
    request_deinit(&r);
    for (int before = 0; before < 2; before++) {
        c = (struct channel){.secret = "11111111111111111111111111111111",
                             .previous_secret = "8c570fa6dd201bb328f1c1eac23a96d8",
                             .previous_until_ms = 1700000000123 + before,
                             .bot_user_id = "U0"};
        struct channel was = {.secret = "8c570fa6dd201bb328f1c1eac23a96d8", .bot_user_id = "U0"};
        assert_int_equal(request_build(&both, &c, NULL, 0, "ua", 1700000000123), ERR_NONE);
        assert_int_equal(request_build(&old, &was, NULL, 0, "ua", 1700000000123), ERR_NONE);
        c.previous_secret[0] = '\0';
        assert_int_equal(request_build(&r, &c, NULL, 0, "ua", 1700000000123), ERR_NONE);
        assert_string_equal(both.signature, r.signature); /* by the new one */
        assert_int_equal(both.header_count, before ? REQUEST_HEADERS : REQUEST_HEADERS - 1);
        assert_string_equal(both.previous, before ? old.signature : "");
        char want[2 * SIGNATURE_LEN + 16], first[SIGNATURE_LEN + 4], second[SIGNATURE_LEN + 4];
        assert_int_equal(
            signature_standard(span_of(c.secret), span_of(both.id), 1700000000, buf_span(&both.body), first),
            ERR_NONE);
        assert_int_equal(signature_standard(span_of(was.secret), span_of(both.id), 1700000000,
                                            buf_span(&both.body), second),
                         ERR_NONE);
        (void)snprintf(want, sizeof(want), before ? "%s %s" : "%s", first, second);
        assert_string_equal(both.standard, want);
        if (before) {
            assert_true(span_eq(both.headers[6].name, SPAN_LIT("x-line-signature-previous")));
            assert_true(span_eq(both.headers[6].value, span_of(old.signature)));
        }
        request_deinit(&r);
        request_deinit(&old);
        request_deinit(&both);
    }
}

static struct event *one(const char *body, struct publication *p)
{
    struct publication_fault f;
    enum err e = publication_parse(p, span_of(body), 7, &f);
    if (e)
        fail_msg("%s: %s %s", body, f.property, f.message);
    assert_int_equal(p->count, 1);
    return p->events[0];
}

static void body_keeps_the_publishers_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *first, *again;
    } rows[] = {
        {"{\"events\":[{\"type\":\"x\"}]}",
         "{\"type\":\"x\",\"mode\":\"active\",\"timestamp\":1700000000000,%s,\"deliveryContext\":{"
         "\"isRedelivery\":false}}",
         "{\"type\":\"x\",\"mode\":\"active\",\"timestamp\":1700000000000,%s,\"deliveryContext\":{"
         "\"isRedelivery\":true}}"},
        /* white space, escapes and numbers no double holds */
        {" { \"events\" : [ { \"n\" : 90071992547409931234.50e+02 , \"type\":\"\\u0078\\/\" , \"timestamp\": "
         "12 } ] } ",
         "{ \"n\" : 90071992547409931234.50e+02 , \"type\":\"\\u0078\\/\" , \"timestamp\": 12 "
         ",\"mode\":\"active\",%s,"
         "\"deliveryContext\":{\"isRedelivery\":false}}",
         NULL},
        {"{\"events\":[{\"type\":\"unfollow\",\"mode\":\"standby\",\"timestamp\":1}]}",
         "{\"type\":\"unfollow\",\"mode\":\"standby\",\"timestamp\":1,%s,\"deliveryContext\":{"
         "\"isRedelivery\":false}}",
         NULL},
        /* ours to give: taken out wherever they stand */
        {"{\"events\":[{\"webhookEventId\":\"mine\",\"type\":\"x\", \"deliveryContext\" : "
         "{\"isRedelivery\":true},\"z\": [1, 2]}]}",
         "{\"type\":\"x\",\"z\": [1, "
         "2],\"mode\":\"active\",\"timestamp\":1700000000000,%s,\"deliveryContext\":{\"isRedelivery\":false}"
         "}",
         NULL},
        {"{\"events\":[{\"type\":\"x\",\"webhookEvent\\u0049d\":1}]}",
         "{\"type\":\"x\",\"mode\":\"active\",\"timestamp\":1700000000000,%s,\"deliveryContext\":{"
         "\"isRedelivery\":false}}",
         NULL},
    };
    struct channel c = {.secret = "s", .bot_user_id = "U0"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct publication p;
        struct event *e = one(rows[i].in, &p);
        e->item.id = (1700000000000LL << ULID_SEQ_SHIFT) + 5;
        char id[ULID_LEN + 1], member[64], event[512], want[600];
        event_id_text(e->item.id, id);
        (void)snprintf(member, sizeof(member), "\"webhookEventId\":\"%s\"", id);
        for (int again = 0; again < 2; again++) {
            const char *shape = again ? rows[i].again : rows[i].first;
            if (!shape)
                continue;
            const char *hole = strstr(shape, "%s");
            (void)snprintf(event, sizeof(event), "%.*s%s%s", (int)(hole - shape), shape, member, hole + 2);
            (void)snprintf(want, sizeof(want), "{\"destination\":\"U0\",\"events\":[%s]}", event);
            e->item.tries = (uint16_t)again;
            struct request r;
            assert_int_equal(request_build(&r, &c, p.events, 1, "ua", 1), ERR_NONE);
            char *got = buf_steal(&r.body);
            assert_string_equal(got, want);
            assert_string_equal(r.id, id); /* the same over redeliveries */
            mem_free(got);
            request_deinit(&r);
        }
        publication_free(&p);
    }
}

static void a_batch_is_one_body(void **state)
{
    (void)state;
    struct publication p;
    struct publication_fault f;
    assert_int_equal(
        publication_parse(&p,
                          SPAN_LIT("{\"events\":[{\"type\":\"a\",\"mode\":\"active\",\"timestamp\":1},{"
                                   "\"type\":\"b\",\"mode\":\"active\",\"timestamp\":1}]}"),
                          1, &f),
        ERR_NONE);
    assert_int_equal(p.count, 2);
    struct channel c = {.secret = "s", .bot_user_id = "U0"};
    struct request r;
    assert_int_equal(request_build(&r, &c, p.events, 2, "ua", 1), ERR_NONE);
    char *got = buf_steal(&r.body);
    assert_non_null(strstr(got, "\"isRedelivery\":false}},{\"type\":\"b\""));
    mem_free(got);
    request_deinit(&r);
    publication_free(&p);
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *body, *property, *message;
    } rows[] = {
        {"", "", "the body is empty, JSON is expected"},
        {"{\"events\":[{\"type\":\"x\"}", "events[0]",
         "not JSON: wrong at byte 23, where the text ends too early"},
        {"[]", "", "must be an object with the member events"},
        {"{}", "events", "is required"},
        {"{\"events\":{}}", "events", "must be an array"},
        {"{\"events\":[]}", "events", "at least one event is needed"},
        {"{\"events\":[],\"x\":1}", "x", "unknown member"},
        {"{\"events\":[{\"type\":\"x\"},1]}", "events[1]", "must be an object"},
        {"{\"events\":[{\"type\":\"x\"},{\"type\":\"x\"},{\"type\":\"x\"},{}]}", "events[3].type",
         "is required"},
        {"{\"events\":[{\"type\":1}]}", "events[0].type", "must be a string"},
        {"{\"events\":[{\"type\":\"x\",\"type\":\"y\"}]}", "events[0].type", "is there twice"},
        {"{\"events\":[{\"type\":\"message\"}]}", "events[0].message", "is required"},
        {"{\"events\":[{\"type\":\"message\",\"message\":[]}]}", "events[0].message", "must be an object"},
        {"{\"events\":[{\"type\":\"message\",\"message\":{}}]}", "events[0].message.type", "is required"},
        {"{\"events\":[{\"type\":\"message\",\"message\":{\"type\":\"text\"}}]}", "events[0].message.text",
         "is required"},
        {"{\"events\":[{\"type\":\"message\",\"message\":{\"type\":\"text\",\"text\":5}}]}",
         "events[0].message.text", "must be a string"},
        {"{\"events\":[{\"type\":\"postback\",\"postback\":{}}]}", "events[0].postback.data", "is required"},
        {"{\"events\":[{\"type\":\"follow\",\"follow\":{\"isUnblocked\":1}}]}",
         "events[0].follow.isUnblocked", "must be true or false"},
        {"{\"events\":[{\"type\":\"follow\",\"mode\":\"x\"}]}", "events[0].mode",
         "must be active or standby"},
        {"{\"events\":[{\"type\":\"follow\",\"timestamp\":1.5}]}", "events[0].timestamp",
         "must be an integer"},
        {"{\"events\":[{\"type\":\"follow\",\"source\":{\"type\":\"user\"}}]}", "events[0].source.userId",
         "is required"},
        {"{\"events\":[{\"type\":\"join\",\"source\":{\"type\":\"group\",\"userId\":\"U\"}}]}",
         "events[0].source.groupId", "is required"},
        {"{\"events\":[{\"type\":\"join\",\"source\":{\"type\":\"planet\"}}]}", "events[0].source.type",
         "must be user, group or room"},
        {"{\"events\":[{\"type\":\"join\",\"replyToken\":1}]}", "events[0].replyToken", "must be a string"},
        {"{\"events\":[{\"type\":\"activated\",\"chatControl\":{\"expireAt\":\"x\"}}]}",
         "events[0].chatControl.expireAt", "must be an integer"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct publication p;
        struct publication_fault f;
        assert_int_equal(publication_parse(&p, span_of(rows[i].body), 1, &f), ERR_INVALID);
        assert_string_equal(f.property, rows[i].property);
        assert_string_equal(f.message, rows[i].message);
        assert_int_equal(p.count, 0);
    }
    struct buf b;
    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i <= EVENT_MAX_COUNT; i++)
        assert_int_equal(buf_add_str(&b, i ? ",{\"type\":\"x\"}" : "{\"events\":[{\"type\":\"x\"}"),
                         ERR_NONE);
    assert_int_equal(buf_add_str(&b, "]}"), ERR_NONE);
    struct publication p;
    struct publication_fault f;
    assert_int_equal(publication_parse(&p, buf_span(&b), 1, &f), ERR_INVALID);
    assert_string_equal(f.property, "events");
    assert_string_equal(f.message, "more than 500 events");
    buf_deinit(&b);
}

static void lines_own_examples_pass(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"events\":[{\"type\":\"message\",\"message\":{\"type\":\"text\",\"id\":\"14353798921116\","
        "\"text\":\"Hello, world\"},"
        "\"timestamp\":1625665242211,\"source\":{\"type\":\"user\",\"userId\":\"U80696558e1aa831\"},"
        "\"replyToken\":\"757913772c4646b784d4b7ce46d12671\","
        "\"mode\":\"active\",\"webhookEventId\":\"01FZ74A0TDDPYRVKNK77XKC3ZR\",\"deliveryContext\":{"
        "\"isRedelivery\":false}}]}",
        "{\"events\":[{\"type\":\"message\",\"message\":{\"type\":\"sticker\",\"id\":\"1\",\"packageId\":"
        "\"3\"}}]}",
        "{\"events\":[{\"type\":\"memberJoined\",\"joined\":{\"members\":[{\"type\":\"user\",\"userId\":"
        "\"U1\"}]},\"source\":{\"type\":\"group\",\"groupId\":\"C1\"}}]}",
        "{\"events\":[{\"type\":\"postback\",\"postback\":{\"data\":\"a=b\",\"params\":{\"datetime\":\"2017-"
        "12-25T01:00\"}}}]}",
        "{\"events\":[{\"type\":\"unsend\",\"unsend\":{\"messageId\":\"325708\"}}]}",
        "{\"events\":[{\"type\":\"unfollow\",\"source\":{\"type\":\"user\",\"userId\":\"U1\"}}]}",
        "{\"events\":[{\"type\":\"anything of ours\",\"mode\":7,\"source\":\"unchecked\"}]}",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct publication p;
        (void)one(rows[i], &p);
        publication_free(&p);
    }
}

/* Memory that runs out at any point: an error, no crash, no leak (the sanitizer looks). */
static void refused_allocations(void **state)
{
    (void)state;
    static const char body[] = "{\"events\":[{\"type\":\"x\",\"deliveryContext\":1},{\"type\":\"y\"}]}";
    struct channel c = {.secret = "s", .bot_user_id = "U0"};
    for (unsigned long n = 1;; n++) {
        struct publication p = {.count = 0};
        struct publication_fault f;
        struct request r = {.body = {0}};
        mem_fail_at(n);
        enum err e = publication_parse(&p, span_of(body), 1, &f);
        if (!e)
            e = request_build(&r, &c, p.events, p.count, "ua", 1);
        int hit = mem_fail_hit();
        mem_fail_at(0);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        request_deinit(&r);
        publication_free(&p);
        if (!hit)
            break;
        assert_true(n < 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_signature),
        cmocka_unit_test(standard_signature),
        cmocka_unit_test(both_secrets_sign_in_the_grace),
        cmocka_unit_test(body_keeps_the_publishers_bytes),
        cmocka_unit_test(a_batch_is_one_body),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(lines_own_examples_pass),
        cmocka_unit_test(refused_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
