/*
 * The catalogue against LINE's two documents, copied here string by string: "Check webhook error causes and
 * statistics" (current) and "Error notification" (older), each in English and Japanese. A changed byte in
 * either list fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault/fault.h"

enum edition { CURRENT, OLDER };

struct wording {
    enum edition edition;
    enum lang lang;
    const char *name; /* the reason or the detail */
    const char *text;
};

/* Without the cross-reference behind a reason ("For more information, see ..."); links as their text. The
 * line about the status number stands in the running text of the documents. */
/* clang-format off */
static const struct wording wordings[] = {
    {CURRENT, LANG_EN, "could_not_connect",
     "The LINE Platform tried to send a webhook to the bot server, but couldn't successfully connect to the bot server."},
    {CURRENT, LANG_EN, "request_timeout",
     "The LINE Platform sent a webhook to the bot server, but the bot server didn't return a response within 2 seconds."},
    {CURRENT, LANG_EN, "error_status_code",
     "The LINE Platform sent a webhook to the bot server, but the bot server returned a response other than the HTTP status code in the 20x ."},
    {CURRENT, LANG_EN, "unclassified",
     "An unknown error occurred that can't be categorized above."},
    {CURRENT, LANG_EN, "Connection failed",
     "Failed to connect to bot server."},
    {CURRENT, LANG_EN, "Connection failed (received GOAWAY)",
     "Connection refused when connecting to bot server."},
    {CURRENT, LANG_EN, "Connection failed (session closed)",
     "Connection to the bot server was unexpectedly terminated."},
    {CURRENT, LANG_EN, "Connection timeout",
     "Connection to the bot server didn't complete within a certain period of time."},
    {CURRENT, LANG_EN, "DNS Query timeout",
     "Webhook URL name resolution was performed, but name resolution couldn't be completed within a certain period of time."},
    {CURRENT, LANG_EN, "Invalid URL syntax",
     "An invalid webhook URL is specified (e.g., RFC violation)."},
    {CURRENT, LANG_EN, "Session protocol negotiation failure",
     "Connected to bot server, but protocol negotiation failed."},
    {CURRENT, LANG_EN, "No SSL/TLS record",
     "The bot server response isn't SSL/TLS encrypted."},
    {CURRENT, LANG_EN, "TLS handshake failure",
     "Connected to bot server, but TLS handshake failed. Check if the bot server supports SSL/TLS specification of the webhook source."},
    {CURRENT, LANG_EN, "Unknown host",
     "The host specified in the Webhook URL couldn't be found."},
    {CURRENT, LANG_EN, "Request timeout",
     "Webhook was sent to the bot server, but no response was returned within a certain period of time."},
    {CURRENT, LANG_EN, "Session closed unexpectedly",
     "A webhook was sent to the bot server, but the connection was unexpectedly closed."},
    {CURRENT, LANG_EN, "Stream closed unexpectedly",
     "A webhook was sent to the bot server, but the stream was unexpectedly closed."},
    {CURRENT, LANG_EN, "Unclassified webhook dispatch error",
     "An unclassifiable and unexpected error occurred."},
    {CURRENT, LANG_JA, "could_not_connect",
     "LINEプラットフォームからボットサーバーに対してWebhookを送信しようとしましたが、ボットサーバーに正常に接続できませんでした。"},
    {CURRENT, LANG_JA, "request_timeout",
     "LINEプラットフォームからボットサーバーに対してWebhookを送信しましたが、ボットサーバーから2秒以内にレスポンスが返されませんでした。"},
    {CURRENT, LANG_JA, "error_status_code",
     "LINEプラットフォームからボットサーバーに対してWebhookを送信しましたが、ボットサーバーからHTTPステータスコード200番台以外のレスポンスが返されました。"},
    {CURRENT, LANG_JA, "unclassified",
     "上記に分類できない、不明なエラーが発生しました。"},
    {CURRENT, LANG_JA, "Connection failed",
     "ボットサーバーへの接続に失敗しました。"},
    {CURRENT, LANG_JA, "Connection failed (received GOAWAY)",
     "ボットサーバーへの接続時に、接続が拒否されました。"},
    {CURRENT, LANG_JA, "Connection failed (session closed)",
     "ボットサーバへの接続が予期せず終了されました。"},
    {CURRENT, LANG_JA, "Connection timeout",
     "ボットサーバーへの接続が一定時間内に完了しませんでした。"},
    {CURRENT, LANG_JA, "DNS Query timeout",
     "Webhook URLの名前解決を行いましたが、一定時間内に名前解決を完了できませんでした。"},
    {CURRENT, LANG_JA, "Invalid URL syntax",
     "不正なWebhook URLが指定されています（RFC違反等）。"},
    {CURRENT, LANG_JA, "Session protocol negotiation failure",
     "ボットサーバーへ接続しましたが、プロトコルネゴシエーションが失敗しました。"},
    {CURRENT, LANG_JA, "No SSL/TLS record",
     "ボットサーバーの応答がSSL/TLSで暗号化されていません。"},
    {CURRENT, LANG_JA, "TLS handshake failure",
     "ボットサーバーへ接続しましたが、TLSハンドシェイクが失敗しました。ボットサーバーが「Webhook送信元のSSL/TLS仕様」に対応しているか確認してください。"},
    {CURRENT, LANG_JA, "Unknown host",
     "Webhook URLに指定されたホストが見つかりませんでした。"},
    {CURRENT, LANG_JA, "Request timeout",
     "ボットサーバーに対してWebhookを送信しましたが、一定期間内にレスポンスが返されませんでした。"},
    {CURRENT, LANG_JA, "Session closed unexpectedly",
     "ボットサーバーに対してWebhookを送信しましたが、接続が予期せず途中で切断されました。"},
    {CURRENT, LANG_JA, "Stream closed unexpectedly",
     "ボットサーバーに対してWebhookを送信しましたが、ストリームが予期せず途中で切断されました。"},
    {CURRENT, LANG_JA, "Unclassified webhook dispatch error",
     "分類できない想定外のエラーが発生しました。"},
    {OLDER, LANG_EN, "could_not_connect",
     "The LINE Platform attempted to send a webhook event to the bot server, but was unable to successfully connect to the bot server."},
    {OLDER, LANG_EN, "request_timeout",
     "The LINE Platform sent a webhook event to the bot server, but the bot server didn't return a response within one second."},
    {OLDER, LANG_EN, "error_status_code",
     "The LINE Platform sent a webhook event to the bot server, but the bot server returned a response with a HTTP status code other than 200."},
    {OLDER, LANG_EN, "unclassified",
     "An unknown error that doesn't fall under any of the above category has occurred."},
    {OLDER, LANG_EN, "Connection failed",
     "Failed to connect to bot server."},
    {OLDER, LANG_EN, "Connection failed (received GOAWAY)",
     "Connection to the bot server denied."},
    {OLDER, LANG_EN, "Connection failed (session closed)",
     "Connection to the bot server was terminated unexpectedly."},
    {OLDER, LANG_EN, "Connection timeout",
     "Couldn't connect to the bot server within a certain period of time."},
    {OLDER, LANG_EN, "DNS Query timeout",
     "Attempted but failed to resolve the name of the webhook URL within a certain period of time."},
    {OLDER, LANG_EN, "Invalid URL syntax",
     "Invalid webhook URL has been specified (RFC violation, etc.)."},
    {OLDER, LANG_EN, "Session protocol negotiation failure",
     "Connected to the bot server, but protocol negotiation failed."},
    {OLDER, LANG_EN, "TLS handshake failure",
     "Connected to the bot server, but the TLS handshake failed."},
    {OLDER, LANG_EN, "Unknown host",
     "Host specified in the webhook URL can't be found."},
    {OLDER, LANG_EN, "Request timeout",
     "A webhook request was sent to the bot server, but a response wasn't received within a certain period of time."},
    {OLDER, LANG_EN, "Session closed unexpectedly",
     "A webhook request was sent to the bot server, but the connection was terminated unexpectedly midway."},
    {OLDER, LANG_EN, "Stream closed unexpectedly",
     "A webhook request was sent to the bot server, but the stream was terminated unexpectedly midway."},
    {OLDER, LANG_EN, "Unclassified webhook dispatch error",
     "An unclassified error has occured."},
    {OLDER, LANG_JA, "could_not_connect",
     "LINEプラットフォームがWebhookイベントをボットサーバーに送信しようとしましたが、ボットサーバーに正常に接続できませんでした。"},
    {OLDER, LANG_JA, "request_timeout",
     "LINEプラットフォームがWebhookイベントをボットサーバーに送信しましたが、ボットサーバーからレスポンスが1秒以内に返されませんでした。"},
    {OLDER, LANG_JA, "error_status_code",
     "LINEプラットフォームがWebhookイベントをボットサーバーに送信しましたが、ボットサーバーからHTTPステータスコード200番台以外のレスポンスが返されました。"},
    {OLDER, LANG_JA, "unclassified",
     "上記に分類できない不明なエラーが発生しました。"},
    {OLDER, LANG_JA, "Connection failed",
     "ボットサーバーへの接続に失敗しました。"},
    {OLDER, LANG_JA, "Connection failed (received GOAWAY)",
     "ボットサーバーへの接続時に、接続が拒否されました。"},
    {OLDER, LANG_JA, "Connection failed (session closed)",
     "ボットサーバへの接続が予期せず終了されました。"},
    {OLDER, LANG_JA, "Connection timeout",
     "ボットサーバーへの接続が一定時間内に完了しませんでした。"},
    {OLDER, LANG_JA, "DNS Query timeout",
     "Webhook URL の名前解決を行いましたが、一定時間内に名前解決を完了できませんでした。"},
    {OLDER, LANG_JA, "Invalid URL syntax",
     "不正なWebhook URLが指定されています。(RFC違反等)"},
    {OLDER, LANG_JA, "Session protocol negotiation failure",
     "ボットサーバーへ接続しましたが、プロトコルネゴシエーションが失敗しました。"},
    {OLDER, LANG_JA, "TLS handshake failure",
     "ボットサーバーへ接続しましたが、TLSハンドシェイクが失敗しました。"},
    {OLDER, LANG_JA, "Unknown host",
     "Webhook URLに指定されたホストが見つかりません。"},
    {OLDER, LANG_JA, "Request timeout",
     "ボットサーバーに対してWebhookリクエストを送信しましたが、一定期間内にレスポンスが得られませんでした。"},
    {OLDER, LANG_JA, "Session closed unexpectedly",
     "ボットサーバーに対してWebhookリクエストを送信しましたが、接続が予期せず途中で切断されました。"},
    {OLDER, LANG_JA, "Stream closed unexpectedly",
     "ボットサーバーに対してWebhookリクエストを送信しましたが、ストリームが予期せず途中で切断されました。"},
    {OLDER, LANG_JA, "Unclassified webhook dispatch error",
     "分類できない想定外のエラーが発生しました。"},
    {CURRENT, LANG_EN, "status",
     "If the reason is error_status_code, the details will contain the HTTP status code."},
    {CURRENT, LANG_JA, "status",
     "原因がerror_status_codeの場合、詳細にはHTTPステータスコードが入ります。"},
    {OLDER, LANG_EN, "status",
     "When Reason for error is error_status_code, detail for error contains a HTTP status code."},
    {OLDER, LANG_JA, "status",
     "Reason for errorがerror_status_codeの場合、Detail for errorにはHTTPステータスコードが入ります。"},
};
/* clang-format on */

