/*
 * POST /api/v1/channels/{id}/test-event: todoke itself publishes a text message, so that a developer can see
 * a delivery without a publisher.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

#include "api/call.h"
#include "base/random.h"
#include "webhook/intake.h"

#define TEXT_STANDARD "todoke test event"
#define TEXT_MAX 5000u /* characters, as in a text message */

static void random_hex(char out[static 33])
{
    unsigned char raw[16];
    random_system.fill(random_system.arg, raw, sizeof(raw));
    (void)sodium_bin2hex(out, 33, raw, sizeof(raw));
}

static size_t characters(struct span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* Reads the optional member text of the body, which may be empty. false: already answered. */
static bool read_text(struct call *c, struct span *ret)
{
    *ret = SPAN_LIT(TEXT_STANDARD);
    if (!server_body(c->req).len)
        return true;
    json_t *object = call_object(c);
    if (!object)
        return false;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        bool known = strcmp(key, "text") == 0;
        struct span text = {json_string_value(value), json_string_length(value)};
        if (!known || !text.ptr || !text.len || characters(text) > TEXT_MAX) {
            char name[120];
            (void)snprintf(name, sizeof(name), "%.100s", key);
            call_invalid(c, name, known ? "must be a string of 1 to 5000 characters" : "unknown member");
            json_decref(object);
            return false;
        }
        char *copy = call_state(c, text.len);
        if (!copy) {
            json_decref(object);
            return false;
        }
        memcpy(copy, text.ptr, text.len);
        *ret = (struct span){copy, text.len};
    }
    json_decref(object);
    return true;
}

static void member(struct json_write *w, const char *key, const char *value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

static enum err write_event(struct buf *out, struct span text)
{
    char token[33], user[34] = "U", id[24];
    random_hex(token);
    random_hex(user + 1);
    (void)snprintf(id, sizeof(id), "%llu",
                   (unsigned long long)(1 + random_below(&random_system, 999999999999999999u)));
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, "events");
    json_write_array(&w);
    json_write_object(&w);
    member(&w, "type", "message");
    json_write_key(&w, "message");
    json_write_object(&w);
    member(&w, "type", "text");
    member(&w, "id", id);
    json_write_key(&w, "text");
    json_write_span(&w, text);
    json_write_end(&w);
    json_write_key(&w, "source");
    json_write_object(&w);
    member(&w, "type", "user");
    member(&w, "userId", user);
    json_write_end(&w);
    member(&w, "replyToken", token);
    json_write_end(&w);
    json_write_end(&w);
    json_write_end(&w);
    return json_write_finish(&w);
}

void api_sample_event(struct call *c)
{
    struct channel_ref *ref = call_channel(c);
    struct span text;
    if (!ref)
        return;
    if (read_text(c, &text)) {
        struct buf body;
        buf_init(&body, EVENT_MAX_BODY);
        enum err e = write_event(&body, text);
        if (e)
            call_failed(c, e);
        else
            call_publish(c, ref, (struct span){NULL, 0}, buf_span(&body));
        buf_deinit(&body);
    }
    channel_ref_drop(ref);
}
