#include "report/contact_text.h"

#include <string.h>

#include "report/html.h"

enum { EN, JA };

static const char *const subjects[] = {
    "todoke: do you want error notifications at this address?",
    "todoke：このアドレスでエラー通知を受け取りますか？",
};

/* The words before and after the channel's ID. */
static const char *const leads[][2] = {
    {"Somebody entered this address as the contact address of the channel ",
     " at todoke, which delivers webhooks to bot servers. When the channel's bot server fails, todoke can "
     "tell you by mail."},
    {"Webhookをボットサーバーに配信するtodokeで、このメールアドレスがチャネル",
     "の連絡先メールアドレスとして入力されました。チャネルのボットサーバーがエラーになったときに、メールでお"
     "知らせすることができます。"},
};
static const char *const asks[] = {
    "You get no such mails unless you confirm. On this page you can confirm, or refuse such mails for good:",
    "確認していただくまで、お知らせのメールは送信されません。次のページで、受け取るか、今後一切受け取らないか"
    "を選べます。",
};
static const char *const endings[] = {
    "You can confirm there within 7 days. You need no account, and nobody asks you for a password. If you do "
    "nothing, you get no error notifications.",
    "確認できるのは7日以内です。アカウントは不要で、パスワードの入力を求められることもありません。何もしなけ"
    "れば、エラー通知は送信されません。",
};
static const char *const foot[] = {"This mail was sent automatically.", "このメールは自動送信しています。"};

static int lang_of(const struct contact_facts *f)
{
    return strcmp(f->channel->language, "ja") == 0 ? JA : EN;
}

static enum err add_lead(const struct contact_facts *f, struct buf *out)
{
    const char *const *lead = leads[lang_of(f)];
    return buf_printf(out, "%s%lld%s", lead[0], (long long)f->channel->id, lead[1]);
}

/* Adds the link, escaped for HTML. */
static enum err add_link(const struct contact_facts *f, struct buf *out)
{
    enum err e = html_add(span_of(f->public_url), out);
    return e ? e : buf_printf(out, "/contact#%s", f->ticket);
}

const char *contact_text_subject(const struct contact_facts *f)
{
    return subjects[lang_of(f)];
}

enum err contact_text_plain(const struct contact_facts *f, struct buf *out)
{
    int lang = lang_of(f);
    enum err e = add_lead(f, out);
    if (!e)
        e = buf_printf(out, "\n\n%s\n\n%s/contact#%s\n\n", asks[lang], f->public_url, f->ticket);
    return e ? e : buf_printf(out, "%s\n\n-- \n%s\n", endings[lang], foot[lang]);
}

enum err contact_text_html(const struct contact_facts *f, struct buf *out)
{
    int lang = lang_of(f);
    enum err e = buf_printf(out,
                            "<!DOCTYPE html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\"></head>\n"
                            "<body style=\"font-family:sans-serif;line-height:1.5\">\n<p>",
                            lang == JA ? "ja" : "en");
    if (!e)
        e = add_lead(f, out);
    if (!e)
        e = buf_printf(out, "</p>\n<p>%s</p>\n<p><a href=\"", asks[lang]);
    if (!e)
        e = add_link(f, out);
    if (!e)
        e = buf_add_str(out, "\">");
    if (!e)
        e = add_link(f, out);
    return e ? e
             : buf_printf(out,
                          "</a></p>\n<p>%s</p>\n<p style=\"color:#666;font-size:smaller\">%s</p>\n</body>\n"
                          "</html>\n",
                          endings[lang], foot[lang]);
}
