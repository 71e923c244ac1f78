#include "command/sender_verify.h"

#include <string.h>

#include "base/visible.h"
#include "command/paint.h"
#include "command/probe.h"

#define ANSWER_MAX (1u << 20)
#define TEXT_MAX 1024u

struct watching {
    struct paint paint;
    enum lang lang;
    size_t read; /* of the stream, so far */
    int status;
    bool told; /* the verdict has come */
};

enum word {
    WORD_CAUSE,
    WORD_ADVICE,
    WORD_ACCOUNT,
    WORD_QUOTA,
    WORD_USED,
    WORD_WORKS,
    WORD_FAILS,
    WORD_UNASKED
};
static const char *const words[][2] = {
    [WORD_CAUSE] = {"What it means", "説明"},
    [WORD_ADVICE] = {"What to do", "対処方法"},
    [WORD_ACCOUNT] = {"Account", "アカウント"},
    [WORD_QUOTA] = {"Quota", "送信上限"},
    [WORD_USED] = {"Used", "使用数"},
    [WORD_WORKS] = {"The sender works", "この認証設定で送信できます"},
    [WORD_FAILS] = {"The sender does not work", "この認証設定では送信できません"},
    [WORD_UNASKED] = {"The service has nothing to be asked; the settings are sound",
                      "サービスに確認する項目はありません。設定に誤りはありません"},
};
enum { INDENT = 2, LABEL_WIDTH = 16 };

static void labelled(const struct paint *p, const char *label, const char *text)
{
    char shown[TEXT_MAX];
    (void)snprintf(shown, sizeof(shown), "%s", text);
    (void)fprintf(p->to, "%*s", INDENT, "");
    paint_padded(p, PAINT_DIM, label, LABEL_WIDTH);
    paint_text(p, PAINT_PLAIN, shown);
    (void)fputc('\n', p->to);
}

static void member(const struct paint *p, struct json_value o, const char *name, const char *label)
{
    char text[TEXT_MAX];
    int64_t number;
    if (answer_text(o, name, text, sizeof(text)))
        labelled(p, label, text);
    else if (answer_number(o, name, &number)) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)number);
        labelled(p, label, text);
    }
}

void sender_verify_error(const struct paint *p, struct json_value error, enum lang lang)
{
    char text[TEXT_MAX], kind[128];
    if (!answer_text(error, "text", text, sizeof(text)))
        text[0] = '\0';
    if (!answer_text(error, lang == LANG_JA ? "kind" : "kindEn", kind, sizeof(kind)))
        kind[0] = '\0';
    paint_text(p, PAINT_BAD, kind);
    (void)fputs(" ▸ ", p->to);
    paint_text(p, PAINT_BOLD, text);
    (void)fputc('\n', p->to);
    member(p, error, "cause", words[WORD_CAUSE][lang]);
    member(p, error, "advice", words[WORD_ADVICE][lang]);
}

static void on_question(struct watching *w, struct json_value o)
{
    char name[32];
    if (answer_text(o, "question", name, sizeof(name)))
        paint_text(&w->paint, PAINT_BOLD, name);
    (void)fputc('\n', w->paint.to);
}

static void on_phase(struct watching *w, struct json_value o)
{
    char phase[32];
    int64_t at_us = 0;
    if (!answer_text(o, "phase", phase, sizeof(phase)) || !answer_number(o, "atUs", &at_us))
        return;
    (void)fprintf(w->paint.to, "%*s", INDENT, "");
    paint_padded(&w->paint, PAINT_PLAIN, phase, LABEL_WIDTH);
    char time[32];
    (void)snprintf(time, sizeof(time), "%9.2f ms", (double)at_us / 1000.0);
    paint_text(&w->paint, PAINT_DIM, time);
    (void)fputc('\n', w->paint.to);
}

static void on_answer(struct watching *w, struct json_value o)
{
    char reason[64], cause[64];
    int64_t status = 0, total_us = 0;
    const bool fine = answer_at(o, "fine").kind == JSON_KIND_TRUE;
    if (!answer_number(o, "status", &status) || !answer_number(o, "totalUs", &total_us) ||
        !answer_text(o, "reason", reason, sizeof(reason)) || !answer_text(o, "cause", cause, sizeof(cause)))
        return;
    char line[192];
    if (status)
        (void)snprintf(line, sizeof(line), "%lld", (long long)status);
    else
        (void)snprintf(line, sizeof(line), "%s ▸ %s", reason, cause);
    (void)fprintf(w->paint.to, "%*s", INDENT, "");
    paint_text(&w->paint, fine ? PAINT_GOOD : PAINT_BAD, fine ? "✓ " : "✗ ");
    paint_padded(&w->paint, PAINT_PLAIN, line, LABEL_WIDTH - 2);
    (void)snprintf(line, sizeof(line), "%9.2f ms", (double)total_us / 1000.0);
    paint_text(&w->paint, PAINT_DIM, line);
    (void)fputc('\n', w->paint.to);
}

