/*
 * todoke classify: what answers of sending services mean, line by line: records as JSON, answers in their own
 * form, or lines of a log. A line at a time is in memory, so that a log of any size can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/classify_line.h"
#include "command/commands.h"
#include "command/paint.h"
#include "fault/answer_text.h"
#include "node/arguments.h"

/* No service sends so much; a longer line is refused, and the rest read on. */
#define LINE_MAX_LEN (4u << 20)
#define CHUNK 65536u

static const char *const usage_text =
    "usage: todoke classify [--json] [FILE|-]\n\n"
    "Says what answers of sending services mean: the error of a targeted delivery with its kind, whether "
    "the\n"
    "message may be sent again, and what else it changes. Reads a line at a time, from standard input "
    "without FILE:\n\n"
    "  - a line of a log: \"550 5.1.1 <a@example.jp>: User unknown\"\n"
    "  - an answer as the service sent it, as JSON on one line; a batch of SendGrid's events\n"
    "  - a record: {\"channel\":\"mail|push|line|browser\",\"provider\":\"sendgrid|smtp|fcm|line|webpush\",\n"
    "    "
    "\"stage\":\"request|event|smtp|dsn\",\"status\":550,\"headers\":{},\"body\":\"…\",\"event\":{},"
    "\"command\":\"RCPT\"}\n\n"
    "  --json  an object a line: id, kind, kindEn, text (null without a failure), class, scope, retry, "
    "effect (the\n"
    "          careful reading) and seedEffect (the customer's list to the letter)\n\n"
    "Exit: 0 all lines read, 2 a line is no JSON or wrong usage (the others are still judged), 1 our own "
    "failure.\n";

struct classify {
    bool json;
    struct paint paint;
    struct classify_line line;
    struct buf out; /* one line of output */
    struct receipt receipt;
    uint64_t at; /* number of the line */
    bool bad;    /* a line was refused */
    bool titled;
};

static void write_json(struct classify *c)
{
    const struct receipt *r = &c->receipt;
    const struct delivery_error *row = r->failed ? delivery_error_of(r->error) : NULL;
    struct json_write w;
    buf_clear(&c->out);
    json_write_init(&w, &c->out);
    json_write_object(&w);
    json_write_key(&w, "id");
    json_write_str(&w, row ? row->id : NULL);
    json_write_key(&w, "kind");
    json_write_str(&w, row ? row->kind : NULL);
    json_write_key(&w, "kindEn");
    json_write_str(&w, row ? row->kind_en : NULL);
    json_write_key(&w, "text");
    if (row)
        json_write_span(&w, (struct span){r->text, r->text_len});
    else
        json_write_null(&w);
    json_write_key(&w, "class");
    json_write_str(&w, receipt_class_text(r->class));
    json_write_key(&w, "scope");
    json_write_str(&w, receipt_whom_text(r->scope));
    json_write_key(&w, "retry");
    json_write_str(&w, receipt_retry_text(r->retry));
    json_write_key(&w, "effect");
    json_write_str(&w, receipt_effect_text(r->effect));
    json_write_key(&w, "seedEffect");
    json_write_str(&w, receipt_effect_text(r->seed_effect));
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (e) {
        (void)visible_complain("classify", "line %llu: %s", (unsigned long long)c->at, err_text(e));
        c->bad = true;
        return;
    }
    struct span s = buf_span(&c->out);
    visible_print(stdout, s, false);
    (void)putchar('\n');
}

enum { WIDTH_KIND = 38, WIDTH_CLASS = 20, WIDTH_RETRY = 13, WIDTH_EFFECT = 12, WIDTH_SCOPE = 10 };

static void title(const struct paint *p)
{
    paint_padded(p, PAINT_BOLD, "KIND", WIDTH_KIND);
    paint_padded(p, PAINT_BOLD, "CLASS", WIDTH_CLASS);
    paint_padded(p, PAINT_BOLD, "RETRY", WIDTH_RETRY);
    paint_padded(p, PAINT_BOLD, "EFFECT", WIDTH_EFFECT);
    paint_padded(p, PAINT_BOLD, "SCOPE", WIDTH_SCOPE);
    paint_text(p, PAINT_BOLD, "TEXT");
    (void)fputc('\n', p->to);
}

static void write_row(struct classify *c)
{
    const struct receipt *r = &c->receipt;
    const struct paint *p = &c->paint;
    char kind[128] = "-";
    if (!c->titled)
        title(p);
    c->titled = true;
    if (r->failed)
        (void)snprintf(kind, sizeof(kind), "%s (%s)", delivery_error_of(r->error)->kind,
                       delivery_error_of(r->error)->kind_en);
    paint_padded(p, r->failed ? PAINT_BAD : PAINT_GOOD, kind, WIDTH_KIND);
    paint_padded(p, PAINT_PLAIN, receipt_class_text(r->class), WIDTH_CLASS);
    paint_padded(p, PAINT_PLAIN, receipt_retry_text(r->retry), WIDTH_RETRY);
    paint_padded(p, r->effect == RECEIPT_NO_EFFECT ? PAINT_PLAIN : PAINT_WARN, receipt_effect_text(r->effect),
                 WIDTH_EFFECT);
    paint_padded(p, PAINT_PLAIN, receipt_whom_text(r->scope), WIDTH_SCOPE);
    paint_text(p, PAINT_PLAIN, r->failed ? r->text : "-");
    (void)fputc('\n', p->to);
}

