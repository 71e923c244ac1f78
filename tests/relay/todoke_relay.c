/*
 * Sends mails to a relay as a campaign does, and prints what became of each as a line of JSON.
 *
 *     todoke-relay HOST PORT SECURITY [OPTION=VALUE]... [TO]... < mail
 *
 * Options: user, password, ca, from, name, connections, ms (every deadline), idle (ms), count (mails to
 * each), after (ms between two mails; else all at once), verify=1, measure=1 (only how many a second).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "relay/relay.h"

#define RECIPIENTS_MAX 256u

struct run {
    uv_loop_t loop;
    struct relays *all;
    struct relay *relay;
    struct relay_settings settings;
    struct buf mail;
    const char *from, *ca, *to[RECIPIENTS_MAX];
    size_t to_count;
    unsigned long count, given, done, sent, after;
    bool verify, measure;
    uv_timer_t pause;
};

static void give(struct run *r);

static void print(const char *to, const struct relay_result *x)
{
    struct json_write w;
    struct buf out;
    buf_init(&out, 1 << 20);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "to");
    json_write_str(&w, to);
    json_write_key(&w, "code");
    json_write_int(&w, x->code);
    json_write_key(&w, "command");
    json_write_str(&w, relay_command_text(x->command));
    json_write_key(&w, "text");
    json_write_span(&w, x->text);
    json_write_key(&w, "dot");
    json_write_bool(&w, x->dot);
    json_write_key(&w, "reused");
    json_write_bool(&w, x->reused);
    json_write_key(&w, "retries");
    json_write_int(&w, x->retries);
    json_write_key(&w, "tls");
    json_write_str(&w, x->tls_version ? x->tls_version : "");
    if (x->outcome) {
        json_write_key(&w, "reason");
        json_write_str(&w, fault_of(x->outcome->fault)->detail);
        json_write_key(&w, "cause");
        json_write_str(&w, cause_of(x->outcome->cause)->id);
        json_write_key(&w, "processed");
        json_write_str(&w, x->outcome->processed == PROCESSED_NO    ? "no"
                           : x->outcome->processed == PROCESSED_YES ? "yes"
                                                                    : "unknown");
    }
    json_write_end(&w);
    if (!json_write_finish(&w))
        (void)printf("%.*s\n", (int)buf_len(&out), buf_span(&out).ptr);
    (void)fflush(stdout);
    buf_deinit(&out);
}

struct one {
    struct run *run;
    const char *to;
};

static void end(struct run *r)
{
    relay_close(r->relay);
    r->relay = NULL;
    relays_close(r->all, NULL, NULL);
    uv_close((uv_handle_t *)&r->pause, NULL);
}

static void on_pause(uv_timer_t *t)
{
    give(t->data);
}

static void on_done(void *arg, const struct relay_result *x)
{
    struct one *one = arg;
    struct run *r = one->run;
    r->done++;
    r->sent += x->code == 250;
    if (!r->measure)
        print(one->to, x);
    mem_free(one);
    if (r->done == r->count * (r->verify ? 1 : r->to_count))
        end(r);
    else if (r->after && r->done == r->given)
        (void)uv_timer_start(&r->pause, on_pause, r->after, 0);
    else if (!r->after)
        give(r);
}

/* As many as a sender has under way, or one at a time. */
static void give(struct run *r)
{
    const unsigned long all = r->count * r->to_count, most = r->after ? 1 : 512;
    while (r->given < all && r->given - r->done < most) {
        struct one *one = mem_alloc(sizeof(*one));
        struct buf copy;
        buf_init(&copy, r->mail.max);
        if (!one || buf_add_span(&copy, buf_span(&r->mail)))
            exit(1);
        *one = (struct one){r, r->to[r->given % r->to_count]};
        r->given++;
        enum err e = relay_send(r->relay, r->from, one->to, &copy, on_done, one);
        if (e) {
            (void)printf("{\"to\":\"%s\",\"err\":\"%s\"}\n", one->to, err_text(e));
            mem_free(one);
            buf_deinit(&copy);
            r->done++;
        }
    }
    if (r->done == all && r->relay)
        end(r);
}