/* An answer that the service gave counts as one with an error status. */
static int status_of(struct json_value verdict)
{
    char reason[32];
    enum reason known;
    if (answer_at(verdict, "works").kind == JSON_KIND_TRUE)
        return CLIENT_DONE;
    if (!answer_text(verdict, "exchange.reason", reason, sizeof(reason)) ||
        reason_find(span_of(reason), &known))
        known = REASON_ERROR_STATUS_CODE;
    return probe_exit_code(known);
}

static void on_verdict(struct watching *w, struct json_value o)
{
    const struct paint *p = &w->paint;
    w->told = true;
    w->status = status_of(o);
    const bool works = w->status == CLIENT_DONE, asked = answer_at(o, "asked").kind == JSON_KIND_TRUE;
    (void)fputc('\n', p->to);
    paint_text(p, works ? PAINT_GOOD : PAINT_BAD,
               words[!works  ? WORD_FAILS
                     : asked ? WORD_WORKS
                             : WORD_UNASKED][w->lang]);
    (void)fputc('\n', p->to);
    if (!works)
        sender_verify_error(p, answer_at(o, "error"), w->lang);
    member(p, o, "exchange.explanation", words[WORD_CAUSE][w->lang]);
    member(p, o, "exchange.advice", words[WORD_ADVICE][w->lang]);
    member(p, o, "account", words[WORD_ACCOUNT][w->lang]);
    member(p, o, "quota", words[WORD_QUOTA][w->lang]);
    member(p, o, "used", words[WORD_USED][w->lang]);
}

/* One event of the stream: "event: NAME\ndata: JSON". */
static void take_event(struct watching *w, struct span text)
{
    static const struct {
        const char *name;
        void (*take)(struct watching *w, struct json_value o);
    } events[] = {
        {"question", on_question}, {"phase", on_phase}, {"answer", on_answer}, {"verdict", on_verdict}};
    const char *line = memchr(text.ptr, '\n', text.len);
    struct json_value o;
    if (!line || !span_starts(text, SPAN_LIT("event: ")))
        return;
    const struct span name = {text.ptr + 7, (size_t)(line - text.ptr) - 7};
    struct span data = {line + 1, text.len - (size_t)(line + 1 - text.ptr)};
    if (!span_starts(data, SPAN_LIT("data: ")))
        return;
    data = (struct span){data.ptr + 6, data.len - 6};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (span_eq(name, span_of(events[i].name)) && answer_read(data, &o))
            events[i].take(w, o);
    (void)fflush(w->paint.to);
}

static void on_grown(void *arg, struct span answer)
{
    struct watching *w = arg;
    for (;;) {
        const struct span rest = {answer.ptr + w->read, answer.len - w->read};
        const char *end = rest.len ? memmem(rest.ptr, rest.len, "\n\n", 2) : NULL;
        if (!end)
            return;
        take_event(w, (struct span){rest.ptr, (size_t)(end - rest.ptr)});
        w->read += (size_t)(end - rest.ptr) + 2;
    }
}

static int as_json(const struct client *c, const char *path, struct buf *answer)
{
    struct json_value root;
    int status = client_ask(c, "POST", path, SPAN_LIT(""), answer);
    if (status)
        return status;
    if (!answer_read(buf_span(answer), &root))
        return client_strange();
    answer_print(stdout, buf_span(answer));
    return status_of(root);
}

int sender_verify_run(const struct client *c, const char *path, enum lang lang, bool json)
{
    struct watching w = {.lang = lang};
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    paint_init(&w.paint, stdout);
    int status =
        json ? as_json(c, path, &answer) : client_watch(c, "POST", path, SPAN_LIT(""), &answer, on_grown, &w);
    if (!json && !status)
        status = w.told ? w.status : visible_complain(NULL, "the node broke off; its log says why");
    buf_deinit(&answer);
    return status;
}
