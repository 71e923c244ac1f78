#include "report/notice_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/origin.h"
#include "fault/fault.h"
#include "model/name.h"
#include "report/html.h"

#define ZONE_MS (9 * 3600000) /* UTC+9, as in the error statistics */
#define VALUE_MAX 4096u

static const struct kind {
    const char *subject; /* before the channel's name; LINE's words (line.md) except for the third */
    const char *lead[2]; /* indexed by enum lang */
} kinds[] = {
    [NOTICE_FAULT] =
        {"Messaging API: Your server did not return [200 OK] - ",
         {"A webhook was sent to the bot server of this channel, which did not return 200 OK.",
          "このチャネルのボットサーバーにWebhookを送信しましたが、200 OKが返されませんでした。"}},
    [NOTICE_STOPPED] =
        {"Messaging API: Webhook redelivery stopped - ",
         {"Redelivery of webhook events of this channel was stopped: they failed too often, or with an error "
          "that another attempt cannot fix. The events are kept for a while and can be redelivered by hand. "
          "Error count is the number of events; reason and detail are those of the first.",
          "このチャネルのWebhookイベントの再送を中止しました。失敗が続いたか、再送しても解決しないエラーのた"
          "めです。イベントは一定期間保存され、手動で再送できます。Error "
          "countはイベントの数、原因と詳細は最初のイベントのものです。"}},
    [NOTICE_SUSPENDED] = {"Messaging API: Webhook sending suspended - ",
                          {"Sending webhooks to this channel is suspended: its bot server has failed for too "
                           "long without a single success. Events are kept, and sent in order once the "
                           "channel is resumed or its webhook URL changes. Time detected is when the bot "
                           "server began to fail; reason and detail are those of the last error.",
                           "このチャネルへのWebhookの送信を停止しました。ボットサーバーのエラーが長時間続き、"
                           "一度も成功しなかったためです。イベントは保存され、送信を再開するか、Webhook "
                           "URLを変更すると、順に送信されます。Time "
                           "detectedはエラーが始まった日時、原因と詳細は最後のエラーのものです。"}},
};

/* The content rows of a notice: their names and meanings. */
enum row {
    ROW_CHANNEL_ID,
    ROW_CHANNEL_NAME,
    ROW_REASON,
    ROW_DETAIL,
    ROW_COUNT,
    ROW_TIME,
    ROW_URL,
    ROW_TOTAL
};
static const struct {
    const char *name, *meaning[2];
} rows[ROW_TOTAL] = {
    [ROW_CHANNEL_ID] = {"Channel ID", {"Target channel ID.", "対象のチャネルID。"}},
    [ROW_CHANNEL_NAME] = {"Channel name", {"Target channel name.", "対象のチャネル名。"}},
    [ROW_REASON] = {"Reason for error", {"Overview of reason for error.", "エラー発生原因の概要。"}},
    [ROW_DETAIL] = {"Detail for error", {"Details on reason for error.", "エラー発生原因の詳細。"}},
    [ROW_COUNT] = {"Error count", {"Number of times error occurred.", "エラーの発生回数。"}},
    [ROW_TIME] = {"Time detected", {"Time when error occurred.", "エラーの発生日時。"}},
    [ROW_URL] = {"URL",
                 {"Link to Errors under the Statistics tab of the channel.",
                  "チャネルの[統計情報]タブ内の[エラー]へのリンク。"}},
};

static const char *const words_meaning[] = {"What it means", "エラーの意味"};
static const char *const words_advice[] = {"What to do", "対処方法"};
static enum lang lang_of(const struct notice_facts *f)
{
    return strcmp(f->channel->language, "ja") == 0 ? LANG_JA : LANG_EN;
}

void notice_text_time(int64_t ms, char out[static NOTICE_TIME_LEN])
{
    time_t s = (time_t)((ms + ZONE_MS) / 1000);
    struct tm tm;
    out[0] = '\0';
    if (gmtime_r(&s, &tm))
        (void)strftime(out, NOTICE_TIME_LEN, "%Y/%m/%d %H:%M:%S (UTC+9)", &tm);
}