static const size_t wording_count = sizeof(wordings) / sizeof(wordings[0]);

static const char *text_of_reason(enum reason r, enum edition edition, enum lang lang)
{
    return edition == CURRENT ? reason_of(r)->seed_text[lang] : reason_of(r)->old_text[lang];
}

static const char *text_of_fault(enum fault_id f, enum edition edition, enum lang lang)
{
    return edition == CURRENT ? fault_of(f)->text[lang] : fault_of(f)->old_text[lang];
}

/* What the catalogue has for a name; NULL if it has no such name. */
static const char *text_in_catalogue(const struct wording *w)
{
    for (enum reason r = REASON_OK + 1; r < REASON_COUNT; r++)
        if (strcmp(reason_text(r), w->name) == 0)
            return text_of_reason(r, w->edition, w->lang);
    for (enum fault_id f = FAULT_ok + 1; f < FAULT_COUNT; f++)
        if (strcmp(fault_of(f)->detail, w->name) == 0)
            return text_of_fault(f, w->edition, w->lang);
    return NULL;
}

static const struct wording *wording_find(const char *name, enum edition edition, enum lang lang)
{
    for (size_t i = 0; i < wording_count; i++)
        if (wordings[i].edition == edition && wordings[i].lang == lang && strcmp(wordings[i].name, name) == 0)
            return &wordings[i];
    return NULL;
}

