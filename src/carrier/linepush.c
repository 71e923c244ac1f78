/*
 * LINE (Messaging API): push for one user, multicast for up to 500 of the same content. The retry key lets
 * LINE take a request once, however often it is sent.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/origin.h"
#include "carrier/carrier_core.h"
#include "carrier/carrier_request.h"

#define HOST "https://api.line.me"
#define MULTICAST_MAX 500u /* "to" of a multicast, by the API reference */
#define MESSAGES_MAX 5u
#define PLACEHOLDER_MAX 20u /* characters of a placeholder's name */
#define PLACEHOLDERS_MAX 100u

struct line {
    char *token;
};

static const char *const members[] = {"channelId", NULL};
static const char *const secrets[] = {"channelAccessToken", NULL};

static enum err open_line(struct carrier *c, struct json_value settings, struct json_value secret,
                          struct carrier_fault *why)
{
    struct line *l = c->own = mem_zero(1, sizeof(*l));
    if (!l)
        return ERR_NOMEM;
    char *channel = NULL;
    enum err e = property_text(why, secret, "channelAccessToken", PROPERTY_TOKEN, 1, 2048, &l->token);
    if (!e)
        e = property_need(why, "channelAccessToken", l->token);
    if (!e)
        e = property_text(why, settings, "channelId", PROPERTY_TOKEN, 1, 32, &channel);
    if (!e && channel && channel[strspn(channel, "0123456789")])
        e = property_refuse(why, "channelId", "must be digits");
    mem_free(channel);
    return e;
}

static void close_line(struct carrier *c)
{
    struct line *l = c->own;
    if (l)
        property_wipe(l->token);
    mem_free(l);
}

static struct span host_of(const struct carrier *c)
{
    return c->base ? span_of(c->base) : SPAN_LIT(HOST);
}

/* The placeholders of one text that were met already. */
struct met {
    char names[PLACEHOLDERS_MAX][PLACEHOLDER_MAX + 1];
    size_t count;
};

/* The length of "{name}" at the front of text, where the message declares that name; 0: it is none. */
static size_t find_placeholder(struct span text, struct json_value declared, char name[PLACEHOLDER_MAX + 1])
{
    size_t n = 1;
    while (n < text.len && n <= PLACEHOLDER_MAX &&
           ((text.ptr[n] >= '0' && text.ptr[n] <= '9') || text.ptr[n] == '_' ||
            ((text.ptr[n] | 0x20) >= 'a' && (text.ptr[n] | 0x20) <= 'z')))
        n++;
    if (n == 1 || n >= text.len || text.ptr[n] != '}')
        return 0;
    memcpy(name, text.ptr + 1, n - 1);
    name[n - 1] = '\0';
    struct json_value value;
    return json_find(declared, name, &value) == ERR_NOT_FOUND ? 0 : n + 1;
}

static bool meet(struct met *met, const char *name)
{
    for (size_t i = 0; i < met->count; i++)
        if (strcmp(met->names[i], name) == 0)
            return false;
    if (met->count == PLACEHOLDERS_MAX)
        return false;
    (void)snprintf(met->names[met->count++], PLACEHOLDER_MAX + 1, "%s", name);
    return true;
}

/*
 * The text of a message textV2, in which {name} stands for what "substitution" declares, and {{ and }} for
 * braces. What is no placeholder of this message is doubled, so that a person's name with braces is shown as
 * it is. A placeholder that stands there twice may be a person's name that reads like the author's: which is
 * which cannot be told any more, so that it is refused.
 */
static enum err escape_text(struct span text, struct json_value declared, struct buf *out,
                            struct carrier_fault *why)
{
    struct met met = {.count = 0};
    char name[PLACEHOLDER_MAX + 1];
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < text.len;) {
        const char *p = text.ptr + i;
        size_t left = text.len - i, take = 1;
        if (*p != '{' && *p != '}') {
            while (take < left && p[take] != '{' && p[take] != '}')
                take++;
            e = buf_add(out, p, take);
        } else if (left > 1 && p[1] == *p) {
            take = 2;
            e = buf_add(out, p, take);
        } else if (*p == '{' && (take = find_placeholder((struct span){p, left}, declared, name)) > 0) {
            e = meet(&met, name)
                    ? buf_add(out, p, take)
                    : property_refuse(why, "messages",
                                      "the placeholder {%s} stands in the text more than once, so "
                                      "that one may come from a person's data",
                                      name);
        } else {
            take = 1;
            e = buf_add(out, *p == '{' ? "{{" : "}}", 2);
        }
        i += take;
    }
    return e;
}

