#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/job.h"

static void write_text(struct json_write *w, const char *key, const char *value)
{
    if (!value)
        return;
    json_write_key(w, key);
    json_write_str(w, value);
}

/* A number as such; anything else as a string, which the node refuses by its name. */
static void write_number(struct json_write *w, const char *key, const char *value)
{
    if (!value)
        return;
    char *end;
    const double n = strtod(value, &end);
    json_write_key(w, key);
    if (*value && !*end)
        json_write_real(w, n);
    else
        json_write_str(w, value);
}

static void write_days(struct json_write *w, const char *days)
{
    json_write_key(w, "days");
    json_write_array(w);
    while (*days) {
        const size_t n = strcspn(days, ",");
        json_write_span(w, (struct span){days, n});
        days += n + (days[n] == ',');
    }
    json_write_end(w);
}

static void write_repeat(struct json_write *w, const struct job_args *a)
{
    json_write_key(w, "repeat");
    json_write_object(w);
    write_text(w, "every", a->every);
    if (a->days)
        write_days(w, a->days);
    write_number(w, "day", a->day);
    write_text(w, "time", a->time);
    write_text(w, "zone", a->zone);
    json_write_end(w);
}

static int complain(const char *message)
{
    (void)visible_complain("job start", "%s", message);
    return CLIENT_USAGE;
}

int job_order(const struct job_args *a, struct buf *out)
{
    const char *const audiences[] = {a->segment, a->list, a->query, a->sql};
    int given = 0;
    for (size_t i = 0; i < sizeof(audiences) / sizeof(audiences[0]); i++)
        given += audiences[i] != NULL;
    if (!a->campaign)
        return complain("what is to be sent? --campaign ID");
    if (given != 1)
        return complain("to whom? One of --segment ID, --list ID, --query ID, and --sql SQL with --by WHAT");
    if (!a->every && (a->days || a->day || a->time || a->zone))
        return complain("--days, --day, --time and --zone go with --every");
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    write_text(&w, "campaignId", a->campaign);
    json_write_key(&w, "audience");
    json_write_object(&w);
    write_text(&w, "segmentId", a->segment);
    write_text(&w, "listId", a->list);
    write_text(&w, "queryId", a->query);
    write_text(&w, "sql", a->sql);
    write_text(&w, "by", a->by);
    json_write_end(&w);
    write_text(&w, "at", a->at);
    write_number(&w, "ratePerSecond", a->rate);
    if (a->every)
        write_repeat(&w, a);
    if (a->no_dedupe) {
        json_write_key(&w, "dedupe");
        json_write_bool(&w, false);
    }
    json_write_end(&w);
    return json_write_finish(&w) ? complain("that is too long") : 0;
}
