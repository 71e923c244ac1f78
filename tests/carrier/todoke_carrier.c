/*
 * Prints what senders send, so that a test can hold it beside what the services' own clients send.
 *
 *     todoke-carrier            a line of JSON from standard input → a line of JSON
 *     todoke-carrier measure    how many requests a second one core builds, service by service
 *
 * in:  {"service","settings":{},"secret":{},"do":"build|grant|ask|keys|public","step","token","content":{},
 *       "parcels":[{"target","p256dh","auth","job","n","key","unsubscribe","campaign"}],"wallMs"}
 * out: {"name","method","url","headers":{},"body" (base64),"private"} · {"json":{}} ·
 *      {"error","property","message"}
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "carrier/carrier.h"
#include "carrier/carrier_core.h"

#define PARCELS_MAX 1000u

struct task {
    struct carrier *carrier;
    struct carrier_content content[CARRIER_CONTENT_MAX];
    struct parcel *parcels;
    size_t content_count, parcel_count;
    struct buf texts; /* what the parcels borrow */
    int64_t wall_ms;
};

static struct json_value get(struct json_value object, const char *name)
{
    struct json_value value;
    return json_find(object, name, &value) ? (struct json_value){.kind = JSON_KIND_NONE} : value;
}

static struct span text_of(struct task *t, struct json_value object, const char *name)
{
    struct json_value value = get(object, name);
    size_t start = buf_len(&t->texts);
    if (json_string_decode(value, &t->texts))
        return (struct span){"", 0};
    return (struct span){t->texts.data + start, buf_len(&t->texts) - start};
}

static int64_t number_of(struct json_value object, const char *name)
{
    int64_t n = 0;
    return json_int64(get(object, name), &n) ? 0 : n;
}

static struct span object_of(struct json_value in, const char *name)
{
    struct json_value value = get(in, name);
    return value.kind == JSON_KIND_NONE ? SPAN_LIT("{}") : value.raw;
}

static void read_parcels(struct task *t, struct json_value in)
{
    struct json_iter it = json_members(get(in, "content"));
    struct span key;
    struct json_value value;
    while (t->content_count < CARRIER_CONTENT_MAX && json_next_member(&it, &key, &value))
        t->content[t->content_count++] = (struct carrier_content){key, value.raw};
    it = json_elements(get(in, "parcels"));
    while (t->parcel_count < PARCELS_MAX && json_next_element(&it, &value)) {
        struct parcel *p = &t->parcels[t->parcel_count++];
        *p = (struct parcel){.target = text_of(t, value, "target"),
                             .p256dh = text_of(t, value, "p256dh"),
                             .auth = text_of(t, value, "auth"),
                             .job_id = number_of(value, "job"),
                             .n = number_of(value, "n"),
                             .members = t->content,
                             .member_count = t->content_count,
                             .campaign = text_of(t, value, "campaign"),
                             .unsubscribe_url = text_of(t, value, "unsubscribe")};
        struct span id = text_of(t, value, "key");
        if (id.len == 36)
            memcpy(p->key, id.ptr, 36);
    }
}

static void write_request(struct json_write *w, const struct carrier_request *r, const char *name)
{
    json_write_key(w, "name");
    json_write_str(w, name);
    json_write_key(w, "method");
    json_write_str(w, r->method);
    json_write_key(w, "url");
    json_write_span(w, r->url);
    json_write_key(w, "private");
    json_write_bool(w, r->private_target);
    json_write_key(w, "headers");
    json_write_object(w);
    for (size_t i = 0; i < r->header_count; i++) {
        char header[64];
        (void)snprintf(header, sizeof(header), "%.*s", (int)r->headers[i].name.len, r->headers[i].name.ptr);
        json_write_key(w, header);
        json_write_span(w, r->headers[i].value);
    }
    json_write_end(w);
    char *base64 = malloc(buf_len(&r->body) * 4 / 3 + 8);
    if (!base64)
        abort();
    (void)EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)buf_span(&r->body).ptr,
                          (int)buf_len(&r->body));
    json_write_key(w, "body");
    json_write_str(w, base64);
    free(base64);
}

/* An access token, as if the token endpoint had answered. */
static void give_token(struct task *t, struct json_value in)
{
    struct json_value token = get(in, "token");
    char body[4200];
    if (token.kind != JSON_KIND_STRING || !t->carrier->service->grant_take)
        return;
    (void)snprintf(body, sizeof(body), "{\"access_token\":%.*s,\"expires_in\":3600}", (int)token.raw.len,
                   token.raw.ptr);
    struct answer a = {.status = 200, .body = span_of(body)};
    (void)t->carrier->service->grant_take(t->carrier, &a, t->wall_ms);
}

