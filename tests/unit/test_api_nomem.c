/*
 * Every allocation of a request fails once, for the routes that need memory before they ask the store: it is
 * answered, freed and touched no more. AddressSanitizer is the judge of the last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "remove_tree.h"
#include "server/server_core.h"

static char dir[64];
static uv_loop_t loop;
static struct mailbox mailbox;
static struct store *store;
static struct directory *directory;
static struct api *api;
static char key[KEYS_TEXT_LEN + 1], cookie[TICKET_LEN + 1], csrf[TICKET_LEN + 1];
static int64_t channel_id;
/* What the answers read, and nothing has counted in. */
static struct api_access access_config;
static struct rate_limits rates;
static struct approvals approvals;
static struct delivery_counters counters;
static struct delivery_settings settings = {.user_agent = "test", .allow_http = true};
static struct retention_stats retention;
static struct notice_stats notices;
static void no_ticket(char text[static MAIL_TICKET_LEN + 1], uint8_t hash[static SESSION_HASH_LEN])
{
    text[0] = '\0';
    memset(hash, 1, SESSION_HASH_LEN);
}
static const struct mail_rules mail_rules = {
    .provider_cap = 9, .ask_cap = 9, .public_url = "https://x", .ticket = no_ticket};
static struct outbox_stats outbox;
static struct api_counters answers;
static struct alarms alarms;
static struct meter meter;
static struct courier_set couriers;
static struct intake intake;
static atomic_bool draining;

struct fill {
    struct store_call call;
    uint8_t session[SESSION_HASH_LEN];
    struct access_key key;
};

static enum err fill_run(struct store_call *call, struct backend *b)
{
    struct fill *f = list_entry(call, struct fill, call);
    struct channel c = {.provider_id = PROVIDER_DEFAULT,
                        .name = "bot",
                        .contact_email = "who@example.com",
                        .error_notification = true,
                        .bot_user_id = "U0",
                        .language = "en",
                        .use_webhook = true,
                        .webhook_url = "http://127.0.0.1:9/",
                        .secret = "0123456789abcdef0123456789abcdef"};
    struct account a = {.operator= true, .email = "op@example.com", .name = "Op", .language = "en"};
    enum err e = b->ops->keys->key_insert(b, &f->key);
    if (!e)
        e = b->ops->channels->channel_insert(b, &c);
    channel_id = c.id;
    if (!e)
        e = b->ops->accounts->account_insert(b, &a);
    struct session s = {.account_id = a.id};
    s.created_ms = s.used_ms = clock_system.wall_ms(clock_system.arg);
    memcpy(s.hash, f->session, sizeof(s.hash));
    return e ? e : b->ops->accounts->session_insert(b, &s, SESSION_MAX);
}

static int set_up(void **state)
{
    (void)state;
    struct fill f = {.call = {.run = fill_run}};
    keys_make(&random_system, ROLE_OPERATOR, key, &f.key);
    ticket_make(&random_system, cookie, f.session);
    session_csrf((struct span){cookie, TICKET_LEN}, csrf);
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-nomem-XXXXXX");
    if (!mkdtemp(dir) || log_configure("error") || uv_loop_init(&loop) ||
        mailbox_init(&mailbox, &loop, NULL, NULL) || store_open(&store, dir, NULL) ||
        store_wait(store, &f.call) || directory_new(&directory, 100) || directory_load(directory, store) ||
        approvals_open(&approvals, store))
        return -1;
    rate_init(&rates, &clock_system, &random_system);
    access_config.session_ms = 3600000;
    static const struct password_cost cheap = {1, 8192};
    if (password_new(&access_config.passwords, &cheap, 64) ||
        login_limit_new(&access_config.limits, &clock_system, &random_system, 10))
        return -1;
    const struct api_config config = {
        .mailbox = &mailbox,
        .store = store,
        .directory = directory,
        .intake = &intake,
        .couriers = &couriers,
        .counters = &counters,
        .settings = &settings,
        .retention = &retention,
        .notices = &notices,
        .mail_rules = &mail_rules,
        .outbox = &outbox,
        .approvals = &approvals,
        .answers = &answers,
        .alarms = &alarms,
        .meter = &meter,
        .access = &access_config,
        .rates = &rates,
        .clock = &clock_system,
        .draining = &draining,
    };
    return api_new(&api, &config) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    password_free(access_config.passwords);
    store_stop(store);
    api_free(api);
    login_limit_free(access_config.limits);
    rate_deinit(&rates);
    approvals_close(&approvals);
    mailbox_close(&mailbox);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    directory_free(directory);
    store_close(store);
    return remove_tree(dir);
}

/* A request whose client has left already: its answer goes nowhere, and frees it. */
static struct server_request *request_of(const char *text)
{
    static const struct h1_limits limits = {65536, 8192, SERVER_FIELDS_MAX};
    struct server_request *r = mem_zero(1, sizeof(*r));
    assert_non_null(r);
    struct h1 h1;
    h1_init(&h1, &limits);
    buf_init(&r->text, 1u << 20);
    assert_int_equal(buf_add_str(&r->text, text), ERR_NONE);
    server_head_clear(&r->head);
    assert_int_equal(h1_step(&h1, &r->text, &r->head), H1_HEAD);
    h1.body_max = 65536;
    assert_int_equal(h1_step(&h1, &r->text, &r->head), H1_REQUEST);
    list_init(&r->link);
    r->base = buf_span(&r->text).ptr;
    r->body_at = h1.body_at;
    r->body_len = h1.body_len;
    r->peer.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    r->dispatched = true;
    return r;
}