static enum err add_value(const struct notice_facts *f, enum row row, struct buf *out)
{
    char time[NOTICE_TIME_LEN];
    switch (row) {
    case ROW_CHANNEL_ID:
        return buf_printf(out, "%lld", (long long)f->channel->id);
    case ROW_CHANNEL_NAME:
        return name_show(span_of(f->channel->name), out);
    case ROW_REASON:
        return name_show(f->notice->reason, out);
    case ROW_DETAIL:
        return name_show(f->notice->detail, out);
    case ROW_COUNT:
        return buf_printf(out, "%lld", (long long)f->notice->errors);
    case ROW_TIME:
        notice_text_time(f->notice->first_ms, time);
        return buf_add_str(out, time);
    case ROW_URL:
        return buf_printf(out, "%s/channels/%lld/statistics/errors", f->rules->public_url,
                          (long long)f->channel->id);
    case ROW_TOTAL:
        break;
    }
    return err_origin(ERR_INTERNAL);
}

/* Adds the catalogue's explanation; false: the catalogue lacks this detail. */
static bool explain(const struct notice *n, enum lang lang, const char **ret_meaning, const char **ret_advice)
{
    enum reason reason;
    if (reason_find(n->reason, &reason) || reason == REASON_OK)
        return false;
    if (reason == REASON_ERROR_STATUS_CODE) {
        char digits[8];
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)(n->detail.len < 7 ? n->detail.len : 7),
                       n->detail.ptr);
        const struct cause *c = cause_of(cause_by_status((int)strtol(digits, NULL, 10)));
        *ret_meaning = reason_of(reason)->explanation[lang];
        *ret_advice = c->advice[lang][0] ? c->advice[lang] : fault_of(FAULT_status)->advice[lang];
        return true;
    }
    for (int i = 0; i < FAULT_COUNT; i++) {
        const struct fault *fault = fault_of((enum fault_id)i);
        if (fault->reason != reason || !span_eq(span_of(fault->detail), n->detail))
            continue;
        *ret_meaning = fault->text[lang];
        *ret_advice = fault->advice[lang];
        return true;
    }
    return false;
}

enum err notice_text_subject(const struct notice_facts *f, struct buf *out)
{
    enum err e = buf_add_str(out, kinds[f->notice->kind].subject);
    return e ? e : name_show(span_of(f->channel->name), out);
}

/* The words before and after the number of the reached cap, by enum lang. */
static const struct limit {
    const char *before[2], *after[2];
} limits[QUOTA_KINDS] = {
    [QUOTA_CHANNEL] = {{"This is the last error notification about this channel today (UTC+9): the limit of ",
                        "このチャネルについての本日（UTC+9）のエラー通知はこれが最後です。1日の上限（"},
                       {" a day is reached.", "通）に達しました。"}},
    [QUOTA_PROVIDER] =
        {{"This is the last mail about the channels of this provider today (UTC+9): the limit of ",
          "このプロバイダーのチャネルについての本日（UTC+9）のメールはこれが最後です。1日の上限（"},
         {" mails a day is reached.", "通）に達しました。"}},
    [QUOTA_ACCOUNT] = {{"This is the last mail about the channels of this provider, and of the others made "
                        "by the same account, today (UTC+9): their limit of ",
                        "このプロバイダーと、同じアカウントが作成したほかのプロバイダーについての本日（UTC+"
                        "9）のメールはこれが最後です。1日の上限（"},
                       {" mails a day is reached.", "通）に達しました。"}},
};
static const char *const further[] = {" See the page above for further errors.",
                                      "以降のエラーは上記のページで確認してください。"};

static enum err add_last(const struct notice_facts *f, enum lang lang, struct buf *out)
{
    const uint32_t caps[QUOTA_KINDS] = {f->rules->channel_cap, f->rules->provider_cap, f->rules->account_cap};
    enum err e = ERR_NONE;
    const char *between = "";
    for (enum quota_kind k = QUOTA_CHANNEL; !e && k < QUOTA_KINDS; k++) {
        if (!(f->last & 1u << k))
            continue;
        e = buf_printf(out, "%s%s%u%s", between, limits[k].before[lang], caps[k], limits[k].after[lang]);
        between = lang == LANG_JA ? "" : " ";
    }
    return e ? e : buf_add_str(out, further[lang]);
}

