#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/visible.h"
#include "command/answer.h"
#include "command/job.h"
#include "command/listing.h"
#include "command/paint.h"

#define POLL_MS 500
#define LINE_EVERY_MS 5000 /* where lines are written, into a log */
#define BAR_WIDTH 30
#define TRIES 20 /* polls in a row that failed: ten seconds, in which a node starts again */

struct progress {
    char state[16], reason[64], text[1024], at[40];
    int64_t total, ended, failed, left;
    double pace;
    bool gathered, knows_left;
};

static int64_t number(struct json_value v, const char *path)
{
    int64_t n;
    return answer_number(v, path, &n) ? n : 0;
}

static bool read_progress(struct span answer, struct progress *p)
{
    struct json_value root;
    *p = (struct progress){.total = 0};
    if (!answer_read(answer, &root) || !answer_text(root, "state", p->state, sizeof(p->state)))
        return false;
    static const char *const of_end[] = {"counts.sent", "counts.delivered", "counts.failed", "counts.skipped",
                                         "counts.unknown"};
    for (size_t i = 0; i < sizeof(of_end) / sizeof(of_end[0]); i++)
        p->ended += number(root, of_end[i]);
    for (size_t i = 2; i < sizeof(of_end) / sizeof(of_end[0]); i++)
        p->failed += number(root, of_end[i]);
    p->total = number(root, "total");
    p->gathered = answer_at(root, "gathered").kind == JSON_KIND_TRUE;
    p->knows_left = answer_number(root, "secondsLeft", &p->left);
    struct json_value pace = answer_at(root, "perSecond");
    char digits[32] = "";
    if (pace.kind == JSON_KIND_NUMBER && pace.raw.len < sizeof(digits))
        memcpy(digits, pace.raw.ptr, pace.raw.len);
    p->pace = strtod(digits, NULL);
    if (!answer_text(root, "stateReason", p->reason, sizeof(p->reason)))
        p->reason[0] = '\0';
    if (!answer_text(root, "stateText", p->text, sizeof(p->text)))
        p->text[0] = '\0';
    if (!answer_text(root, "at", p->at, sizeof(p->at)))
        p->at[0] = '\0';
    return true;
}

static void say_left(char out[static 40], const struct progress *p)
{
    const long long s = p->left;
    out[0] = '\0';
    if (p->knows_left && s < 60)
        (void)snprintf(out, 40, ", %lld s left", s);
    else if (p->knows_left && s < 3600)
        (void)snprintf(out, 40, ", %lld min left", (s + 30) / 60);
    else if (p->knows_left)
        (void)snprintf(out, 40, ", %lld h %lld min left", s / 3600, s % 3600 / 60);
}

static void say_line(const struct progress *p, char *out, size_t size)
{
    char left[40];
    say_left(left, p);
    if (strcmp(p->state, "scheduled") == 0)
        (void)snprintf(out, size, "scheduled for %s", p->at);
    else
        (void)snprintf(out, size, "%s: %lld of %lld%s, %lld not sent, %.0f a second%s", p->state,
                       (long long)p->ended, (long long)p->total, p->gathered ? "" : " so far",
                       (long long)p->failed, p->pace, left);
}

