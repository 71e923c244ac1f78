#include "fault/fault.h"

#include <assert.h>
#include <string.h>

static const struct reason_info reasons[REASON_COUNT] = {
#define REASON(id_, text_, en, ja, seed_en, seed_ja, old_en, old_ja, differs_en, differs_ja)                 \
    [REASON_##id_] = {text_, {en, ja}, {seed_en, seed_ja}, {old_en, old_ja}, {differs_en, differs_ja}},
#include "fault/reason.def"
#undef REASON
};

static const struct fault faults[FAULT_COUNT] = {
#define FAULT(id_, reason_, detail_, blame_, processed_, retry_, en, ja, old_en, old_ja, advice_en,          \
              advice_ja)                                                                                     \
    [FAULT_##id_] = {                                                                                        \
        #id_,           REASON_##reason_, detail_,          BLAME_##blame_,         PROCESSED_##processed_,  \
        RETRY_##retry_, {en, ja},         {old_en, old_ja}, {advice_en, advice_ja},                          \
    },
#include "fault/fault.def"
#undef FAULT
};

static const struct cause causes[CAUSE_COUNT] = {
#define CAUSE(id_, fault_, source_, en, ja, advice_en, advice_ja)                                            \
    [CAUSE_##id_] = {#id_, FAULT_##fault_, source_, {en, ja}, {advice_en, advice_ja}},
#include "fault/cause.def"
#undef CAUSE
};

/* One word for programs, a phrase a language for people. */
struct word {
    const char *text;
    const char *words[2];
};

static const struct word processed_table[] = {
    [PROCESSED_NO] = {"no",
                      {"no: the bot server provably never handled it",
                       "いいえ（ボットサーバーで処理されていないことが確実です）"}},
    [PROCESSED_UNKNOWN] = {"unknown",
                           {"unknown: the bot server may have handled it",
                            "不明（ボットサーバーで処理された可能性があります）"}},
    [PROCESSED_YES] = {"yes", {"yes: the bot server answered it", "はい（ボットサーバーが応答しました）"}},
};

static const struct word blame_table[] = {
    [BLAME_NOBODY] = {"nobody", {"nobody", "なし"}},
    [BLAME_CHANNEL] = {"channel",
                       {"the channel's settings, or the DNS records of its domain",
                        "チャネルの設定、またはドメインのDNSレコード"}},
    [BLAME_SERVER] = {"server",
                      {"the bot server, or a proxy in front of it",
                       "ボットサーバー、またはその前段のプロキシ"}},
    [BLAME_NETWORK] = {"network",
                       {"the network or the name servers on the way to the bot server",
                        "ボットサーバーまでの経路のネットワーク、またはネームサーバー"}},
    [BLAME_LOCAL] = {"local",
                     {"this node; the bot server is not to blame",
                      "このノード（ボットサーバーに問題はありません）"}},
};

static const struct word retry_table[] = {
    [RETRY_NEVER] = {"never", {"no", "いいえ"}},
    [RETRY_LATER] = {"later",
                     {"yes, while webhook redelivery is on for the channel",
                      "はい（チャネルで［Webhookの再送］がオンの場合）"}},
};

const struct reason_info *reason_of(enum reason r)
{
    assert(r < REASON_COUNT);
    return &reasons[r];
}

const struct fault *fault_of(enum fault_id id)
{
    assert(id < FAULT_COUNT);
    return &faults[id];
}

const struct cause *cause_of(enum cause_id id)
{
    assert(id < CAUSE_COUNT);
    return &causes[id];
}

const char *reason_text(enum reason r)
{
    return reason_of(r)->text;
}

const char *processed_text(enum processed p)
{
    return processed_table[p].text;
}

const char *blame_text(enum blame b)
{
    return blame_table[b].text;
}

const char *processed_words(enum processed p, enum lang lang)
{
    return processed_table[p].words[lang];
}

const char *blame_words(enum blame b, enum lang lang)
{
    return blame_table[b].words[lang];
}

const char *retry_words(enum retry r, enum lang lang)
{
    return retry_table[r].words[lang];
}

enum err cause_find(struct span id, enum cause_id *ret)
{
    for (enum cause_id i = 0; i < CAUSE_COUNT; i++)
        if (span_eq(id, span_of(causes[i].id))) {
            *ret = i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}

enum err reason_find(struct span text, enum reason *ret)
{
    for (enum reason i = 0; i < REASON_COUNT; i++)
        if (span_eq(text, span_of(reasons[i].text))) {
            *ret = i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}

bool cause_is_local(enum cause_id id)
{
    return strncmp(cause_of(id)->id, "local_", 6) == 0;
}

enum blame cause_blame(enum cause_id id)
{
    if (cause_is_local(id) || id == CAUSE_dns_unreachable) /* our resolver, not the domain's name servers */
        return BLAME_LOCAL;
    if (id == CAUSE_ssrf_blocked) /* the URL or its DNS records lead where nobody may go */
        return BLAME_CHANNEL;
    if (id == CAUSE_tcp_host_unreachable || id == CAUSE_tcp_net_unreachable || id == CAUSE_tcp_prohibited ||
        id == CAUSE_tcp_invalid) /* a route said so, not the server */
        return BLAME_NETWORK;
    return fault_of(cause_of(id)->fault)->blame;
}

enum processed processed_by_status(int status)
{
    return status == 429 || (status >= 502 && status <= 504) ? PROCESSED_UNKNOWN : PROCESSED_YES;
}

/* The faults of ours named here strike before a connection is open; the others may strike once the request is
 * on its way. */
enum processed cause_processed(enum cause_id id)
{
    if (id == CAUSE_local_files || id == CAUSE_local_buffers || id == CAUSE_local_addresses ||
        id == CAUSE_local_pool_full || id == CAUSE_h2_rst_refused)
        return PROCESSED_NO;
    /* The family of a status in which each says the same. */
    if (cause_of(id)->fault == FAULT_status && id != CAUSE_status_client_error &&
        id != CAUSE_status_server_error)
        return PROCESSED_YES;
    return fault_of(cause_of(id)->fault)->processed;
}

/* Where the status decides (processed_by_status()). */
static const char *const by_any_status[2] = {
    "unknown for 429, 502, 503 and 504, else yes: with these a limiter or a proxy may have answered without "
    "the bot "
    "server, or after it had begun",
    "429、502、503、504は不明、それ以外は「はい」（これらは、流量制限やプロキシがボットサーバーに代わって応答"
    "した可能性があります）"};
static const char *const by_client_error[2] = {
    "unknown for 429, else yes: with 429 a limiter may have answered without the bot server",
    "429は不明、それ以外は「はい」（429は、流量制限がボットサーバーに代わって応答した可能性があります）"};
static const char *const by_server_error[2] = {"unknown for 502, 503 and 504, else yes: with these a proxy "
                                               "may have answered without the bot server, or after it "
                                               "had begun",
                                               "502、503、504は不明、それ以外は「はい」（これらは、プロキシが"
                                               "ボットサーバーに代わって応答した可能性があります）"};

const char *fault_processed_words(enum fault_id id, enum lang lang)
{
    return id == FAULT_status ? by_any_status[lang] : processed_words(fault_of(id)->processed, lang);
}

const char *cause_processed_words(enum cause_id id, enum lang lang)
{
    if (id == CAUSE_status_client_error)
        return by_client_error[lang];
    if (id == CAUSE_status_server_error)
        return by_server_error[lang];
    if (id == CAUSE_response_body_stalled) /* there is no body without a final status */
        return by_any_status[lang];
    return processed_words(cause_processed(id), lang);
}

enum cause_id cause_by_status(int status)
{
    switch (status / 100) {
    case 1:
        return CAUSE_status_informational;
    case 2:
        return CAUSE_ok;
    case 3:
        return CAUSE_status_redirect;
    case 4:
        return CAUSE_status_client_error;
    case 5:
        return CAUSE_status_server_error;
    default:
        return CAUSE_status_unknown;
    }
}
