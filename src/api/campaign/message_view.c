#include "api/campaign/message_view.h"

#include "api/campaign/judged.h"
#include "base/json_scan.h"
#include "base/time.h"
#include "campaign/ledger.h"

struct message_job message_job_of(const struct job *j)
{
    struct json_field by = {.key = "by"};
    struct message_job ret = {.id = j->id,
                              .provider_id = j->provider_id,
                              .campaign_id = j->campaign_id,
                              .campaign_name = j->campaign_name,
                              .short_id = j->short_id,
                              .open = job_is_open(j->state),
                              .claimed = j->claimed};
    if (!json_check(j->audience, JSON_DEPTH, NULL) && !json_pick(json_root(j->audience), &by, 1))
        ret.by_target = by.value.kind == JSON_KIND_STRING && !json_string_is(by.value, by_text(BY_USER_ID));
    return ret;
}

static enum err take_user(void *arg, const struct user *u)
{
    struct message_view *v = arg;
    const size_t len = u->name.len < sizeof(v->name) ? u->name.len : sizeof(v->name);
    memcpy(v->name, u->name.ptr, len);
    v->user = (struct span){v->name, len};
    return ERR_NONE;
}

static struct span or_empty(struct span s)
{
    return s.ptr ? s : SPAN_LIT("");
}

enum err message_view_read(struct message_view *v, struct backend *b, const struct message_job *job,
                           const struct message *m)
{
    v->m = *m;
    v->job = job;
    if (m->state == MESSAGE_WAITING && job->open && m->n <= job->claimed)
        v->m.state = MESSAGE_SENDING;
    v->user = SPAN_LIT("");
    v->target = or_empty(m->target);
    if (m->user_id) {
        enum err e = b->ops->audience->user_get(b, job->provider_id, m->user_id, take_user, v);
        if (e && e != ERR_NOT_FOUND)
            return e;
    } else if (job->by_target) {
        v->target = m->target.ptr ? m->target : or_empty(m->name);
    } else {
        v->user = or_empty(m->name); /* of nobody here: the list's owner wants to know whom it named */
    }
    const struct message_names names = {
        .user = v->user, .provider_id = job->provider_id, .short_id = job->short_id};
    v->failed = m->error.len && !delivery_error_find(m->error, &v->error);
    v->text = v->failed ? message_text(v->error, m->detail, &names, v->text_room) : SPAN_LIT("");
    return ERR_NONE;
}

static void write_text(struct json_write *w, const char *key, struct span text)
{
    json_write_key(w, key);
    if (text.len)
        json_write_span(w, text);
    else
        json_write_null(w);
}

static void write_time(struct json_write *w, const char *key, int64_t ms)
{
    json_write_key(w, key);
    if (ms)
        call_write_time(w, ms);
    else
        json_write_null(w);
}

static void write_job(const struct message_view *v, struct json_write *w)
{
    json_write_key(w, "jobId");
    call_write_id(w, v->job->id);
    json_write_key(w, "campaignId");
    call_write_id(w, v->job->campaign_id);
    json_write_key(w, "campaign");
    json_write_span(w, v->job->campaign_name);
}

void message_view_json(const struct message_view *v, struct json_write *w, enum lang lang, bool with_job)
{
    json_write_object(w);
    json_write_key(w, "messageId");
    call_write_id(w, v->m.n);
    if (with_job)
        write_job(v, w);
    write_text(w, "userId", v->user);
    write_text(w, "target", v->target);
    json_write_key(w, "state");
    json_write_str(w, message_state_text(v->m.state));
    json_write_key(w, "error");
    if (v->failed)
        judged_write(w, v->error, v->text, v->m.judged, lang);
    else
        json_write_null(w);
    write_text(w, "processed", v->m.processed);
    json_write_key(w, "tries");
    json_write_int(w, v->m.tries);
    write_text(w, "serviceId", v->m.service_id);
    write_time(w, "at", v->m.at_ms);
    write_time(w, "nextAt", v->m.state == MESSAGE_RETRYING ? v->m.due_ms : 0);
    json_write_end(w);
}