static void draw_bar(const struct paint *paint, const struct progress *p)
{
    char line[200];
    const int full = p->total ? (int)(BAR_WIDTH * p->ended / p->total) : 0;
    say_line(p, line, sizeof(line));
    (void)fputs("\r\033[K", stdout);
    for (int i = 0; i < BAR_WIDTH; i++)
        paint_text(paint, i < full ? PAINT_GOOD : PAINT_DIM, i < full ? "█" : "░");
    (void)printf(" %3d %%  %s", p->total ? (int)(100 * p->ended / p->total) : 0, line);
    (void)fflush(stdout);
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_over(const struct progress *p)
{
    static const char *const over[] = {"paused", "completed", "stopped", "failed"};
    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
        if (strcmp(p->state, over[i]) == 0)
            return true;
    return false;
}

/* Asks until it is over. A node that is away for a moment, because it starts again, is asked again. */
static int follow(const struct job_args *a, const char *path, struct progress *p)
{
    struct paint paint;
    char last[200] = "";
    int64_t said_ms = 0;
    int failures = 0;
    const bool terminal = isatty(STDOUT_FILENO);
    paint_init(&paint, stdout);
    for (;;) {
        struct buf answer;
        buf_init(&answer, JOB_ANSWER_MAX);
        int status = client_ask(&a->client, "GET", path, SPAN_LIT(""), &answer);
        if (!status && !read_progress(buf_span(&answer), p))
            status = client_strange();
        buf_deinit(&answer);
        const bool away = status == CLIENT_UNREACHABLE || status == CLIENT_UNAVAILABLE;
        if (status && !(away && ++failures < TRIES))
            return status;
        if (!status) {
            failures = 0;
            char line[200];
            say_line(p, line, sizeof(line));
            const bool over = is_over(p);
            if (terminal) {
                draw_bar(&paint, p);
                if (over)
                    (void)putchar('\n');
            } else if (strcmp(line, last) != 0 && (over || !last[0] || now_ms() - said_ms >= LINE_EVERY_MS)) {
                (void)puts(line);
                (void)fflush(stdout);
                (void)snprintf(last, sizeof(last), "%s", line);
                said_ms = now_ms();
            }
            if (over)
                return CLIENT_DONE;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}

/* ---- errors ---- */

static void print_advice(const struct paint *paint, struct json_value errors, enum lang lang)
{
    struct json_iter it = json_elements(errors);
    struct json_value row;
    char before[64] = "", id[64], kind[128], advice[4096];
    (void)puts(lang == LANG_JA ? "\n対処方法" : "\nWhat to do");
    while (json_next_element(&it, &row)) {
        if (!answer_text(row, "error.id", id, sizeof(id)) || strcmp(id, before) == 0 ||
            !answer_text(row, lang == LANG_JA ? "error.kind" : "error.kindEn", kind, sizeof(kind)) ||
            !answer_text(row, "error.advice", advice, sizeof(advice)))
            continue;
        (void)snprintf(before, sizeof(before), "%s", id);
        (void)fputs("  ", stdout);
        paint_text(paint, PAINT_BOLD, kind);
        (void)fputs(" (", stdout);
        paint_text(paint, PAINT_PLAIN, id);
        (void)fputs(")\n      ", stdout);
        paint_wrapped(paint, PAINT_PLAIN, 6, advice);
    }
}

int job_errors(const struct job_args *a, const char *job)
{
    static const struct listing tables[] = {
        [LANG_EN] = {"errors",
                     {{"MESSAGES", "count"},
                      {"STATE", "state"},
                      {"KIND", "error.kind"},
                      {"SEND AGAIN", "error.retry"},
                      {"CHANGED", "error.effect"},
                      {"ERROR MESSAGE", "error.text"}}},
        [LANG_JA] = {"errors",
                     {{"件数", "count"},
                      {"状態", "state"},
                      {"エラーの種類", "error.kind"},
                      {"再送の可否", "error.retry"},
                      {"変更内容", "error.effect"},
                      {"エラーメッセージ", "error.text"}}},
    };
    struct job_args of = *a;
    struct buf path, answer;
    struct json_value root;
    struct paint paint;
    of.job = job;
    buf_init(&path, JOB_PATH_LEN);
    buf_init(&answer, JOB_ANSWER_MAX);
    paint_init(&paint, stdout);
    int status = job_path(&of, "/errors", &path);
    if (!status && job_parameter(&path, "lang", a->lang == LANG_JA ? "ja" : "en"))
        status = CLIENT_FAILED;
    if (!status)
        status = client_ask(&a->client, "GET", path.data, SPAN_LIT(""), &answer);
    if (!status && !answer_read(buf_span(&answer), &root))
        status = client_strange();
    if (!status && a->json) {
        answer_print(stdout, buf_span(&answer));
    } else if (!status && number(root, "total") == 0) {
        (void)puts(a->lang == LANG_JA ? "エラーはありません。" : "no errors");
    } else if (!status) {
        listing_table(&tables[a->lang], answer_at(root, "errors"), true);
        print_advice(&paint, answer_at(root, "errors"), a->lang);
    }
    buf_deinit(&path);
    buf_deinit(&answer);
    return status;
}

/* ---- watching ---- */

static void say_end(const struct progress *p, const char *job)
{
    const bool by_hand = strcmp(p->reason, "hand") == 0 || !p->reason[0];
    if (p->reason[0]) {
        (void)fputs("why: ", stdout);
        visible_print(stdout, span_of(p->reason), true);
        (void)putchar('\n');
    }
    if (p->text[0]) {
        (void)fputs("said: ", stdout);
        visible_print(stdout, span_of(p->text), true);
        (void)putchar('\n');
    }
    if (strcmp(p->state, "paused") == 0)
        (void)printf("`todoke job resume %s` lets it go on\n", job);
    if (!by_hand)
        (void)puts("`todoke explain` with what stands behind \"why\" says what to do");
}

int job_watch(const struct job_args *a, const char *job)
{
    struct job_args of = *a;
    struct progress p = {.state = ""};
    struct buf path;
    of.job = job;
    buf_init(&path, JOB_PATH_LEN);
    int status = job_path(&of, "", &path);
    if (!status)
        status = follow(a, path.data, &p);
    buf_deinit(&path);
    if (status)
        return status;
    const bool well = strcmp(p.state, "completed") == 0;
    if (!well)
        say_end(&p, job);
    if (p.failed) {
        (void)putchar('\n');
        status = job_errors(&of, job);
    }
    return status ? status : well ? CLIENT_DONE : CLIENT_CONFLICT;
}
