#include "fault/delivery_error.h"

#include <assert.h>

static const struct delivery_scope_info scopes[] = {
#define DELIVERY_SCOPE(name, key, title_en, title_ja, remark_en, remark_ja)                                  \
    [DELIVERY_##name] = {key, {title_en, title_ja}, {remark_en, remark_ja}},
#include "fault/delivery_error.def"
};

/* What the rows of an entry share, under names that begin with the entry's id. */
#define DELIVERY_ENTRY(name, table, type, type_en, what_en, what_ja, why_en, why_ja)                         \
    enum { name##_scope = DELIVERY_##table };                                                                \
    static const char name##_kind[] = type, name##_kind_en[] = type_en;                                      \
    static const char name##_legend_en[] = what_en, name##_legend_ja[] = what_ja;                            \
    static const char name##_cause_en[] = why_en, name##_cause_ja[] = why_ja;
#include "fault/delivery_error.def"

static const struct delivery_error rows[] = {
#define DELIVERY_ERROR(name, row, words, again, does, does_by_list, concerns, do_en, do_ja)                  \
    [DELIVERY_ERROR_##name] = {                                                                              \
        .id = #name,                                                                                         \
        .scope = (enum delivery_scope)row##_scope,                                                           \
        .entry = DELIVERY_ENTRY_##row,                                                                       \
        .entry_id = #row,                                                                                    \
        .text = words,                                                                                       \
        .kind = row##_kind,                                                                                  \
        .kind_en = row##_kind_en,                                                                            \
        .legend = {row##_legend_en, row##_legend_ja},                                                        \
        .cause = {row##_cause_en, row##_cause_ja},                                                           \
        .retry = RECEIPT_RETRY_##again,                                                                      \
        .effect = RECEIPT_##does,                                                                            \
        .seed_effect = RECEIPT_##does_by_list,                                                               \
        .whom = RECEIPT_##concerns,                                                                          \
        .advice = {do_en, do_ja},                                                                            \
    },
#include "fault/delivery_error.def"
};

/* An identifier for programs, and a phrase per language for people. */
struct word {
    const char *text;
    const char *words[2];
};

static const struct word retry_table[] = {
    [RECEIPT_RETRY_YES] = {"yes", {"yes: it was provably not sent", "可（送信されていないことが確実です）"}},
    [RECEIPT_RETRY_LATER] = {"later",
                             {"yes, later: once the fault has passed", "時間を置けば可（一時的な原因です）"}},
    [RECEIPT_RETRY_NO] = {"no",
                          {"no: it would fail again until the cause is mended",
                           "不可（原因を取り除くまで同じ結果になります）"}},
    [RECEIPT_RETRY_SENT_UNKNOWN] = {"unknown-sent",
                                    {"by hand only: it may have been sent already",
                                     "手動でのみ可（すでに送信された可能性があります）"}},
};

static const struct word effect_table[] = {
    [RECEIPT_NO_EFFECT] = {"none", {"nothing", "なし"}},
    [RECEIPT_UNSUBSCRIBE] = {"unsubscribe",
                             {"the target's consent is withdrawn (`subscription: false`)",
                              "ターゲットの送信許諾を取り消します（`subscription: false`）"}},
    [RECEIPT_DROP_TOKEN] = {"drop_token",
                            {"the token or subscription is not used again until a new one is registered",
                             "新しいものが登録されるまで、トークンまたは購読を使用しません"}},
    [RECEIPT_PAUSE_JOB] = {"pause_job",
                           {"the job pauses until somebody resumes it",
                            "再開の操作があるまで、ジョブを一時停止します"}},
};

static const struct word whom_table[] = {
    [RECEIPT_RECIPIENT] = {"recipient",
                           {"the recipient: the address, the consent or the user's data",
                            "受信者（宛先、送信許諾、ユーザー情報）"}},
    [RECEIPT_MESSAGE] = {"message",
                         {"the message: the campaign, its content, or the audience",
                          "配信内容（接客、メッセージの内容、送信リスト）"}},
    [RECEIPT_ACCOUNT] = {"account",
                         {"the sender: credentials, settings, plan or reputation of the account",
                          "送信者（認証設定、契約プラン、送信元の評価）"}},
    [RECEIPT_PROVIDER] = {"provider",
                          {"the systems that deliver: the service, the recipient's server or this node",
                           "配信するシステム（送信サービス、送信先サーバー、このノード）"}},
};

const struct delivery_error *delivery_error_of(enum delivery_error_id id)
{
    assert(id < DELIVERY_ERROR_COUNT);
    return &rows[id];
}

const struct delivery_scope_info *delivery_scope_of(enum delivery_scope s)
{
    assert(s < DELIVERY_SCOPE_COUNT);
    return &scopes[s];
}

enum err delivery_error_find(struct span id, enum delivery_error_id *ret)
{
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++)
        if (span_eq(id, span_of(rows[i].id))) {
            *ret = i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}

const char *receipt_retry_text(enum receipt_retry r)
{
    return retry_table[r].text;
}

const char *receipt_effect_text(enum receipt_effect e)
{
    return effect_table[e].text;
}

const char *receipt_whom_text(enum receipt_whom w)
{
    return whom_table[w].text;
}

const char *receipt_retry_words(enum receipt_retry r, enum lang lang)
{
    return retry_table[r].words[lang];
}

const char *receipt_effect_words(enum receipt_effect e, enum lang lang)
{
    return effect_table[e].words[lang];
}

const char *receipt_whom_words(enum receipt_whom w, enum lang lang)
{
    return whom_table[w].words[lang];
}
