#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "command/paint.h"
#include "command/probe.h"

static const char *http_text(int http)
{
    return http == 20 ? "2" : http == 11 ? "1.1" : http == 10 ? "1.0" : NULL;
}

static const char *advice_of(const struct exchange_result *r, enum lang lang, const char *const *advice)
{
    return advice ? advice[lang] : cause_of(r->outcome.cause)->advice[lang];
}

enum err probe_print_json(const struct exchange_result *r, enum lang lang, const char *const *advice)
{
    char detail[8];
    struct buf out;
    buf_init(&out, 16384);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "reason");
    json_write_str(&w, reason_text(r->outcome.reason));
    json_write_key(&w, "detail");
    json_write_str(&w, outcome_detail(&r->outcome, detail));
    json_write_key(&w, "cause");
    json_write_str(&w, cause_of(r->outcome.cause)->id);
    json_write_key(&w, "processed");
    json_write_str(&w, processed_text(r->outcome.processed));
    json_write_key(&w, "phase");
    json_write_str(&w, phase_text(r->outcome.phase));
    json_write_key(&w, "status");
    json_write_int(&w, r->outcome.status);
    json_write_key(&w, "http");
    json_write_str(&w, http_text(r->http));
    json_write_key(&w, "address");
    json_write_str(&w, r->address[0] ? r->address : NULL);
    json_write_key(&w, "reused");
    json_write_bool(&w, r->reused);
    json_write_key(&w, "retries");
    json_write_uint(&w, r->retries);
    json_write_key(&w, "timings");
    json_write_object(&w);
    const struct {
        const char *key;
        uint32_t us;
    } timings[] = {
        {"dns_us", r->timings.dns_us},
        {"connect_us", r->timings.connect_us},
        {"tls_us", r->timings.tls_us},
        {"send_us", r->timings.send_us},
        {"first_byte_us", r->timings.first_byte_us},
        {"total_us", r->timings.total_us},
    };
    for (size_t i = 0; i < sizeof(timings) / sizeof(timings[0]); i++) {
        json_write_key(&w, timings[i].key);
        json_write_uint(&w, timings[i].us);
    }
    json_write_end(&w);
    json_write_key(&w, "explanation");
    json_write_str(&w, cause_of(r->outcome.cause)->text[lang]);
    json_write_key(&w, "advice");
    json_write_str(&w, advice_of(r, lang, advice));
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e) {
        struct span s = buf_span(&out);
        if (fwrite(s.ptr, 1, s.len, stdout) != s.len || fputc('\n', stdout) == EOF || fflush(stdout) != 0)
            e = ERR_IO;
    }
    buf_deinit(&out);
    return e;
}

enum word {
    WORD_RESOLVE,
    WORD_CONNECT,
    WORD_TLS,
    WORD_SEND,
    WORD_ANSWER,
    WORD_TOTAL,
    WORD_PROCESSED,
    WORD_MEANS,
    WORD_DO,
    WORD_COUNT
};

static const char *const words[WORD_COUNT][2] = {
    [WORD_RESOLVE] = {"resolve", "名前解決"},
    [WORD_CONNECT] = {"connect", "接続"},
    [WORD_TLS] = {"tls", "TLS"},
    [WORD_SEND] = {"send", "送信"},
    [WORD_ANSWER] = {"answer", "レスポンス"},
    [WORD_TOTAL] = {"total", "合計"},
    [WORD_PROCESSED] = {"May have been processed", "処理された可能性"},
    [WORD_MEANS] = {"What it means", "説明"},
    [WORD_DO] = {"What to do", "対処方法"},
};

enum {
    INDENT = 2,
    PHASE_WIDTH = 14,
    LABEL_WIDTH = 25,
};

/* One line of the timeline. Phases not reached are left out; the phase that failed gets a cross. */
static void phase_line(const struct paint *p, enum lang lang, enum word word, uint32_t us, bool failed,
                       const char *note)
{
    char time[32];
    (void)snprintf(time, sizeof(time), "%9.2f ms", us / 1000.0);
    (void)fprintf(p->to, "%*s", INDENT, "");
    paint_text(p, failed ? PAINT_BAD : PAINT_GOOD, failed ? "✗ " : "✓ ");
    paint_padded(p, PAINT_PLAIN, words[word][lang], PHASE_WIDTH);
    paint_text(p, PAINT_DIM, time);
    (void)fputs(note && *note ? "   " : "", p->to);
    paint_text(p, PAINT_PLAIN, note ? note : "");
    (void)fputc('\n', p->to);
}