/* Adds why the reader gets this mail, and that nobody reads replies. */
static enum err add_foot(const struct notice_facts *f, enum lang lang, struct buf *out)
{
    enum err e = buf_add_str(
        out,
        lang == LANG_JA
            ? "このメールは、チャネルのAdminの登録メールアドレスと、チャネルの連絡先メールアドレスに自動送信"
              "しています。"
            : "This mail was sent automatically to the contact address of the channel and to its Admins.");
    if (e || f->notice->kind == NOTICE_SUSPENDED)
        return e;
    if (lang == LANG_JA)
        return buf_printf(out, "%u秒以内に発生した、原因と詳細が同じエラーは1通にまとめられます。",
                          f->rules->window_ms / 1000);
    return buf_printf(out,
                      " Errors with the same reason and detail within %u seconds are combined into one mail.",
                      f->rules->window_ms / 1000);
}

enum err notice_text_plain(const struct notice_facts *f, struct buf *out)
{
    enum lang lang = lang_of(f);
    const char *meaning, *advice;
    enum err e = buf_printf(out, "%s\n\n", kinds[f->notice->kind].lead[lang]);
    for (int i = 0; !e && i < ROW_TOTAL; i++) {
        e = buf_printf(out, "%s: ", rows[i].name);
        if (!e)
            e = add_value(f, (enum row)i, out);
        if (!e)
            e = buf_add_str(out, "\n");
    }
    if (!e && explain(f->notice, lang, &meaning, &advice))
        e = buf_printf(out, "\n%s: %s\n%s: %s\n", words_meaning[lang], meaning, words_advice[lang], advice);
    if (!e && f->last) {
        e = buf_add_str(out, "\n");
        if (!e)
            e = add_last(f, lang, out);
        if (!e)
            e = buf_add_str(out, "\n");
    }
    if (!e)
        e = buf_add_str(out, "\n-- \n");
    if (!e)
        e = add_foot(f, lang, out);
    return e ? e : buf_add_str(out, "\n");
}

#define CELL "style=\"padding:4px 12px 4px 0;vertical-align:top;text-align:left\""

static enum err add_row(const struct notice_facts *f, enum row row, enum lang lang, struct buf *out)
{
    struct buf value;
    buf_init(&value, VALUE_MAX);
    enum err e = add_value(f, row, &value);
    if (!e)
        e = buf_printf(out, "<tr><th scope=\"row\" " CELL " title=\"%s\">%s</th><td " CELL ">",
                       rows[row].meaning[lang], rows[row].name);
    bool link = row == ROW_URL && f->rules->public_url[0];
    if (!e && link) {
        e = buf_add_str(out, "<a href=\"");
        if (!e)
            e = html_add(buf_span(&value), out);
        if (!e)
            e = buf_add_str(out, "\">");
    }
    if (!e)
        e = html_add(buf_span(&value), out);
    if (!e)
        e = buf_printf(out, "%s</td></tr>\n", link ? "</a>" : "");
    buf_deinit(&value);
    return e;
}

static enum err add_paragraph(const char *title, const char *text, struct buf *out)
{
    enum err e = buf_printf(out, "<p><strong>%s</strong><br>", title);
    if (!e)
        e = html_add(span_of(text), out);
    return e ? e : buf_add_str(out, "</p>\n");
}

enum err notice_text_html(const struct notice_facts *f, struct buf *out)
{
    enum lang lang = lang_of(f);
    const char *meaning, *advice;
    enum err e = buf_printf(out,
                            "<!DOCTYPE html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\"></head>\n"
                            "<body style=\"font-family:sans-serif;line-height:1.5\">\n<p>%s</p>\n<table>\n",
                            lang == LANG_JA ? "ja" : "en", kinds[f->notice->kind].lead[lang]);
    for (int i = 0; !e && i < ROW_TOTAL; i++)
        e = add_row(f, (enum row)i, lang, out);
    if (!e)
        e = buf_add_str(out, "</table>\n");
    if (!e && explain(f->notice, lang, &meaning, &advice)) {
        e = add_paragraph(words_meaning[lang], meaning, out);
        if (!e)
            e = add_paragraph(words_advice[lang], advice, out);
    }
    if (!e && f->last) {
        e = buf_add_str(out, "<p>");
        if (!e)
            e = add_last(f, lang, out);
        if (!e)
            e = buf_add_str(out, "</p>\n");
    }
    if (!e)
        e = buf_add_str(out, "<p style=\"color:#666;font-size:smaller\">");
    if (!e)
        e = add_foot(f, lang, out);
    return e ? e : buf_add_str(out, "</p>\n</body>\n</html>\n");
}