static void show(struct classify *c)
{
    if (c->json)
        write_json(c);
    else
        write_row(c);
}

static void judge(struct classify *c)
{
    receipt_of(&c->line.answer, &c->receipt);
    show(c);
}

/* An error of our own checks: nothing was asked, and all that is known is what the list says of it. */
static void own_error(struct classify *c, enum delivery_error_id error, struct span line)
{
    const struct delivery_error *row = delivery_error_of(error);
    bool later = row->retry == RECEIPT_RETRY_LATER || row->retry == RECEIPT_RETRY_YES;
    c->receipt = (struct receipt){.failed = true,
                                  .error = error,
                                  .class = later ? RECEIPT_TRANSIENT_SERVER : RECEIPT_UNCLASSIFIED,
                                  .retry = row->retry,
                                  .effect = row->effect,
                                  .seed_effect = row->seed_effect,
                                  .scope = row->whom};
    answer_text_put(&c->receipt, line);
    show(c);
}

static void refuse(struct classify *c, const char *why)
{
    (void)visible_complain("classify", "line %llu: %s", (unsigned long long)c->at, why);
    c->bad = true;
}

static enum err take(struct classify *c, struct span line)
{
    char why[CLASSIFY_WHY_MAX] = "";
    struct json_iter batch;
    struct json_value event;
    while (line.len > 0 && strchr(" \t\r", line.ptr[line.len - 1]))
        line.len--;
    line = span_trim(line);
    if (line.len == 0)
        return ERR_NONE;
    if (classify_line_batch(line, &batch)) {
        while (json_next_element(&batch, &event)) {
            classify_line_value(&c->line, event);
            judge(c);
        }
        return ERR_NONE;
    }
    enum delivery_error_id own;
    if (classify_line_own(line, &own)) {
        own_error(c, own, line);
        return ERR_NONE;
    }
    enum err e = classify_line_read(&c->line, line, why);
    if (e == ERR_NOMEM)
        return e;
    if (e)
        refuse(c, why[0] ? why : err_text(e));
    else
        judge(c);
    return ERR_NONE;
}

/* Takes all whole lines of the buffer. at_end: what is left is a line, too. */
static enum err take_lines(struct classify *c, struct buf *in, bool *skipping, bool at_end)
{
    for (;;) {
        struct span s = buf_span(in);
        const char *end = s.len ? memchr(s.ptr, '\n', s.len) : NULL;
        size_t len = end ? (size_t)(end - s.ptr) : s.len;
        if (!end && (!at_end || s.len == 0)) {
            if (s.len < LINE_MAX_LEN)
                return ERR_NONE;
            if (!*skipping) {
                c->at++;
                refuse(c, "longer than 4 MiB");
            }
            *skipping = true;
            buf_clear(in);
            return ERR_NONE;
        }
        enum err e = ERR_NONE;
        if (!*skipping) {
            c->at++;
            e = take(c, (struct span){s.ptr, len});
        }
        *skipping = false;
        buf_consume(in, end ? len + 1 : len);
        if (e)
            return e;
    }
}

static int read_all(struct classify *c, int fd, const char *name)
{
    struct buf in;
    bool skipping = false;
    buf_init(&in, LINE_MAX_LEN + CHUNK);
    enum err e = ERR_NONE;
    int status = 0;
    for (bool end = false; !end && !e && !status;) {
        e = buf_reserve(&in, CHUNK);
        ssize_t n = e ? 0 : read(fd, in.data + in.tail, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            (void)visible_complain("classify", "%s: %s", name, strerror(errno));
            status = 1;
            break;
        }
        end = n == 0;
        in.tail += (size_t)n;
        if (!e)
            e = take_lines(c, &in, &skipping, end);
    }
    buf_deinit(&in);
    if (e) {
        (void)visible_complain("classify", "%s", err_text(e));
        return 1;
    }
    return status ? status : c->bad ? 2 : 0;
}

static int classify(struct classify *c, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        (void)visible_complain("classify", "%s: %s", name, strerror(errno));
        return 1;
    }
    paint_init(&c->paint, stdout);
    classify_line_init(&c->line, LINE_MAX_LEN);
    buf_init(&c->out, CHUNK); /* texts of a receipt are short */
    int status = read_all(c, fd, standard ? "standard input" : name);
    classify_line_deinit(&c->line);
    buf_deinit(&c->out);
    if (!standard)
        (void)close(fd);
    return status;
}

int cmd_classify(int argc, char **argv)
{
    struct classify c = {.json = false};
    if (arguments_ask_help(argc, argv)) {
        (void)fputs(usage_text, stdout);
        return 0;
    }
    const struct argument options[] = {ARGUMENT_OF_FLAG("--json", &c.json, "an object a line"), ARGUMENT_END};
    struct arguments in = {.command = "classify", .options = {options}, .words_max = 1};
    int status = arguments_read(&in, argc, argv, 1);
    if (status)
        return status;
    return classify(&c, in.word_count ? in.words[0] : "-");
}
