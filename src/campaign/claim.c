#include "campaign/claim.h"

#include <sodium.h>
#include <stdio.h>

#include "base/mem.h"

/* One message on its way through the checks. */
struct check {
    struct claim *claim;
    struct ledger *ledger;
    struct backend *b;
    struct claimed *to;
    struct message row; /* spans in the arena */
    bool found;
    struct user user; /* spans in the arena; id 0: nobody */
    /* Why it is not sent. */
    bool refused, skipped;
    enum delivery_error_id error;
    char detail[160];
};

struct defaults {
    struct condition *conditions[64]; /* a provider makes them by hand; more are refused when they are made */
    size_t count;
};

static bool copy(struct arena *a, struct span *s)
{
    if (!s->ptr)
        return true;
    char *p = arena_dup(a, *s);
    if (p)
        *s = (struct span){p, s->len};
    return p;
}

static enum err take_row(void *arg, const struct message *m)
{
    struct check *k = arg;
    k->row = *m;
    k->found = true;
    k->row.error = k->row.detail = k->row.processed = k->row.judged = k->row.service_id = SPAN_LIT("");
    return copy(&k->claim->arena, &k->row.name) && copy(&k->claim->arena, &k->row.target) ? ERR_NONE
                                                                                          : ERR_NOMEM;
}

static enum err take_user(void *arg, const struct user *u)
{
    struct check *k = arg;
    struct arena *a = &k->claim->arena;
    if (k->user.id) /* the first user with the target, where several have it */
        return ERR_NONE;
    struct user copied = *u;
    struct target *targets = arena_alloc(a, sizeof(*targets) * (u->target_count ? u->target_count : 1));
    if (!targets || !copy(a, &copied.name) || !copy(a, &copied.attributes))
        return ERR_NOMEM;
    for (size_t i = 0; i < u->target_count; i++) {
        targets[i] = u->targets[i];
        if (!copy(a, &targets[i].value) || !copy(a, &targets[i].p256dh) || !copy(a, &targets[i].auth) ||
            !copy(a, &targets[i].dropped) || !copy(a, &targets[i].why))
            return ERR_NOMEM;
    }
    copied.targets = targets;
    k->user = copied;
    return ERR_NONE;
}

static void refuse(struct check *k, enum delivery_error_id error, bool skipped, const char *detail)
{
    k->refused = true;
    k->error = error;
    k->skipped = skipped;
    (void)snprintf(k->detail, sizeof(k->detail), "%s", detail);
}

static bool by_target(const struct campaign_job *j)
{
    return j->audience.by_row && j->audience.by != BY_USER_ID;
}

/* Finds the person that the row names. A row by a target names nobody where no user has it. */
static enum err find_user(struct check *k)
{
    const struct campaign_job *j = k->claim->job;
    const struct backend_audience *people = k->b->ops->audience;
    enum err e = ERR_NOT_FOUND;
    if (k->row.user_id)
        e = people->user_get(k->b, j->provider_id, k->row.user_id, take_user, k);
    else if (by_target(j))
        e = people->user_by_target(k->b, j->provider_id, j->medium, k->row.name, take_user, k);
    else
        e = people->user_find(k->b, j->provider_id, k->row.name, take_user, k);
    if (e && e != ERR_NOT_FOUND)
        return e;
    if (!k->user.id && !by_target(j))
        refuse(k, DELIVERY_ERROR_user_not_found, false, "");
    return ERR_NONE;
}

static enum err received(void *arg, const struct user *u, const struct condition_received *r,
                         int64_t since_ms, bool *ret)
{
    struct check *k = arg;
    return k->b->ops->jobs->message_since(k->b, u->id, r->campaign, r->states, since_ms, ret);
}

