#include "fault/search.h"

#include "base/distance.h"
#include "fault/search_text.h"

static struct search_hit hit_reason(enum reason r)
{
    return (struct search_hit){.kind = SEARCH_REASON, .reason = r, .cause = CAUSE_ok};
}

static struct search_hit hit_detail(enum fault_id f)
{
    return (struct search_hit){
        .kind = SEARCH_DETAIL, .reason = fault_of(f)->reason, .fault = f, .cause = CAUSE_ok};
}

static struct search_hit hit_cause(enum cause_id c)
{
    enum fault_id f = cause_of(c)->fault;
    return (struct search_hit){.kind = SEARCH_CAUSE, .reason = fault_of(f)->reason, .fault = f, .cause = c};
}

/* A pasted line starts with its reason; the text after it is more specific. Empty if nothing follows. */
static struct span behind_reason(struct span text)
{
    for (enum reason r = 0; r < REASON_COUNT; r++) {
        struct span name = span_of(reason_text(r));
        if (!search_starts(text, name) || text.len == name.len)
            continue;
        struct span rest = {text.ptr + name.len, text.len - name.len};
        if (!search_is_space(rest.ptr[0]) && !memchr(":/,", rest.ptr[0], 3))
            continue;
        while (rest.len > 0 && (search_is_space(rest.ptr[0]) || memchr(":/,", rest.ptr[0], 3))) {
            rest.ptr++;
            rest.len--;
        }
        return rest;
    }
    return (struct span){"", 0};
}

/* "503" → 503; 0 if not a status number. */
static int status_of(struct span text)
{
    if (text.len != 3 || text.ptr[0] < '1')
        return 0;
    int n = 0;
    for (size_t i = 0; i < 3; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        n = n * 10 + (text.ptr[i] - '0');
    }
    return n;
}

/* Whether the text is this detail, or the detail followed by the URL, as URL verification answers. */
static bool is_detail(struct span text, const char *detail)
{
    struct span d = span_of(detail);
    return search_starts(text, d) && (text.len == d.len || (text.len > d.len + 1 && text.ptr[d.len] == ':' &&
                                                            text.ptr[d.len + 1] == ' '));
}

static bool find_exact(struct span text, struct search_hit *ret)
{
    for (enum reason r = 0; r < REASON_COUNT; r++)
        if (span_eq_nocase(text, span_of(reason_text(r)))) {
            *ret = hit_reason(r);
            return true;
        }
    for (enum fault_id f = 0; f < FAULT_COUNT; f++)
        if (is_detail(text, fault_of(f)->detail)) {
            *ret = hit_detail(f);
            return true;
        }
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++)
        if (span_eq_nocase(text, span_of(cause_of(c)->id))) {
            *ret = hit_cause(c);
            return true;
        }
    int status = status_of(text);
    if (status) {
        *ret = hit_cause(cause_by_status(status));
        ret->status = status;
        return true;
    }
    return false;
}

enum { ROW_TEXTS_MAX = 8 };

/* All that a row can be found by; returns how many texts. */
static size_t row_texts(const struct search_hit *hit, const char *texts[ROW_TEXTS_MAX])
{
    size_t n = 0;
    if (hit->kind == SEARCH_REASON) {
        const struct reason_info *r = reason_of(hit->reason);
        texts[n++] = r->text;
        for (int lang = LANG_EN; lang <= LANG_JA; lang++) {
            texts[n++] = r->explanation[lang];
            texts[n++] = r->seed_text[lang];
            texts[n++] = r->old_text[lang];
        }
        return n;
    }
    const struct fault *f = fault_of(hit->fault);
    const struct cause *c = cause_of(hit->cause);
    bool detail = hit->kind == SEARCH_DETAIL;
    texts[n++] = detail ? f->id : c->id;
    texts[n++] = detail ? f->detail : c->source;
    for (int lang = LANG_EN; lang <= LANG_JA; lang++) {
        texts[n++] = detail ? f->text[lang] : c->text[lang];
        texts[n++] = detail ? f->advice[lang] : c->advice[lang];
        if (detail)
            texts[n++] = f->old_text[lang];
    }
    return n;
}

/* Whether a row holds the text: search_texts_hold() or search_texts_hold_words(). */
typedef bool holds_fn(const char *const *texts, size_t count, struct span text);

/* Passes on rows that contain the text. */
struct filter {
    struct span text;
    holds_fn *holds;
    search_fn *fn;
    void *arg;
    size_t found;
};

static void filter_row(void *arg, const struct search_hit *hit)
{
    struct filter *f = arg;
    const char *texts[ROW_TEXTS_MAX];
    if (f->holds(texts, row_texts(hit, texts), f->text)) {
        f->found++;
        f->fn(f->arg, hit);
    }
}

/* The closest rows so far, closest first; among equals the first in the catalogue. */
struct nearest {
    struct span text;
    size_t count;
    struct search_hit best[SEARCH_NEAREST_MAX];
};

static void nearest_row(void *arg, const struct search_hit *hit)
{
    struct nearest *n = arg;
    if (hit->kind != SEARCH_REASON && hit->fault == FAULT_ok)
        return; /* list "ok" only once */
    const char *name = hit->kind == SEARCH_REASON   ? reason_text(hit->reason)
                       : hit->kind == SEARCH_DETAIL ? fault_of(hit->fault)->detail
                                                    : cause_of(hit->cause)->id;
    size_t d = distance_nocase(n->text, span_of(name));
    size_t at = n->count;
    while (at > 0 && d < n->best[at - 1].distance)
        at--;
    if (at == SEARCH_NEAREST_MAX)
        return;
    if (n->count < SEARCH_NEAREST_MAX)
        n->count++;
    for (size_t i = n->count - 1; i > at; i--)
        n->best[i] = n->best[i - 1];
    n->best[at] = *hit;
    n->best[at].distance = d;
}

enum search_match search_catalogue(struct span text, search_fn *fn, void *arg)
{
    text = search_trim(text);
    if (text.len == 0)
        return SEARCH_NONE;
    struct span rest = behind_reason(text);
    struct search_hit hit;
    if ((rest.len > 0 && find_exact(rest, &hit)) || find_exact(text, &hit)) {
        fn(arg, &hit);
        return SEARCH_EXACT;
    }
    struct filter filter = {text, search_texts_hold, fn, arg, 0};
    search_all(filter_row, &filter);
    if (filter.found > 0)
        return SEARCH_FRAGMENT;
    filter.holds = search_texts_hold_words;
    search_all(filter_row, &filter);
    if (filter.found > 0)
        return SEARCH_WORDS;
    struct nearest nearest = {.text = rest.len > 0 ? rest : text};
    search_all(nearest_row, &nearest);
    for (size_t i = 0; i < nearest.count; i++)
        fn(arg, &nearest.best[i]);
    return SEARCH_NEAREST;
}

void search_all(search_fn *fn, void *arg)
{
    for (enum reason r = 0; r < REASON_COUNT; r++) {
        struct search_hit hit = hit_reason(r);
        fn(arg, &hit);
        for (enum fault_id f = 0; f < FAULT_COUNT; f++) {
            if (fault_of(f)->reason != r)
                continue;
            hit = hit_detail(f);
            fn(arg, &hit);
            for (enum cause_id c = 0; c < CAUSE_COUNT; c++)
                if (cause_of(c)->fault == f) {
                    hit = hit_cause(c);
                    fn(arg, &hit);
                }
        }
    }
}