/* ---- as a row ---- */

const char *message_state_words(enum message_state s, enum lang lang)
{
    static const char *const words[MESSAGE_STATES][2] = {
        [MESSAGE_WAITING] = {"waiting", "待機中"},
        [MESSAGE_SENDING] = {"being sent", "送信中"},
        [MESSAGE_RETRYING] = {"to be tried again", "再試行待ち"},
        [MESSAGE_SENT] = {"sent", "送信済み"},
        [MESSAGE_DELIVERED] = {"delivered", "到達"},
        [MESSAGE_FAILED] = {"failed", "失敗"},
        [MESSAGE_SKIPPED] = {"kept back", "送信見送り"},
        [MESSAGE_UNKNOWN] = {"unknown", "不明"},
    };
    return words[s][lang];
}

static const char *taken_words(struct span text, enum lang lang)
{
    static const struct {
        const char *text, *words[2];
    } all[] = {{"no", {"no", "いいえ"}}, {"yes", {"yes", "はい"}}, {"unknown", {"unknown", "不明"}}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (span_eq(text, span_of(all[i].text)))
            return all[i].words[lang];
    return "";
}

static void head(struct sheet *s, const char *en, const char *ja, enum lang lang)
{
    sheet_text(s, span_of(lang == LANG_JA ? ja : en));
}

void message_view_headings(struct sheet *s, enum lang lang)
{
    head(s, "Number", "番号", lang);
    head(s, "User", "ユーザー", lang);
    head(s, "Target", "送信先", lang);
    head(s, "State", "状態", lang);
    head(s, "Error message", "エラーメッセージ", lang);
    head(s, "Kind of error (list)", "エラーの種類", lang);
    head(s, "Kind of error", "エラーの種類（英語）", lang);
    head(s, "Common causes and remarks", "よくある原因・備考", lang);
    head(s, "What to do", "対処方法", lang);
    head(s, "Class", "分類", lang);
    head(s, "Taken by the service", "サービスでの受付", lang);
    head(s, "May be sent again", "再送の可否", lang);
    head(s, "What it changed", "変更内容", lang);
    head(s, "Who has to act", "対応する人", lang);
    head(s, "Tries", "送信回数", lang);
    head(s, "Time", "日時", lang);
    head(s, "Service's ID", "サービスのID", lang);
    head(s, "Error ID", "エラーID", lang);
    sheet_end_row(s);
}

static void error_cells(const struct message_view *v, struct sheet *s, enum lang lang)
{
    const struct delivery_error *e = v->failed ? delivery_error_of(v->error) : NULL;
    const struct span class = judged_part(v->m.judged, JUDGED_CLASS);
    sheet_text(s, v->text);
    sheet_text(s, span_of(e ? e->kind : ""));
    sheet_text(s, span_of(e ? e->kind_en : ""));
    sheet_text(s, span_of(e ? e->cause[lang] : ""));
    sheet_text(s, span_of(e ? e->advice[lang] : ""));
    sheet_text(s, span_eq(class, SPAN_LIT("-")) ? SPAN_LIT("") : class);
    sheet_text(s, span_of(taken_words(v->m.processed, lang)));
    for (enum judged word = JUDGED_RETRY; word <= JUDGED_WHOM; word++)
        sheet_text(s, span_of(judged_words(word, judged_part(v->m.judged, word), lang)));
}

void message_view_row(const struct message_view *v, struct sheet *s, enum lang lang)
{
    char at[TIME_TEXT_SIZE] = "";
    if (v->m.at_ms)
        time_text(v->m.at_ms, at);
    sheet_number(s, v->m.n);
    sheet_text(s, v->user);
    sheet_text(s, v->target);
    sheet_text(s, span_of(message_state_words(v->m.state, lang)));
    error_cells(v, s, lang);
    sheet_number(s, v->m.tries);
    sheet_text(s, span_of(at));
    sheet_text(s, v->m.service_id);
    sheet_text(s, v->failed ? v->m.error : SPAN_LIT(""));
    sheet_end_row(s);
}