static enum err act(struct task *t, struct json_value in, struct json_write *w, struct carrier_fault *why)
{
    struct json_value what = get(in, "do");
    struct carrier_question q = {.name = ""};
    struct buf json;
    enum err e = ERR_NONE;
    carrier_request_init(&q.request);
    buf_init(&json, 1u << 16);
    if (json_string_is(what, "public")) {
        e = carrier_public(t->carrier, &json);
    } else if (json_string_is(what, "grant")) {
        e = carrier_grant_build(t->carrier, t->wall_ms, &q.request);
    } else if (json_string_is(what, "ask")) {
        give_token(t, in);
        if (!carrier_ask(t->carrier, (unsigned)number_of(in, "step"), t->wall_ms, &q, &e) && !e)
            e = ERR_NOT_FOUND;
    } else {
        give_token(t, in);
        e = carrier_build(t->carrier, t->parcels, t->parcel_count, t->wall_ms, &q.request, why);
    }
    if (!e && buf_len(&json) > 0) {
        json_write_key(w, "json");
        json_write_raw(w, buf_span(&json));
    } else if (!e) {
        write_request(w, &q.request, q.name);
    }
    carrier_request_deinit(&q.request);
    buf_deinit(&json);
    return e;
}

static enum err run(struct json_value in, struct json_write *w, struct carrier_fault *why)
{
    struct task t = {.wall_ms = number_of(in, "wallMs")};
    enum service service = SERVICE_UNKNOWN;
    buf_init(&t.texts, 16u << 20);
    t.parcels = calloc(PARCELS_MAX, sizeof(*t.parcels));
    struct span kind = {"", 0};
    /* Spans into texts are taken while it grows: all of it is reserved first. */
    enum err e = !t.parcels ? ERR_NOMEM : buf_reserve(&t.texts, in.raw.len);
    if (!e)
        e = json_string_plain(get(in, "service"), &kind) ? carrier_find(kind, &service) : ERR_INVALID;
    if (!e && json_string_is(get(in, "do"), "keys")) {
        struct buf keys;
        buf_init(&keys, 1u << 16);
        e = carrier_keys(service, object_of(in, "settings"), &keys);
        json_write_key(w, "json");
        json_write_raw(w, e ? SPAN_LIT("null") : buf_span(&keys));
        buf_deinit(&keys);
    } else if (!e) {
        e = carrier_open(&t.carrier, service, object_of(in, "settings"), object_of(in, "secret"), why);
        read_parcels(&t, in);
        if (!e)
            e = act(&t, in, w, why);
    }
    carrier_free(t.carrier);
    buf_deinit(&t.texts);
    free(t.parcels);
    return e;
}

