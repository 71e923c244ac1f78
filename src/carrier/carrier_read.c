/* What answers say: of each parcel of a request, of an access token, of a sender that is being verified. */
#include <stdio.h>

#include "base/mem.h"
#include "carrier/carrier_core.h"

static struct answer know(const struct carrier *c, const struct answer *a)
{
    struct answer known = *a;
    known.medium = c->service->medium;
    known.service = c->service->id;
    known.stage = STAGE_REQUEST;
    return known;
}

static bool is_success(const struct answer *a)
{
    return a->status >= 200 && a->status <= 299;
}

/* It was not taken, because of others; nothing is wrong with it or with the account. */
static void spare(struct carrier_result *r, bool alone)
{
    r->spared = true;
    r->alone = alone;
    r->receipt.class = RECEIPT_UNCLASSIFIED;
    r->receipt.retry = RECEIPT_RETRY_YES;
    r->receipt.effect = r->receipt.seed_effect = RECEIPT_NO_EFFECT;
    r->receipt.scope = RECEIPT_MESSAGE;
    r->receipt.retry_after_s = 0;
}

/* Whether the service read the request and refused it for what it says: it took nothing of it. */
static bool is_refusal(const struct answer *a, const struct receipt *r)
{
    return a->status == 400 && r->failed && r->scope != RECEIPT_ACCOUNT && r->scope != RECEIPT_PROVIDER;
}

/* The receipt of one who is blamed: what the answer says of others does not become its text. */
static void blame_one(const struct carrier *c, const struct answer *a, struct span part, struct receipt *ret)
{
    char text[2048];
    if (!c->service->part_head)
        return;
    int n = snprintf(text, sizeof(text), "%s%.*s%s", c->service->part_head, (int)part.len, part.ptr,
                     c->service->part_tail);
    if (n < 0 || (size_t)n >= sizeof(text))
        return;
    struct answer one = *a;
    one.body = (struct span){text, (size_t)n};
    receipt_of(&one, ret);
}

static void tell_apart(const struct carrier *c, const struct answer *a, size_t count,
                       struct carrier_result *results)
{
    bool recipient = results[0].receipt.scope == RECEIPT_RECIPIENT ||
                     results[0].receipt.error == DELIVERY_ERROR_client_address;
    struct span *blamed = mem_zero(count, sizeof(*blamed));
    /* Without memory nobody can be told apart: each is tried alone, which loses nobody. */
    size_t found = blamed ? c->service->blame(a, count, blamed, &recipient) : 0;
    for (size_t i = 0; i < count && (found > 0 || recipient || !blamed); i++) {
        if (found > 0 && blamed[i].ptr)
            blame_one(c, a, blamed[i], &results[i].receipt);
        else
            spare(&results[i], found == 0);
    }
    mem_free(blamed);
}

void carrier_read(const struct carrier *c, const struct answer *a, const struct parcel *parcels, size_t count,
                  struct carrier_result *results)
{
    (void)parcels;
    if (count == 0)
        return;
    struct answer known = know(c, a);
    results[0] = (struct carrier_result){.spared = false};
    receipt_of(&known, &results[0].receipt);
    if (!results[0].receipt.failed && c->service->identify)
        c->service->identify(&known, results[0].service_id);
    for (size_t i = 1; i < count; i++)
        results[i] = results[0];
    if (count > 1 && c->service->blame && is_refusal(&known, &results[0].receipt))
        tell_apart(c, &known, count, results);
}

/* The service answered, but what makes the sender useless is in the words. */
static void refuse(struct receipt *ret, enum delivery_error_id error, enum receipt_class class,
                   enum receipt_retry retry, const char *words)
{
    *ret = (struct receipt){.failed = true, .error = error, .class = class, .retry = retry};
    ret->scope = class == RECEIPT_SENDER_SIDE ? RECEIPT_ACCOUNT : RECEIPT_PROVIDER;
    ret->effect = class == RECEIPT_SENDER_SIDE ? RECEIPT_PAUSE_JOB : RECEIPT_NO_EFFECT;
    carrier_copy(ret->text, sizeof(ret->text), span_of(words));
    ret->text_len = strlen(ret->text);
}

enum err carrier_grant_read(struct carrier *c, const struct answer *a, int64_t wall_ms, struct receipt *ret)
{
    if (is_success(a) && c->service->grant_take && c->service->grant_take(c, a, wall_ms))
        return ERR_NONE;
    struct answer known = know(c, a);
    receipt_of(&known, ret);
    if (!ret->failed) {
        char words[120];
        (void)snprintf(words, sizeof(words),
                       "[v1 API] Failed to send notification data. FCM response: [%d] no access token in it",
                       a->status);
        refuse(ret, DELIVERY_ERROR_push_request, RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_LATER, words);
    }
    return ERR_DENIED;
}

/* A key that may send need not be allowed to read the quota. */
static bool is_optional(const char *question)
{
    return strcmp(question, "quota") == 0 || strcmp(question, "consumption") == 0;
}

void carrier_told(struct carrier *c, const char *question, const struct answer *a,
                  struct carrier_facts *facts, struct receipt *ret)
{
    struct answer known = know(c, a);
    unsigned step = 0;
    while (c->service->questions[step] && strcmp(c->service->questions[step], question) != 0)
        step++;
    *ret = (struct receipt){.class = RECEIPT_ACCEPTED, .retry = RECEIPT_RETRY_NO, .scope = RECEIPT_ACCOUNT};
    if (!is_success(a) || !c->service->questions[step]) {
        receipt_of(&known, ret);
        if (is_optional(question))
            ret->failed = false;
        else if (!ret->failed)
            refuse(ret, DELIVERY_ERROR_unclassified, RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_LATER,
                   "the service gave no answer that verifies the sender");
        return;
    }
    char words[256] = "";
    if (!c->service->told(c, step, &known, facts, words, sizeof(words)))
        refuse(ret, DELIVERY_ERROR_client_response, RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, words);
}