static void on_step(void *arg, const char *name)
{
    (void)arg;
    (void)printf("{\"step\":\"%s\"}\n", name);
}

static bool is_option(const char *arg, const char *name, const char **value)
{
    const size_t len = strlen(name);
    if (strncmp(arg, name, len) != 0 || arg[len] != '=')
        return false;
    *value = arg + len + 1;
    return true;
}

static void take(struct run *r, const char *arg)
{
    struct relay_deadlines *d = &r->settings.deadlines;
    const char *value;
    if (is_option(arg, "user", &r->settings.user) || is_option(arg, "password", &r->settings.password) ||
        is_option(arg, "ca", &r->ca) || is_option(arg, "from", &r->from) ||
        is_option(arg, "name", &r->settings.name))
        return;
    if (is_option(arg, "connections", &value))
        r->settings.connections_max = (uint32_t)strtoul(value, NULL, 10);
    else if (is_option(arg, "count", &value))
        r->count = strtoul(value, NULL, 10);
    else if (is_option(arg, "after", &value))
        r->after = strtoul(value, NULL, 10);
    else if (is_option(arg, "idle", &value))
        d->idle_ms = (uint32_t)strtoul(value, NULL, 10);
    else if (is_option(arg, "ms", &value))
        d->dns_ms = d->connect_ms = d->session_ms = d->command_ms = d->data_ms = d->end_ms =
            (uint32_t)strtoul(value, NULL, 10);
    else if (is_option(arg, "verify", &value))
        r->verify = true;
    else if (is_option(arg, "measure", &value))
        r->measure = true;
    else if (r->to_count < RECIPIENTS_MAX)
        r->to[r->to_count++] = arg;
}

static void read_mail(struct run *r)
{
    char chunk[65536];
    size_t n;
    buf_init(&r->mail, 64u << 20);
    while (!r->verify && (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        if (buf_add(&r->mail, chunk, n))
            exit(1);
}

int main(int argc, char **argv)
{
    static struct run r = {.from = "from@example.com", .count = 1};
    if (argc < 4)
        return 2;
    r.settings.host = argv[1];
    r.settings.port = (uint16_t)strtoul(argv[2], NULL, 10);
    r.settings.security = strcmp(argv[3], "tls") == 0        ? RELAY_SECURITY_TLS
                          : strcmp(argv[3], "starttls") == 0 ? RELAY_SECURITY_STARTTLS
                                                             : RELAY_SECURITY_NONE;
    for (int i = 4; i < argc; i++)
        take(&r, argv[i]);
    read_mail(&r);
    if (uv_loop_init(&r.loop))
        return 1;
    (void)uv_timer_init(&r.loop, &r.pause);
    r.pause.data = &r;
    const struct relays_config config = {.ca_file = r.ca, .allow_private = true};
    if (relays_new(&r.all, &r.loop, &config))
        return 1;
    const uint64_t from_us = clock_system.mono_us(clock_system.arg);
    if (r.verify) {
        struct one *one = mem_alloc(sizeof(*one));
        if (!one)
            return 1;
        *one = (struct one){&r, ""};
        if (relay_verify(r.all, &r.settings, on_step, on_done, one))
            return 1;
    } else if (relay_open(&r.relay, r.all, &r.settings)) {
        return 1;
    } else {
        give(&r);
    }
    (void)uv_run(&r.loop, UV_RUN_DEFAULT);
    if (r.measure) {
        const double s = (double)(clock_system.mono_us(clock_system.arg) - from_us) / 1e6;
        (void)printf("{\"mails\":%lu,\"sent\":%lu,\"seconds\":%.3f,\"perSecond\":%.0f}\n", r.done, r.sent, s,
                     (double)r.done / s);
    }
    buf_deinit(&r.mail);
    return uv_loop_close(&r.loop) ? 1 : 0;
}