static enum err write_text_v2(struct json_write *w, struct json_value message, struct carrier_fault *why)
{
    struct json_field fields[] = {{.key = "text"}, {.key = "substitution"}};
    if (json_pick(message, fields, 2))
        return property_refuse(why, "messages", "a message has a member twice");
    if (fields[0].value.kind != JSON_KIND_STRING)
        return property_refuse(why, "messages", "a message textV2 has no text");
    struct buf text, out;
    buf_init(&text, CARRIER_BODY_MAX);
    buf_init(&out, CARRIER_BODY_MAX);
    enum err e = json_string_decode(fields[0].value, &text);
    if (!e)
        e = escape_text(buf_span(&text), fields[1].value, &out, why);
    json_write_object(w);
    struct json_iter it = json_members(message);
    struct span key;
    struct json_value value;
    while (!e && json_next_member(&it, &key, &value)) {
        char name[64];
        if (key.len >= sizeof(name) || memchr(key.ptr, '\\', key.len)) {
            e = property_refuse(why, "messages", "a message has a member that LINE does not know");
            break;
        }
        memcpy(name, key.ptr, key.len);
        name[key.len] = '\0';
        json_write_key(w, name);
        if (strcmp(name, "text") == 0)
            json_write_span(w, buf_span(&out));
        else
            json_write_raw(w, value.raw);
    }
    json_write_end(w);
    buf_deinit(&text);
    buf_deinit(&out);
    return e;
}

static enum err write_messages(struct json_write *w, const struct parcel *p, struct carrier_fault *why)
{
    struct json_value messages = carrier_content_of(p, "messages"), message;
    if (messages.kind == JSON_KIND_NONE)
        return property_refuse(why, "messages", "is missing");
    if (messages.kind != JSON_KIND_ARRAY)
        return property_refuse(why, "messages", "must be an array of 1 to %u messages", MESSAGES_MAX);
    struct json_iter it = json_elements(messages);
    size_t count = 0;
    json_write_key(w, "messages");
    json_write_array(w);
    while (json_next_element(&it, &message)) {
        struct json_value type;
        if (message.kind != JSON_KIND_OBJECT || json_find(message, "type", &type) ||
            type.kind != JSON_KIND_STRING)
            return property_refuse(why, "messages", "each must be an object with a type");
        if (++count > MESSAGES_MAX)
            break;
        if (json_string_is(type, "textV2")) {
            enum err e = write_text_v2(w, message, why);
            if (e)
                return e;
        } else {
            json_write_raw(w, message.raw);
        }
    }
    json_write_end(w);
    if (count == 0 || count > MESSAGES_MAX)
        return property_refuse(why, "messages", "must be 1 to %u messages", MESSAGES_MAX);
    return ERR_NONE;
}

/* The key of one parcel is its own; that of several is made of all theirs, so that the same parcels in the
 * same order have the same key, and no others. */
static enum err retry_key(const struct parcel *parcels, size_t count, char out[37])
{
    if (count == 1) {
        memcpy(out, parcels[0].key, 36);
        out[36] = '\0';
        return ERR_NONE;
    }
    unsigned char hash[32];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parcels[i].key, 36);
    ok = ok && EVP_DigestFinal_ex(ctx, hash, NULL);
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_origin(ERR_NOMEM); /* with this digest only allocation can fail */
    hash[6] = (unsigned char)((hash[6] & 0x0f) | 0x40);
    hash[8] = (unsigned char)((hash[8] & 0x3f) | 0x80);
    size_t n = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        out[n++] = "0123456789abcdef"[hash[i] >> 4];
        out[n++] = "0123456789abcdef"[hash[i] & 15];
    }
    out[n] = '\0';
    return ERR_NONE;
}

static enum err build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                      struct carrier_request *ret, struct carrier_fault *why)
{
    const struct line *l = c->own;
    struct json_write w;
    (void)wall_ms;
    json_write_init(&w, &ret->body);
    json_write_object(&w);
    json_write_key(&w, "to");
    if (count > 1)
        json_write_array(&w);
    for (size_t i = 0; i < count; i++)
        json_write_span(&w, parcels[i].target);
    if (count > 1)
        json_write_end(&w);
    enum err e = write_messages(&w, &parcels[0], why);
    if (e)
        return e;
    json_write_end(&w);
    e = json_write_finish(&w);
    if (!e)
        e = carrier_request_bearer(ret, "POST", host_of(c),
                                   count > 1 ? SPAN_LIT("/v2/bot/message/multicast")
                                             : SPAN_LIT("/v2/bot/message/push"),
                                   span_of(l->token));
    char key[37];
    if (!e && parcels[0].key[0])
        e = retry_key(parcels, count, key);
    if (!e && parcels[0].key[0])
        e = carrier_request_header(ret, "x-line-retry-key", span_of(key), SPAN_LIT(""));
    return e;
}