static void timeline(const struct paint *p, enum lang lang, const struct exchange_result *r)
{
    const struct exchange_timings *t = &r->timings;
    enum phase end = r->outcome.phase;
    if (r->reused) {
        char note[96];
        (void)snprintf(note, sizeof(note), "%s%s", r->address,
                       lang == LANG_JA ? "（接続を再利用）" : " (connection reused)");
        phase_line(p, lang, WORD_CONNECT, 0, false, note);
    } else {
        if (t->dns_us || end == PHASE_RESOLVE)
            phase_line(p, lang, WORD_RESOLVE, t->dns_us, end == PHASE_RESOLVE, "");
        if (end >= PHASE_CONNECT)
            phase_line(p, lang, WORD_CONNECT, t->connect_us, end == PHASE_CONNECT, r->address);
        if (end >= PHASE_TLS && (t->tls_us || end <= PHASE_SESSION)) {
            char note[64];
            (void)snprintf(note, sizeof(note), "%s%s%s", r->tls_version ? r->tls_version : "",
                           r->http == 20 ? ", h2" : "",
                           r->resumed ? (lang == LANG_JA ? "（再開）" : ", resumed") : "");
            phase_line(p, lang, WORD_TLS, t->tls_us, end <= PHASE_SESSION, note);
        }
    }
    if (end >= PHASE_SEND)
        phase_line(p, lang, WORD_SEND, t->send_us, end == PHASE_SEND, "");
    if (end >= PHASE_AWAIT)
        phase_line(p, lang, WORD_ANSWER, t->first_byte_us, end == PHASE_AWAIT, "");
    (void)fprintf(p->to, "%*s", INDENT + 2, "");
    paint_padded(p, PAINT_PLAIN, words[WORD_TOTAL][lang], PHASE_WIDTH);
    (void)fprintf(p->to, "%9.2f ms\n", t->total_us / 1000.0);
}

static void labelled(const struct paint *p, enum lang lang, enum word word, enum paint_style style,
                     const char *text)
{
    (void)fprintf(p->to, "%*s", INDENT, "");
    paint_padded(p, PAINT_DIM, words[word][lang], LABEL_WIDTH);
    paint_wrapped(p, style, INDENT + LABEL_WIDTH, text);
}

void probe_print_people(const char *url, const struct exchange_result *r, enum lang lang,
                        const char *const *advice)
{
    struct paint p;
    paint_init(&p, stdout);
    const struct outcome *o = &r->outcome;
    char detail[8];
    paint_text(&p, PAINT_BOLD, url);
    (void)fputc('\n', stdout);
    if (o->phase != PHASE_URL)
        timeline(&p, lang, r);
    bool ok = o->reason == REASON_OK;
    (void)fputs("\n", stdout);
    paint_text(&p, ok ? PAINT_GOOD : PAINT_BAD, reason_text(o->reason));
    (void)fputs(" ▸ ", stdout);
    paint_text(&p, PAINT_BOLD, outcome_detail(o, detail));
    if (!ok) {
        (void)fputs(" ▸ ", stdout);
        paint_text(&p, PAINT_PLAIN, cause_of(o->cause)->id);
    }
    (void)fputc('\n', stdout);
    if (!ok) {
        const struct cause *c = cause_of(o->cause);
        labelled(&p, lang, WORD_PROCESSED, o->processed == PROCESSED_NO ? PAINT_GOOD : PAINT_WARN,
                 processed_words(o->processed, lang));
        labelled(&p, lang, WORD_MEANS, PAINT_PLAIN, c->text[lang]);
        labelled(&p, lang, WORD_DO, PAINT_PLAIN, advice_of(r, lang, advice));
    }
    (void)fputc('\n', stdout);
}
