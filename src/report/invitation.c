#include "report/invitation.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "model/name.h"
#include "report/contact.h"
#include "report/html.h"
#include "report/notice.h"

#define TEXT_MAX 16384u
#define LINE_MAX_LEN 2048u

enum { EN, JA };

static const char *const subjects[][2] = {
    [INVITATION_LINK] = {"todoke: you are invited", "todoke：招待のお知らせ"},
    [INVITATION_AGAIN] = {"todoke: set a new password", "todoke：パスワードの再設定"},
    [INVITATION_WAITS] = {"todoke: you are given a role", "todoke：ロールが付与されました"},
    [INVITATION_ROLE] = {"todoke: you are given a role", "todoke：ロールが付与されました"},
    [INVITATION_DOUBTED] = {"todoke: you are given a role", "todoke：ロールが付与されました"},
};

static const char *const leads[2] = {"This is about todoke, which delivers webhooks to bot servers, at",
                                     "Webhookをボットサーバーに配信するtodokeからのお知らせです。"};

/* Follows the link; without a link, says what the reader can do. */
static const char *const endings[][2] = {
    [INVITATION_LINK] =
        {"The link works once, within 7 days, and for whoever has it: do not pass it on. If you do "
         "not know what this is about, you need not do anything.",
         "リンクは7日以内に1回だけ使えます。リンクを知っている人は誰でも使えるため、他の人に渡さないで"
         "ください。心当たりがない場合は、何もする必要はありません。"},
    [INVITATION_AGAIN] =
        {"The link works once, within 7 days, and for whoever has it: do not pass it on. Your "
         "present password stays until you use it.",
         "リンクは7日以内に1回だけ使えます。リンクを知っている人は誰でも使えるため、他の人に渡さないで"
         "ください。リンクを使うまで、現在のパスワードは変わりません。"},
    [INVITATION_WAITS] =
        {"You were invited before and have no password yet: use the link of that invitation, or "
         "ask the operator for a new one. If you do not know what this is about, you need not do "
         "anything.",
         "以前の招待がまだ受け入れられていません。その招待のリンクを使うか、運用者に新しいリンクを依頼"
         "してください。心当たりがない場合は、何もする必要はありません。"},
    [INVITATION_ROLE] =
        {"Whoever gave you the role sees your name once you use it. If you do not know what this is "
         "about, you need not do anything.",
         "ロールを使うと、付与した人にあなたの名前が表示されます。心当たりがない場合は、何もする必要は"
         "ありません。"},
    [INVITATION_DOUBTED] =
        {"You can use the role after the operator has confirmed that your account is yours. If you expect "
         "the role, ask the operator.",
         "運用者がアカウントの持ち主を確認するまで、ロールは有効になりません。心当たりがある場合は、"
         "運用者に連絡してください。"},
};

static const char *const link_leads[2] = {"Set your password here:",
                                          "次のリンクからパスワードを設定してください。"};
static const char *const foot[2] = {"This mail was sent automatically.", "このメールは自動送信しています。"};

/* The same mail as plain text and as HTML. */
struct mail_text {
    struct buf text, html;
};

/* Adds a paragraph. link: a link on its own or at the paragraph's end; "": none. */
static enum err add(struct mail_text *t, const char *words, const char *link)
{
    enum err e = buf_printf(&t->text, "%s%s%s\n\n", words, words[0] && link[0] ? "\n" : "", link);
    if (!e)
        e = buf_add_str(&t->html, "<p>");
    if (!e)
        e = html_add(span_of(words), &t->html);
    if (!e && link[0]) {
        e = buf_printf(&t->html, "%s<a href=\"", words[0] ? "<br>" : "");
        if (!e)
            e = html_add(span_of(link), &t->html);
        if (!e)
            e = buf_add_str(&t->html, "\">");
        if (!e)
            e = html_add(span_of(link), &t->html);
        if (!e)
            e = buf_add_str(&t->html, "</a>");
    }
    return e ? e : buf_add_str(&t->html, "</p>\n");
}

