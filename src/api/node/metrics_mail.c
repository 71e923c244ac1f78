#include "api/node/metrics_mail.h"

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static enum err one(struct buf *out, const char *name, const char *type, const char *help, uint64_t n)
{
    return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
                      (unsigned long long)n);
}

static enum err dropped(const struct notice_stats *n, struct buf *out)
{
    const struct {
        const char *why;
        const _Atomic uint64_t *count;
    } rows[] = {{"unwanted", &n->unwanted},
                {"nobody", &n->nobody},
                {"cap", &n->capped[QUOTA_CHANNEL]},
                {"provider_cap", &n->capped[QUOTA_PROVIDER]},
                {"account_cap", &n->capped[QUOTA_ACCOUNT]}};
    enum err e =
        buf_add_str(out, "# HELP todoke_notices_dropped_total Notices that were not mailed, by reason. "
                         "`unwanted`: option or switch off; `nobody`: no recipient that may get mails; "
                         "`cap`, `provider_cap`, `account_cap`: a daily cap was reached.\n"
                         "# TYPE todoke_notices_dropped_total counter\n");
    for (size_t i = 0; !e && i < sizeof(rows) / sizeof(rows[0]); i++)
        e = buf_printf(out, "todoke_notices_dropped_total{why=\"%s\"} %llu\n", rows[i].why,
                       (unsigned long long)get(rows[i].count));
    return e;
}

enum err metrics_mail_print(const struct notice_stats *notices, const struct outbox_stats *outbox,
                            int64_t now_ms, struct buf *out)
{
    int64_t oldest = atomic_load_explicit(&outbox->oldest_ms, memory_order_relaxed);
    uint64_t age_s = oldest && oldest < now_ms ? (uint64_t)(now_ms - oldest) / 1000 : 0;
    const struct {
        const char *name, *type, *help;
        uint64_t n;
    } rows[] = {
        {"todoke_notices_total", "counter", "Notices that were mailed.", get(&notices->told)},
        {"todoke_contact_asks_total", "counter", "Contact addresses asked to confirm when a notice was due.",
         get(&notices->asked)},
        {"todoke_notices_deferred_total", "counter",
         "How often a notice was deferred because the outbox was full.", get(&notices->deferred)},
        {"todoke_mails_sent_total", "counter", "Mails accepted by the relay.", get(&outbox->sent)},
        {"todoke_mails_written_total", "counter", "Mails written into the Maildir because no relay is set.",
         get(&outbox->written)},
        {"todoke_mails_put_off_total", "counter", "Tries to send a mail that failed and will be repeated.",
         get(&outbox->put_off)},
        {"todoke_mails_failed_total", "counter", "Mails that failed for good.", get(&outbox->failed)},
        {"todoke_mails_waiting", "gauge", "Mails waiting in the outbox.", get(&outbox->waiting)},
        {"todoke_mails_oldest_seconds", "gauge", "How long the oldest mail in the outbox has waited.", age_s},
        {"todoke_mails_failed", "gauge", "Mails that failed for good within the last week.",
         get(&outbox->broken)},
    };
    enum err e = dropped(notices, out);
    for (size_t i = 0; !e && i < sizeof(rows) / sizeof(rows[0]); i++)
        e = one(out, rows[i].name, rows[i].type, rows[i].help, rows[i].n);
    return e;
}