static void identify(const struct answer *a, char id[static 128])
{
    struct json_value sent, first, value;
    if (!json_find(carrier_answer_object(a), "sentMessages", &sent)) {
        struct json_iter it = json_elements(sent);
        struct span text;
        if (json_next_element(&it, &first) && !json_find(first, "id", &value) &&
            json_string_plain(value, &text)) {
            carrier_copy(id, 128, text);
            return;
        }
    }
    struct span accepted = carrier_answer_header(a, "x-line-accepted-request-id");
    carrier_copy(id, 128, accepted.len ? accepted : carrier_answer_header(a, "x-line-request-id"));
}

/* Reads "to[12]" in a text of the answer. False: it names nobody. */
static bool find_index(struct span text, size_t *ret)
{
    for (size_t i = 0; i + 4 < text.len; i++) {
        if (memcmp(text.ptr + i, "to[", 3) != 0 ||
            (i > 0 && text.ptr[i - 1] != '\'' && text.ptr[i - 1] != ' '))
            continue;
        size_t n = 0, at = i + 3;
        while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && n < 100000)
            n = n * 10 + (size_t)(text.ptr[at++] - '0');
        if (at > i + 3 && at < text.len && text.ptr[at] == ']') {
            *ret = n;
            return true;
        }
    }
    return false;
}

static size_t take_blame(struct span text, struct span part, size_t count, struct span *blamed)
{
    size_t i;
    if (!find_index(text, &i) || i >= count || blamed[i].ptr)
        return 0;
    blamed[i] = part;
    return 1;
}

static size_t blame(const struct answer *a, size_t count, struct span *blamed, bool *ret_recipient)
{
    struct json_value body = carrier_answer_object(a), value, detail;
    struct span text = {"", 0};
    size_t found = 0;
    if (!json_find(body, "message", &value) && json_string_plain(value, &text)) {
        found += take_blame(text, a->body, count, blamed);
        if (memmem(text.ptr, text.len, "'to'", 4))
            *ret_recipient = true;
    }
    if (json_find(body, "details", &value))
        return found;
    struct json_iter it = json_elements(value);
    while (json_next_element(&it, &detail)) {
        if (json_find(detail, "property", &value) || !json_string_plain(value, &text))
            continue;
        found += take_blame(text, a->body, count, blamed);
        if (span_eq(text, SPAN_LIT("to")))
            *ret_recipient = true;
        else if (!span_starts(text, SPAN_LIT("to["))) { /* it is about what all get */
            *ret_recipient = false;
            return 0;
        }
    }
    return found;
}

static enum err ask(struct carrier *c, unsigned step, int64_t wall_ms, struct carrier_request *ret)
{
    static const char *const paths[] = {"/v2/bot/info", "/v2/bot/message/quota",
                                        "/v2/bot/message/quota/consumption", "/v2/bot/message/validate/push"};
    const struct line *l = c->own;
    (void)wall_ms;
    enum err e = ERR_NONE;
    if (step == 3)
        e = buf_add_str(&ret->body, "{\"messages\":[{\"type\":\"text\",\"text\":\"todoke\"}]}");
    return e ? e
             : carrier_request_bearer(ret, step == 3 ? "POST" : "GET", host_of(c), span_of(paths[step]),
                                      span_of(l->token));
}

static bool told(struct carrier *c, unsigned step, const struct answer *a, struct carrier_facts *facts,
                 char *words, size_t size)
{
    struct json_value body = carrier_answer_object(a), value;
    int64_t n = 0;
    (void)c;
    if (body.kind != JSON_KIND_OBJECT && step != 3) {
        (void)snprintf(words, size, "the answer is not what LINE answers");
        return false;
    }
    if (step == 0 && !json_find(body, "displayName", &value)) {
        struct buf name;
        buf_init(&name, sizeof(facts->account) * 6);
        if (!json_string_decode(value, &name))
            carrier_copy(facts->account, sizeof(facts->account), buf_span(&name));
        buf_deinit(&name);
    }
    /* "none": as many as one likes */
    if (step == 1 && !json_find(body, "value", &value) && !json_int64(value, &n) && n >= 0)
        facts->quota = n;
    if (step == 2 && !json_find(body, "totalUsage", &value) && !json_int64(value, &n) && n >= 0)
        facts->used = n;
    return true;
}

const struct carrier_service carrier_linepush = {
    .kind = "line",
    .id = SERVICE_LINE,
    .medium = MEDIUM_LINE,
    .members = members,
    .secrets = secrets,
    .batch = MULTICAST_MAX,
    .questions = {"bot", "quota", "consumption", "validate"},
    .open = open_line,
    .close = close_line,
    .build = build,
    .identify = identify,
    .blame = blame,
    .ask = ask,
    .told = told,
};
