#include "api/node/metrics_campaign.h"

#include "campaign/message_text.h"
#include "carrier/carrier.h"

static unsigned long long get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static enum err begin(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static enum err messages(const struct campaign_counters *n, struct buf *out)
{
    static const enum message_state states[] = {MESSAGE_RETRYING, MESSAGE_SENT,    MESSAGE_DELIVERED,
                                                MESSAGE_FAILED,   MESSAGE_SKIPPED, MESSAGE_UNKNOWN};
    enum err e =
        begin(out, "todoke_campaign_messages_total", "counter",
              "Messages to people by sending service and by what became of them; retrying: how often one "
              "was put off to be tried again.");
    for (int s = SERVICE_UNKNOWN + 1; !e && s < SERVICE_COUNT; s++)
        for (size_t i = 0; !e && i < sizeof(states) / sizeof(states[0]); i++)
            e = buf_printf(out, "todoke_campaign_messages_total{service=\"%s\",state=\"%s\"} %llu\n",
                           carrier_kind((enum service)s), message_state_text(states[i]),
                           get(&n->ended[s][states[i]]));
    return e;
}

/* Kinds contain no quote or backslash; a test of the catalogue checks that. */
static enum err failed(const struct campaign_counters *n, struct buf *out)
{
    enum err e = begin(
        out, "todoke_campaign_messages_failed_total", "counter",
        "Messages to people that did not arrive, were kept back or may not have arrived, by error and kind "
        "of the list of errors.");
    for (int i = 0; !e && i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *row = delivery_error_of((enum delivery_error_id)i);
        if (row->scope != DELIVERY_JOB)
            e = buf_printf(out, "todoke_campaign_messages_failed_total{error=\"%s\",kind=\"%s\"} %llu\n",
                           row->id, row->kind_en, get(&n->failed[i]));
    }
    return e;
}

static enum err requests(const struct campaign_counters *n, struct buf *out)
{
    enum err e = begin(out, "todoke_campaign_requests_total", "counter",
                       "Requests to sending services that ended; one may carry many messages.");
    for (int s = SERVICE_UNKNOWN + 1; !e && s < SERVICE_COUNT; s++)
        e = buf_printf(out, "todoke_campaign_requests_total{service=\"%s\"} %llu\n",
                       carrier_kind((enum service)s), get(&n->requests[s]));
    if (!e)
        e = begin(out, "todoke_campaign_requests_failed_total", "counter",
                  "Requests to sending services that ended without a complete answer.");
    for (int s = SERVICE_UNKNOWN + 1; !e && s < SERVICE_COUNT; s++)
        e = buf_printf(out, "todoke_campaign_requests_failed_total{service=\"%s\"} %llu\n",
                       carrier_kind((enum service)s), get(&n->requests_failed[s]));
    return e;
}

enum err metrics_campaign_print(const struct campaign_counters *n, uint64_t jobs, struct buf *out)
{
    const struct {
        const char *name, *type, *help;
        unsigned long long value;
    } rows[] = {
        {"todoke_campaign_jobs_open", "gauge",
         "Jobs of targeted delivery that have not ended: scheduled, preparing, running or paused.", jobs},
        {"todoke_campaign_claims_total", "counter", "Messages to people that were handed to be sent.",
         get(&n->claimed)},
        {"todoke_campaign_renders_total", "counter", "Messages to people whose content was rendered.",
         get(&n->rendered)},
        {"todoke_campaign_engine_renders_total", "counter",
         "Messages to people whose content the template engine rendered, in a process of its own; part of "
         "all "
         "renders.",
         get(&n->rendered_by_engine)},
    };
    enum err e = messages(n, out);
    if (!e)
        e = failed(n, out);
    if (!e)
        e = requests(n, out);
    for (size_t i = 0; !e && i < sizeof(rows) / sizeof(rows[0]); i++) {
        e = begin(out, rows[i].name, rows[i].type, rows[i].help);
        if (!e)
            e = buf_printf(out, "%s %llu\n", rows[i].name, rows[i].value);
    }
    return e;
}
