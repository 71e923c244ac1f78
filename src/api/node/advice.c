#include "api/node/advice.h"

#include "fault/fault.h"

static const char *const relay_text[] = {
    [LANG_EN] = "No mail relay is set (smtp-url): mails are only written into the directory mail inside the "
                "data directory, and reach nobody.",
    [LANG_JA] =
        "メールリレー（smtp-url）が設定されていません。メールはデータディレクトリ内のmailディレクトリに"
        "書き込まれるだけで、誰にも届きません。",
};
static const char *const url_text[] = {
    [LANG_EN] = "No public-url is set by which people can reach this node: mails contain no links, and "
                "contact addresses cannot be asked to confirm.",
    [LANG_JA] = "外部からこのノードに到達できるpublic-urlが設定されていません。メールにリンクは含まれず、"
                "連絡先メールアドレスに確認メールを送ることもできません。",
};

void advice_each(const struct api_config *c, advice_fn *fn, void *arg)
{
    if (!c->relay)
        fn(arg, "mail_relay", relay_text);
    if (!c->mail_rules->public_url[0])
        fn(arg, "public_url", url_text);
}
