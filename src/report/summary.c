#include "report/summary.h"

#include <stdlib.h>

#include "base/mem.h"

#define STATUSES 1000u

struct bucket {
    int64_t start_ms;
    int64_t errors[REASON_COUNT];
};

/* The sums of one detail. The array has a place for each status, then one for each row of the catalogue. */
struct detail {
    int64_t errors, first_ms, last_ms;
};

struct summary {
    enum statistics_by by;
    int zone;
    struct bucket *buckets; /* newest first */
    size_t bucket_count, bucket_alloc;
    int64_t totals[REASON_COUNT], total;
    struct detail details[STATUSES + FAULT_COUNT];
};

enum err summary_new(struct summary **ret, enum statistics_by by, int zone)
{
    struct summary *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    s->by = by;
    s->zone = zone;
    *ret = s;
    return ERR_NONE;
}

void summary_free(struct summary *s)
{
    if (!s)
        return;
    mem_free(s->buckets);
    mem_free(s);
}

static enum err bucket_at(struct summary *s, int64_t start_ms, struct bucket **ret)
{
    if (s->bucket_count && s->buckets[s->bucket_count - 1].start_ms == start_ms) {
        *ret = &s->buckets[s->bucket_count - 1];
        return ERR_NONE;
    }
    if (s->bucket_count == SUMMARY_BUCKETS_MAX)
        return ERR_LIMIT;
    if (s->bucket_count == s->bucket_alloc) {
        size_t alloc = s->bucket_alloc ? 2 * s->bucket_alloc : 64;
        struct bucket *all = mem_resize(s->buckets, alloc * sizeof(*all));
        if (!all)
            return ERR_NOMEM;
        s->buckets = all;
        s->bucket_alloc = alloc;
    }
    *ret = &s->buckets[s->bucket_count++];
    **ret = (struct bucket){.start_ms = start_ms};
    return ERR_NONE;
}

enum err summary_add(struct summary *s, const struct error_row *row)
{
    enum fault_id fault = FAULT_dispatch;
    int status = 0;
    struct bucket *b;
    /* A newer version may have stored details that this catalogue lacks: count them as unclassified. */
    enum err e = statistics_fault(row->reason, row->detail, &fault, &status);
    (void)e;
    e = bucket_at(s, statistics_bucket(row->minute * ERROR_MINUTE_MS, s->by, s->zone), &b);
    if (e)
        return e;
    enum reason reason = fault_of(fault)->reason;
    b->errors[reason] += row->errors;
    s->totals[reason] += row->errors;
    s->total += row->errors;
    struct detail *d = &s->details[status ? (unsigned)status : STATUSES + fault];
    if (!d->errors || row->first_ms < d->first_ms)
        d->first_ms = row->first_ms;
    if (!d->errors || row->last_ms > d->last_ms)
        d->last_ms = row->last_ms;
    d->errors += row->errors;
    return ERR_NONE;
}

static void show_time(const struct summary *s, struct json_write *w, const char *key, int64_t ms)
{
    char text[STATISTICS_TIME_SIZE];
    statistics_time(ms, s->zone, text);
    json_write_key(w, key);
    json_write_str(w, text);
}

static void show_count(struct json_write *w, enum reason reason, int64_t errors)
{
    json_write_key(w, "reason");
    json_write_str(w, reason_text(reason));
    json_write_key(w, "errors");
    json_write_int(w, errors);
}

static void show_buckets(const struct summary *s, struct json_write *w)
{
    json_write_key(w, "buckets");
    json_write_array(w);
    for (size_t i = s->bucket_count; i-- > 0;) {
        const struct bucket *b = &s->buckets[i];
        for (enum reason r = 0; r < REASON_COUNT; r++) {
            if (!b->errors[r])
                continue;
            json_write_object(w);
            show_time(s, w, "start", b->start_ms);
            show_count(w, r, b->errors[r]);
            json_write_end(w);
        }
    }
    json_write_end(w);
}

static int by_errors(const void *a, const void *b)
{
    const int64_t x = (*(const struct detail *const *)a)->errors,
                  y = (*(const struct detail *const *)b)->errors;
    return (x < y) - (x > y);
}

static void show_totals(const struct summary *s, struct json_write *w)
{
    bool told[REASON_COUNT] = {0};
    json_write_key(w, "totals");
    json_write_array(w);
    for (;;) {
        enum reason most = REASON_OK; /* never counted, so it marks "none yet" */
        for (enum reason r = 0; r < REASON_COUNT; r++)
            if (!told[r] && s->totals[r] > (most == REASON_OK ? 0 : s->totals[most]))
                most = r;
        if (most == REASON_OK)
            break;
        told[most] = true;
        json_write_object(w);
        show_count(w, most, s->totals[most]);
        json_write_end(w);
    }
    json_write_end(w);
}

static void show_details(const struct summary *s, struct json_write *w)
{
    const struct detail *all[STATUSES + FAULT_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < STATUSES + FAULT_COUNT; i++)
        if (s->details[i].errors)
            all[n++] = &s->details[i];
    qsort(all, n, sizeof(all[0]), by_errors);
    json_write_key(w, "details");
    json_write_array(w);
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(all[i] - s->details);
        const struct fault *f = fault_of(at < STATUSES ? FAULT_status : (enum fault_id)(at - STATUSES));
        char status[24];
        (void)snprintf(status, sizeof(status), "%zu", at);
        json_write_object(w);
        json_write_key(w, "detail");
        json_write_str(w, at < STATUSES ? status : f->detail);
        show_count(w, f->reason, all[i]->errors);
        show_time(s, w, "first", all[i]->first_ms);
        show_time(s, w, "last", all[i]->last_ms);
        json_write_end(w);
    }
    json_write_end(w);
}

void summary_show(const struct summary *s, struct json_write *w)
{
    char zone[7];
    statistics_zone_text(s->zone, zone);
    json_write_key(w, "by");
    json_write_str(w, statistics_by_text(s->by));
    show_buckets(s, w);
    show_totals(s, w);
    show_details(s, w);
    json_write_key(w, "total");
    json_write_int(w, s->total);
    json_write_key(w, "timeZone");
    json_write_str(w, zone);
}
