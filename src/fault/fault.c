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
        #id_,           REASON_##reason_, detail_,          BLAME_##blame_,         VERDICT_##processed_,    \
        RETRY_##retry_, {en, ja},         {old_en, old_ja}, {advice_en, advice_ja},                          \
    },
#include "fault/fault.def"
#undef FAULT
};

#define NONE CODE_NONE, 0
#define RST_STREAM(code) CODE_RST_STREAM, code
#define ALERT(code) CODE_ALERT, code
static const struct cause causes[CAUSE_COUNT] = {
#define CAUSE(id_, fault_, blame_, processed_, retry_, code_, source_, en, ja, advice_en, advice_ja)         \
    [CAUSE_##id_] = {#id_,  FAULT_##fault_, BLAME_##blame_, VERDICT_##processed_,  RETRY_##retry_,           \
                     code_, source_,        {en, ja},       {advice_en, advice_ja}},
#include "fault/cause.def"
#undef CAUSE
};
#undef NONE
#undef RST_STREAM
#undef ALERT

/* An identifier for programs, and a phrase per language for people. */
struct word {
    const char *text;
    const char *words[2];
};

static const struct word processed_table[] = {
    [PROCESSED_NO] = {"no",
                      {"no: the bot server provably never handled it",
                       "なし（ボットサーバーで処理されていないことが確実です）"}},
    [PROCESSED_UNKNOWN] = {"unknown",
                           {"unknown: the bot server may have handled it",
                            "あり（ボットサーバーで処理されたかどうかを確認できません）"}},
    [PROCESSED_YES] = {"yes",
                       {"yes: the bot server answered it", "処理済み（ボットサーバーが応答しました）"}},
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
    return retry_table[r == RETRY_NEVER ? RETRY_NEVER : RETRY_LATER].words[lang];
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

enum cause_id cause_by_code(enum code_kind kind, unsigned code, enum cause_id other)
{
    for (enum cause_id i = 0; i < CAUSE_COUNT; i++)
        if (causes[i].code_kind == kind && causes[i].code == code)
            return i;
    return other;
}

enum processed processed_by_status(int status)
{
    return status == 429 || (status >= 502 && status <= 504) ? PROCESSED_UNKNOWN : PROCESSED_YES;
}

/* The first three are the words of enum processed. */
static const struct {
    enum processed processed;
    const char *words[2];
} verdict_table[] = {
    [VERDICT_NO] = {PROCESSED_NO, {NULL, NULL}},
    [VERDICT_UNKNOWN] = {PROCESSED_UNKNOWN, {NULL, NULL}},
    [VERDICT_YES] = {PROCESSED_YES, {NULL, NULL}},
    [VERDICT_BY_STATUS] =
        {PROCESSED_UNKNOWN,
         {"unknown for 429, 502, 503 and 504, else yes: with these a limiter or a proxy may have answered "
          "without the bot server, or after it had begun",
          "429、502、503、504は「あり」、それ以外は「処理済み」"
          "（これらは、流量制限やプロキシがボットサーバーに代わって応答した可能性があります）"}},
    [VERDICT_BY_4XX] =
        {PROCESSED_UNKNOWN,
         {"unknown for 429, else yes: with 429 a limiter may have answered without the bot server",
          "429は「あり」、それ以外は「処理済み」"
          "（429は、流量制限がボットサーバーに代わって応答した可能性があります）"}},
    [VERDICT_BY_5XX] =
        {PROCESSED_UNKNOWN,
         {"unknown for 502, 503 and 504, else yes: with these a proxy may have answered without the bot "
          "server, or after it had begun",
          "502、503、504は「あり」、それ以外は「処理済み」"
          "（これらは、プロキシがボットサーバーに代わって応答した可能性があります）"}},
};

static const char *verdict_words(enum verdict v, enum lang lang)
{
    const char *words = verdict_table[v].words[lang];
    return words ? words : processed_words(verdict_table[v].processed, lang);
}

enum processed cause_processed(enum cause_id id)
{
    return verdict_table[cause_of(id)->verdict].processed;
}

enum processed fault_processed(enum fault_id id)
{
    return verdict_table[fault_of(id)->verdict].processed;
}

const char *fault_processed_words(enum fault_id id, enum lang lang)
{
    return verdict_words(fault_of(id)->verdict, lang);
}

const char *cause_processed_words(enum cause_id id, enum lang lang)
{
    return verdict_words(cause_of(id)->verdict, lang);
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