static void run(void)
{
    while (api_open(api))
        (void)uv_run(&loop, UV_RUN_ONCE);
}

/* One request again and again, with another allocation failing each time, until all have. */
static void fail_each(const char *text)
{
    for (unsigned long n = 1; n < 500; n++) {
        struct server_request *r = request_of(text);
        (void)mem_fail_at(n);
        api_handle(api, r);
        run();
        bool hit = mem_fail_hit();
        (void)mem_fail_at(0);
        if (!hit)
            return;
    }
    fail_msg("no end of allocations: %s", text);
}

static void every_allocation_of_a_request_fails(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "GET /metrics",
        "GET /api/v1/system",
        "GET /api/v1/session",
        "PATCH /api/v1/session {\"name\":\"x\"}",
        "PATCH /api/v1/session {\"currentPassword\":\"wrong password\",\"password\":\"other password\"}",
        "POST /api/v1/session {\"email\":\"x@example.com\",\"password\":\"wrong password\"}",
        "POST /api/v1/invitation {\"token\":\"x\",\"password\":\"some password\"}",
        "GET /api/v1/accounts",
        "GET /api/v1/accounts?limit=1&cursor=1",
        "PATCH /api/v1/accounts/1 {\"name\":\"Op\",\"language\":\"ja\"}",
        "PATCH /api/v1/accounts/99 {\"password\":\"some password\"}",
        "GET /api/v1/audit",
        "GET /api/v1/providers",
        "PATCH /api/v1/providers/1 {\"name\":\"x\"}",
        "GET /api/v1/providers/1/roles",
        "PUT /api/v1/providers/1/roles {\"email\":\"op@example.com\",\"role\":\"admin\"}",
        "DELETE /api/v1/providers/1/roles/99",
        "GET /api/v1/providers/1/options",
        "POST /api/v1/providers/1/options/error-notification {\"note\":\"please\"}",
        "PATCH /api/v1/providers/1/options/error-notification {\"state\":\"approved\"}",
        "GET /api/v1/options?state=applied",
        "GET /api/v1/outbox",
        "POST /api/v1/channels/CHANNEL/contact/ask",
        "POST /api/v1/contact {\"token\":\"x\",\"answer\":\"confirm\"}",
        "PATCH /api/v1/channels/CHANNEL/contact {\"state\":\"confirmed\"}",
        "GET /api/v1/channels?q=b&state=active",
        "GET /api/v1/channels/CHANNEL",
        "GET /api/v1/channels/CHANNEL/events",
        "GET /api/v1/channels/CHANNEL/errors",
        "GET /api/v1/channels/CHANNEL/errors?format=tsv&zone=%2B09:00",
        "GET /api/v1/channels/CHANNEL/errors/summary?by=day",
        "GET /api/v1/faults",
        "GET /api/v1/delivery-errors",
        "POST /api/v1/providers {\"name\":\"x\"}",
        "POST /api/v1/accounts {\"email\":\"op@example.com\",\"password\":\"some password\"}",
        "POST /api/v1/channels/CHANNEL/tokens {\"expiresInSeconds\":60}",
        "PUT /api/v1/channels/CHANNEL/roles {\"email\":\"op@example.com\",\"role\":\"tester\"}",
        "PATCH /api/v1/channels/CHANNEL {\"providerId\":\"1\"}",
        "POST /api/v1/channels {\"useWebhook\":true,\"name\":\"x\"}",
        "POST /api/v1/channels/CHANNEL/redeliver {\"webhookEventIds\":[\"01KAM0000000000000000000AA\"]}",
        "POST /api/v1/channels/CHANNEL/redeliver {\"from\":0,\"to\":1}",
        "GET /api/v1/channels/CHANNEL/roles",
        "GET /api/v1/channels/CHANNEL/audit",
        "GET /api/v1/channels/CHANNEL/secret",
        "GET /api/v1/channels/CHANNEL/tokens",
        "DELETE /api/v1/channels/CHANNEL/tokens/99",
        "GET /api/v1/channels/CHANNEL/live",
        "GET /api/v1/system/live",
        "GET /v2/bot/channel/webhook/endpoint",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        for (int by = 0; by < 3; by++) {
            char line[256], text[1024], id[24];
            (void)snprintf(line, sizeof(line), "%s", paths[i]);
            char *body = strstr(line, " {"), *at = strstr(line, "CHANNEL");
            if (body)
                *body++ = '\0';
            (void)snprintf(id, sizeof(id), "%lld", (long long)channel_id);
            char credentials[256];
            if (by)
                (void)snprintf(credentials, sizeof(credentials), "authorization: Bearer %s",
                               by == 1 ? key : cookie);
            else
                (void)snprintf(credentials, sizeof(credentials),
                               "cookie: todoke_session=%s\r\nx-csrf-token: %s", cookie, csrf);
            (void)snprintf(
                text, sizeof(text), "%.*s%s%s HTTP/1.1\r\nhost: x\r\n%s\r\ncontent-length: %zu\r\n\r\n%s",
                (int)(at ? (size_t)(at - line) : strlen(line)), line, at ? id : "",
                at ? at + strlen("CHANNEL") : "", credentials, body ? strlen(body) : 0, body ? body : "");
            fail_each(text);
        }
    }
    assert_true(atomic_load(&answers.answers[2]) > 50); /* they were let in */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_request_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
