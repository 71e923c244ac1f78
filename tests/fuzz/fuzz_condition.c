/*
 * A condition, a line feed, and the attributes of a user. Whatever both are, reading them stays within them;
 * a refusal has words; and a condition that is read means something of every user, the opposite within "not".
 */
#include "fuzz.h"
#include "store/condition.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static enum err received(void *arg, const struct user *u, const struct condition_received *r,
                         int64_t since_ms, bool *ret)
{
    (void)arg;
    need(r->campaign.len > 0 && r->states && r->place && since_ms >= 0,
         "a campaign that cannot be asked for");
    *ret = (u->attributes.len + r->campaign.len) % 2;
    return ERR_NONE;
}

static bool match(const struct condition *c, struct span attributes, enum err *e)
{
    static const struct target targets[] = {
        {.medium = MEDIUM_MAIL, .consent = CONSENT_GIVEN},
        {.medium = MEDIUM_PUSH, .consent = CONSENT_WITHDRAWN, .dropped = {"old", 3}},
    };
    const struct user u = {.name = SPAN_LIT("user"),
                           .attributes = attributes,
                           .created_ms = 1795903200000,
                           .updated_ms = 1795903200000,
                           .targets = targets,
                           .target_count = 2};
    bool ret = false;
    *e = condition_match(c, &u, received, NULL, 1795903200000, &ret);
    return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - text) : size;
    struct span attributes = line ? (struct span){line + 1, size - len - 1} : SPAN_LIT("{}");
    struct condition *c = NULL, *no = NULL;
    struct condition_fault why;
    if (condition_parse((struct span){text, len}, &c, &why)) {
        need(why.message[0] && !c, "refused without a word");
        return 0;
    }
    enum err e;
    bool yes = match(c, attributes, &e);
    if (attributes.len <= USER_ATTRIBUTES_MAX && !json_check(attributes, JSON_DEPTH, NULL))
        need(!e, "sound attributes and a condition, and no answer");
    struct buf b;
    buf_init(&b, CONDITION_TEXT_MAX);
    if (!e && !buf_add_str(&b, "{\"not\":") && !buf_add(&b, text, len) && !buf_add_str(&b, "}") &&
        !condition_parse(buf_span(&b), &no, &why)) /* else it is too long or too deep now */
        need(match(no, attributes, &e) != yes, "not the opposite within not");
    buf_deinit(&b);
    condition_free(no);
    condition_free(c);
    return 0;
}