static int answer_lines(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    while ((len = getline(&line, &room, stdin)) > 0) {
        struct span text = {line, (size_t)len};
        struct carrier_fault why = {.property = ""};
        struct json_write w;
        struct buf out;
        buf_init(&out, 64u << 20);
        json_write_init(&w, &out);
        json_write_object(&w);
        enum err e = json_check(text, JSON_DEPTH, NULL) ? ERR_INVALID : run(json_root(text), &w, &why);
        if (e) {
            json_write_key(&w, "error");
            json_write_str(&w, err_text(e));
            json_write_key(&w, "property");
            json_write_str(&w, why.property);
            json_write_key(&w, "message");
            json_write_str(&w, why.message);
        }
        json_write_end(&w);
        if (json_write_finish(&w))
            return 1;
        (void)printf("%.*s\n", (int)buf_len(&out), buf_span(&out).ptr);
        (void)fflush(stdout);
        buf_deinit(&out);
    }
    free(line); /* libc: getline's */
    return 0;
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure_one(const char *name, enum service service, const char *settings, const char *secret,
                        const struct carrier_content *content, size_t members, size_t parcels)
{
    struct parcel *p = calloc(parcels, sizeof(*p));
    struct carrier *c = NULL;
    struct carrier_fault why;
    struct carrier_request r;
    if (!p || carrier_open(&c, service, span_of(settings), span_of(secret), &why)) {
        (void)printf("%s: %s %s\n", name, why.property, why.message);
        exit(1);
    }
    for (size_t i = 0; i < parcels; i++)
        p[i] = (struct parcel){
            .target = service == SERVICE_WEBPUSH
                          ? SPAN_LIT("https://fcm.googleapis.com/fcm/send/dpH5lCsTSSM:APA91b")
                          : SPAN_LIT("U4af4980629ed1b87ae8f2f6b2e9a2f3c"),
            .p256dh = SPAN_LIT(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            .auth = SPAN_LIT("BTBZMqHH6r4Tts7J_aSIgg"),
            .job_id = 123456,
            .n = (int64_t)i + 1,
            .key = "123e4567-e89b-42d3-a456-426614174000",
            .members = content,
            .member_count = members,
            .campaign = SPAN_LIT("spring"),
            .unsubscribe_url = SPAN_LIT("https://todoke.example/u/0123456789abcdef0123456789abcdef")};
    if (c->service->grant_take) {
        struct answer a = {.status = 200,
                           .body = SPAN_LIT("{\"access_token\":\"ya29.a0AfB_byC\",\"expires_in\":3600}")};
        (void)c->service->grant_take(c, &a, 1700000000000);
    }
    carrier_request_init(&r);
    double start = now(), spent = 0;
    unsigned long count = 0;
    while (spent < 1.0) {
        for (int i = 0; i < 16; i++)
            if (carrier_build(c, p, parcels, 1700000000000, &r, &why)) {
                (void)printf("%s: %s %s\n", name, why.property, why.message);
                exit(1);
            }
        count += 16;
        spent = now() - start;
    }
    (void)printf("%-32s %9.0f requests/s %11.0f messages/s %7zu bytes\n", name, (double)count / spent,
                 (double)(count * parcels) / spent, buf_len(&r.body));
    carrier_request_deinit(&r);
    carrier_free(c);
    free(p);
}

/* A service account with a key made for it. */
static char *service_account(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    struct buf out;
    buf_init(&out, 1u << 16);
    if (!key || !bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    long len = BIO_get_mem_data(bio, &pem);
    if (buf_add_str(&out, "{\"serviceAccount\":{\"project_id\":\"p\",\"client_email\":\"a@b.example\","
                          "\"private_key\":") ||
        json_write_quoted(&out, (struct span){pem, (size_t)len}) || buf_add_str(&out, "}}"))
        abort();
    BIO_free(bio);
    EVP_PKEY_free(key);
    return buf_steal(&out);
}

static int measure(void)
{
    static char html[1200];
    memset(html, 'x', 1100);
    html[0] = html[1100] = '"';
    const struct carrier_content line[] = {
        {SPAN_LIT("messages"),
         SPAN_LIT("[{\"type\":\"text\",\"text\":\"Good morning, Hanako! Today is 20 % off.\"}]")}};
    const struct carrier_content text_v2[] = {
        {SPAN_LIT("messages"),
         SPAN_LIT("[{\"type\":\"textV2\",\"text\":\"Good morning, {Hanako}! {e}\",\"substitution\":"
                  "{\"e\":{\"type\":\"emoji\",\"productId\":\"5ac1bfd5040ab15980c9b435\",\"emojiId\":"
                  "\"001\"}}}]")}};
    const struct carrier_content mail[] = {{SPAN_LIT("subject"), SPAN_LIT("\"Spring sale\"")},
                                           {SPAN_LIT("html"), span_of(html)}};
    const struct carrier_content push[] = {
        {SPAN_LIT("title"), SPAN_LIT("\"Spring sale\"")},
        {SPAN_LIT("body"), SPAN_LIT("\"Good morning, Hanako! Today is 20 % off.\"")}};
    char *account = service_account();
    const char *token = "{\"channelAccessToken\":\"abcdefghijklmnopqrstuvwxyz0123456789\"}";
    const char *key = "{\"apiKey\":\"SG.abcdefghijklmnop\"}",
               *from = "{\"from\":{\"email\":\"news@example.com\"}}";
    measure_one("line push", SERVICE_LINE, "{}", token, line, 1, 1);
    measure_one("line push, textV2", SERVICE_LINE, "{}", token, text_v2, 1, 1);
    measure_one("line multicast of 500", SERVICE_LINE, "{}", token, line, 1, 500);
    measure_one("sendgrid, 1.1 KB of HTML", SERVICE_SENDGRID, from, key, mail, 2, 1);
    measure_one("sendgrid, 1,000 at once", SERVICE_SENDGRID, from, key, mail, 2, 1000);
    measure_one("fcm", SERVICE_FCM, "{}", account, push, 2, 1);
    measure_one("webpush", SERVICE_WEBPUSH, "{\"subject\":\"mailto:a@b.example\"}",
                "{\"privateKey\":\"yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\"}", push, 2, 1);
    mem_free(account);
    return 0;
}

int main(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "measure") == 0 ? measure() : answer_lines();
}