static enum err check_segments(struct check *k, const struct defaults *d)
{
    const struct campaign_job *j = k->claim->job;
    bool match = true;
    if (!k->user.id)
        return ERR_NONE;
    enum err e = ERR_NONE;
    if (j->audience.kind == AUDIENCE_SEGMENT)
        e = condition_match(j->audience.condition, &k->user, received, k, k->claim->now_ms, &match);
    if (!e && !match)
        refuse(k, DELIVERY_ERROR_segment_left, true, "");
    for (size_t i = 0; !e && match && i < d->count; i++) {
        e = condition_match(d->conditions[i], &k->user, received, k, k->claim->now_ms, &match);
        if (!e && !match)
            refuse(k, DELIVERY_ERROR_default_segment, true, "");
    }
    return e;
}

static const char *target_name(enum medium m)
{
    static const enum by names[MEDIUM_COUNT] = {[MEDIUM_MAIL] = BY_EMAIL,
                                                [MEDIUM_PUSH] = BY_APP,
                                                [MEDIUM_LINE] = BY_LINE,
                                                [MEDIUM_BROWSER] = BY_BROWSER};
    return by_text(names[m]);
}

static void lacks_target(struct check *k)
{
    const struct campaign_job *j = k->claim->job;
    if (j->audience.by_row && j->audience.by == BY_USER_ID) {
        refuse(k, DELIVERY_ERROR_target_id_not_found, false, target_name(j->medium));
        return;
    }
    char missing[64];
    (void)snprintf(missing, sizeof(missing), "%s,subscription", target_name(j->medium));
    refuse(k, DELIVERY_ERROR_no_target, true, missing);
}

/* Further targets of the same person become messages of their own at the end of the job. */
static enum err add_message(struct check *k, const struct target *t)
{
    struct job *job = k->ledger ? &k->ledger->job : NULL;
    if (!job) /* tried, not claimed */
        return ERR_NONE;
    const struct message m = {
        .job_id = job->id,
        .n = job->total + 1,
        .user_id = k->user.id,
        .name = k->row.name,
        .target = t->value,
        .error = SPAN_LIT(""),
        .detail = SPAN_LIT(""),
        .processed = SPAN_LIT(""),
        .judged = SPAN_LIT(""),
        .service_id = SPAN_LIT(""),
    };
    enum err e = k->b->ops->jobs->message_insert(k->b, &m);
    if (!e) {
        job->total++;
        k->claim->added++;
    }
    return e;
}

static void choose(struct check *k, const struct target *t)
{
    k->to->target = t->value;
    k->to->p256dh = t->p256dh;
    k->to->auth = t->auth;
}

/* The one target that the row names; ptr NULL: any of the user's. */
static struct span wanted_target(const struct check *k)
{
    return k->row.target.ptr ? k->row.target : by_target(k->claim->job) ? k->row.name : (struct span){0};
}

/* The user's own target for this message, and a message for each further one. */
static enum err choose_target(struct check *k)
{
    const enum medium medium = k->claim->job->medium;
    const struct span wanted = wanted_target(k);
    bool any = false;
    for (size_t i = 0; i < k->user.target_count; i++) {
        const struct target *t = &k->user.targets[i];
        if (t->medium != medium || (wanted.ptr && !span_eq(t->value, wanted)))
            continue;
        any |= t->dropped.len == 0;
        if (!target_usable(t))
            continue;
        if (!k->to->target.ptr) {
            choose(k, t);
        } else {
            enum err e = add_message(k, t);
            if (e)
                return e;
        }
    }
    if (k->to->target.ptr)
        return ERR_NONE;
    if (!k->user.id && wanted.ptr) /* an address of nobody known: the list's owner vouches for it */
        k->to->target = wanted;
    else if (any)
        refuse(k, DELIVERY_ERROR_no_target, true, "subscription");
    else
        lacks_target(k);
    return ERR_NONE;
}

static enum err check_duplicate(struct check *k)
{
    if (!k->claim->job->dedupe)
        return ERR_NONE;
    uint8_t hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(hash, (const unsigned char *)k->to->target.ptr, k->to->target.len);
    int64_t first = 0;
    enum err e = k->b->ops->jobs->target_take(k->b, k->claim->job->id, hash, k->row.n, &first);
    if (!e && first != k->row.n)
        refuse(k, DELIVERY_ERROR_duplicate_target, true, "");
    return e;
}