static void every_sentence_is_in_the_catalogue(void **state)
{
    (void)state;
    for (size_t i = 0; i < wording_count; i++) {
        const char *have = text_in_catalogue(&wordings[i]);
        if (!have)
            fail_msg("no row is called \"%s\"", wordings[i].name);
        assert_string_equal(have, wordings[i].text);
    }
}

/* The other way round: the catalogue claims no wording that the documents do not have. */
static void the_catalogue_invents_no_wording(void **state)
{
    (void)state;
    static const struct wording none = {.text = ""};
    for (int e = CURRENT; e <= OLDER; e++)
        for (int l = LANG_EN; l <= LANG_JA; l++) {
            enum edition edition = (enum edition)e;
            enum lang lang = (enum lang)l;
            for (enum reason r = REASON_OK; r < REASON_COUNT; r++) {
                const struct wording *w = wording_find(reason_text(r), edition, lang);
                assert_string_equal(text_of_reason(r, edition, lang), (w ? w : &none)->text);
            }
            for (enum fault_id f = FAULT_ok + 1; f < FAULT_COUNT; f++) {
                const struct wording *w = wording_find(fault_of(f)->detail, edition, lang);
                assert_string_equal(text_of_fault(f, edition, lang), (w ? w : &none)->text);
            }
        }
}

/* Where a detail belongs, as the documents group them. */
static void details_belong_to_their_reason(void **state)
{
    (void)state;
    static const struct {
        enum reason reason;
        size_t details;
    } groups[] = {{REASON_COULD_NOT_CONNECT, 10},
                  {REASON_REQUEST_TIMEOUT, 1},
                  {REASON_ERROR_STATUS_CODE, 1},
                  {REASON_UNCLASSIFIED, 3}};
    size_t all = 0;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        size_t count = 0;
        for (enum fault_id f = 0; f < FAULT_COUNT; f++)
            count += fault_of(f)->reason == groups[i].reason;
        assert_int_equal(count, groups[i].details);
        all += count;
    }
    assert_int_equal(all + 1, FAULT_COUNT); /* and ok */
    assert_int_equal(fault_of(FAULT_no_tls_record)->reason, REASON_COULD_NOT_CONNECT);
    assert_int_equal(fault_of(FAULT_request_timeout)->reason, REASON_REQUEST_TIMEOUT);
    assert_int_equal(fault_of(FAULT_stream_closed)->reason, REASON_UNCLASSIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sentence_is_in_the_catalogue),
        cmocka_unit_test(the_catalogue_invents_no_wording),
        cmocka_unit_test(details_belong_to_their_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