static const char *grant_word(enum grant g)
{
    return g == GRANT_ADMIN ? "Admin" : g == GRANT_MEMBER ? "Member" : "Tester";
}

static enum err add_role(struct mail_text *t, const struct invitation_mail *m, int lang)
{
    char words[LINE_MAX_LEN];
    const struct provider *p = m->provider;
    const char *role = grant_word(m->grant), *name = p->name;
    long long id = p->id;
    bool plain = !name_refuse(span_of(name));
    if (lang == JA && plain)
        (void)snprintf(words, sizeof(words), "プロバイダー「%s」（ID %lld）のロール「%s」が付与されました。",
                       name, id, role);
    else if (lang == JA)
        (void)snprintf(words, sizeof(words), "プロバイダー（ID %lld）のロール「%s」が付与されました。", id,
                       role);
    else if (plain)
        (void)snprintf(words, sizeof(words), "You are given the role %s with the provider \"%s\" (ID %lld).",
                       role, name, id);
    else
        (void)snprintf(words, sizeof(words), "You are given the role %s with the provider of ID %lld.", role,
                       id);
    return add(t, words, "");
}

static enum err write_text(struct mail_text *t, const struct invitation_mail *m, int lang)
{
    char link[LINE_MAX_LEN];
    (void)snprintf(link, sizeof(link), "%s/invitation#%s", m->public_url, m->ticket ? m->ticket : "");
    bool linked = m->kind == INVITATION_LINK || m->kind == INVITATION_AGAIN;
    enum err e = buf_printf(&t->html,
                            "<!DOCTYPE html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\"></head>\n"
                            "<body style=\"font-family:sans-serif;line-height:1.5\">\n",
                            lang == JA ? "ja" : "en");
    if (!e)
        e = add(t, leads[lang], m->public_url);
    if (!e && m->grant != GRANT_NONE && m->provider)
        e = add_role(t, m, lang);
    if (!e && linked)
        e = add(t, link_leads[lang], link);
    if (!e)
        e = add(t, endings[m->kind][lang], "");
    if (!e)
        e = buf_printf(&t->text, "-- \n%s\n", foot[lang]);
    return e ? e
             : buf_printf(&t->html, "<p style=\"color:#666;font-size:smaller\">%s</p>\n</body>\n</html>\n",
                          foot[lang]);
}

enum err invitation_put_mail(struct backend *b, const struct invitation_mail *m, int64_t now_ms,
                             bool *ret_sent)
{
    char recipient[EMAIL_MAX + 1];
    struct mail_counts counts;
    *ret_sent = false;
    enum err e = b->ops->mails->mail_count(b, &counts);
    if (e)
        return e;
    const char *why = counts.waiting >= NOTICE_OUTBOX_MAX ? "the outbox is full"
                                                          : email_spelling(span_of(m->to->email), recipient);
    if (why) {
        log_warn("report", "invitation not mailed; an operator can make a link for the account",
                 log_int("account", m->to->id), log_str("why", why));
        return ERR_NONE;
    }
    int lang = strcmp(m->to->language, "ja") == 0 ? JA : EN;
    struct mail_text t;
    buf_init(&t.text, TEXT_MAX);
    buf_init(&t.html, TEXT_MAX);
    e = write_text(&t, m, lang);
    if (!e) {
        const struct span to = span_of(recipient);
        const struct mail_draft d = {.subject = span_of(subjects[m->kind][lang]),
                                     .text = buf_span(&t.text),
                                     .html = buf_span(&t.html),
                                     .recipients = &to,
                                     .count = 1};
        e = b->ops->mails->mail_insert(b, &d, now_ms);
    }
    buf_deinit(&t.text);
    buf_deinit(&t.html);
    *ret_sent = !e;
    return e;
}