/* What concerns the campaign or the job, not the person. */
static enum err check_campaign(struct check *k)
{
    bool enabled = false;
    const struct campaign_job *j = k->claim->job;
    enum err e = k->b->ops->campaigns->campaign_enabled(k->b, j->provider_id, j->campaign_id, &enabled);
    if (e == ERR_NOT_FOUND)
        refuse(k, DELIVERY_ERROR_campaign_not_found, false, "");
    else if (!e && !enabled)
        refuse(k, DELIVERY_ERROR_campaign_not_enabled, false, "");
    else if (!e && !job_is_open(k->ledger->job.state))
        refuse(k, DELIVERY_ERROR_job_completed, false, "");
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* What concerns the person whom the row names. */
static enum err check_person(struct check *k, const struct defaults *d)
{
    enum err e = find_user(k);
    if (!e && !k->refused)
        e = check_segments(k, d);
    if (!e && !k->refused)
        e = choose_target(k);
    if (!e && !k->refused)
        e = check_duplicate(k);
    if (!e && !k->refused && k->claim->job->stop_when && k->user.id)
        e = condition_match(k->claim->job->stop_when, &k->user, received, k, k->claim->now_ms,
                            &k->to->stopped);
    return e;
}

static enum err check(struct check *k, const struct defaults *d)
{
    if (!k->row.user_id && !k->row.name.ptr) {
        char why[64];
        (void)snprintf(why, sizeof(why), "%s is null", by_text(k->claim->job->audience.by));
        refuse(k, DELIVERY_ERROR_invalid_list_row, false, why);
        return ERR_NONE;
    }
    enum err e = check_campaign(k);
    return e || k->refused ? e : check_person(k, d);
}

static void take_person(struct check *k)
{
    struct claimed *to = k->to;
    to->user_id = k->user.id;
    to->name = k->user.id ? k->user.name : k->row.name.ptr ? k->row.name : SPAN_LIT("");
    to->attributes = k->user.id ? k->user.attributes : SPAN_LIT("{}");
    to->tries = k->row.tries;
}

static enum err claim_one(struct check *k, const struct defaults *d)
{
    enum err e = check(k, d);
    if (e)
        return e;
    struct claimed *to = k->to;
    take_person(k);
    if (k->refused) {
        const struct fate_of_message f = {
            .n = to->n,
            .user_id = to->user_id,
            .target = to->target.ptr ? to->target : k->row.target,
            .was = k->row.state,
            .is = k->skipped ? MESSAGE_SKIPPED : MESSAGE_FAILED,
            .failed = true,
            .error = k->error,
            .detail = span_of(k->detail),
            .processed = "no",
            .tries = k->row.tries,
        };
        to->ended = true;
        to->error = k->error;
        to->is = f.is;
        return ledger_put(k->ledger, &f);
    }
    to->go = true;
    if (k->row.state != MESSAGE_RETRYING)
        return ERR_NONE;
    k->row.user_id = to->user_id;
    k->row.target = to->target;
    return ledger_take(k->ledger, &k->row);
}

static enum err take_default(void *arg, const struct segment *s)
{
    struct defaults *d = arg;
    struct condition_fault why;
    if (d->count == sizeof(d->conditions) / sizeof(d->conditions[0]))
        return ERR_NONE;
    enum err e = condition_parse(s->condition, &d->conditions[d->count], &why);
    d->count += !e;
    return e == ERR_INVALID ? ERR_DAMAGED : e; /* it was checked when it was made */
}

/* The job was paused while the batch was on its way here: its messages are tried again when it goes on. */
static enum err read_defaults(struct defaults *d, const struct claim *c, struct backend *b)
{
    return b->ops->audience->segment_list(b, c->job->provider_id, true, 0,
                                          sizeof(d->conditions) / sizeof(d->conditions[0]), take_default, d);
}

static void drop_defaults(struct defaults *d)
{
    for (size_t i = 0; i < d->count; i++)
        condition_free(d->conditions[i]);
}

static enum err put_back(struct check *k)
{
    const struct fate_of_message f = {
        .n = k->row.n,
        .user_id = k->row.user_id,
        .target = k->row.target,
        .was = k->row.state,
        .is = MESSAGE_RETRYING,
        .processed = "no",
        .tries = k->row.tries,
        .due_ms = k->claim->now_ms,
    };
    return k->row.state == MESSAGE_RETRYING ? ERR_NONE : ledger_put(k->ledger, &f);
}

static enum err claim_all(struct claim *c, struct backend *b, struct ledger *l, const struct defaults *d)
{
    enum err e = ERR_NONE;
    for (uint32_t i = 0; !e && i < c->count; i++) {
        struct check k = {.claim = c, .ledger = l, .b = b, .to = &c->messages[i]};
        *k.to = (struct claimed){.n = k.to->n};
        e = b->ops->jobs->message_get(b, l->job.id, k.to->n, take_row, &k);
        if (e == ERR_NOT_FOUND)
            e = ERR_NONE;
        if (!e && k.found && (k.row.state == MESSAGE_WAITING || k.row.state == MESSAGE_RETRYING))
            e = l->job.state == JOB_PAUSED ? put_back(&k) : claim_one(&k, d);
        if (!e && k.found && k.row.state == MESSAGE_WAITING && k.to->n > l->job.claimed)
            l->job.claimed = k.to->n;
    }
    return e;
}

enum err claim_run(struct claim *c, struct backend *b)
{
    struct ledger l;
    struct defaults d = {.count = 0};
    arena_reset(&c->arena);
    c->added = 0;
    c->completed = c->put_back = false;
    enum err e = ledger_open(&l, b, c->job->id, c->now_ms);
    if (e == ERR_NOT_FOUND) { /* deleted with its provider: nothing of it is left */
        for (uint32_t i = 0; i < c->count; i++)
            c->messages[i].go = false;
        c->idle = true;
        return ERR_NONE;
    }
    c->idle = !e && l.job.state != JOB_RUNNING && l.job.state != JOB_PREPARING;
    c->put_back = !e && l.job.state == JOB_PAUSED;
    if (!e)
        e = read_defaults(&d, c, b);
    if (!e)
        e = claim_all(c, b, &l, &d);
    drop_defaults(&d);
    if (!e && c->settled > l.job.settled)
        l.job.settled = c->settled;
    l.job.claimed_ms = c->now_ms;
    if (!e)
        e = ledger_close(&l);
    c->completed = !e && l.job.state == JOB_COMPLETED;
    return e;
}

enum err claim_recall(struct claim *c, struct backend *b, const struct message *m, struct claimed *ret)
{
    struct check k = {.claim = c, .b = b, .to = ret};
    *ret = (struct claimed){.n = m->n};
    enum err e = take_row(&k, m);
    if (!e && (k.row.user_id || k.row.name.ptr))
        e = find_user(&k);
    if (e)
        return e;
    ret->user_id = k.user.id;
    const struct span wanted = wanted_target(&k);
    for (size_t i = 0; !wanted.ptr && !ret->target.ptr && i < k.user.target_count; i++)
        if (k.user.targets[i].medium == c->job->medium && target_usable(&k.user.targets[i]))
            ret->target = k.user.targets[i].value;
    if (wanted.ptr)
        ret->target = wanted;
    return ERR_NONE;
}

enum err claim_try(struct claim *c, struct backend *b, struct span user, struct claim_refusal *ret)
{
    struct defaults d = {.count = 0};
    arena_reset(&c->arena);
    struct check k = {.claim = c, .b = b, .to = &c->messages[0], .row = {.name = user}};
    *k.to = (struct claimed){.n = 0};
    enum err e = read_defaults(&d, c, b);
    if (!e)
        e = check_person(&k, &d);
    drop_defaults(&d);
    if (e)
        return e;
    take_person(&k);
    k.to->go = !k.refused;
    *ret = (struct claim_refusal){.refused = k.refused, .skipped = k.skipped, .error = k.error};
    memcpy(ret->detail, k.detail, sizeof(ret->detail));
    return ERR_NONE;
}
