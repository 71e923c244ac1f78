/* A mail as bytes: one header field a field whatever its text, lines short enough, parts as they were given.
 * Read back with GMime's parser; tests/e2e/notice.test.mjs has others read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/maildir.h"
#include "mail/message.h"
#include "mail/smtp.h"

#define PREFIX "Messaging API: Your server did not return [200 OK] - "

/* The prefix and n times a text. */
static const char *with(const char *text, int n, char out[2048])
{
    size_t len = (size_t)snprintf(out, 2048, "%s", PREFIX);
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, 2048 - len, "%s", text);
    return out;
}

static void header_of(struct span mail, const char *name, char *out, size_t size)
{
    size_t n = 0;
    const char *at = mail.ptr, *end = mail.ptr + mail.len;
    bool in = false;
    for (const char *line = at; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = stop ? (size_t)(stop - line) : (size_t)(end - line);
        if (len == 0 || line[0] == '\r')
            break;
        if (line[0] != ' ' && line[0] != '\t')
            in = len > strlen(name) && strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':';
        if (in)
            n += (size_t)snprintf(out + n, size - n, "%.*s\n", (int)len, line);
        line += len + 1;
    }
    assert_true(n < size);
}

static void build(const struct mail_message *m, enum message_lines lines, struct buf *out)
{
    buf_init(out, 1 << 20);
    assert_int_equal(message_build(m, lines, out), ERR_NONE);
    assert_int_equal(buf_add(out, "", 1), ERR_NONE);
    out->tail--;
}

static struct mail_message some_message(const char *subject)
{
    return (struct mail_message){.from = "todoke <todoke@example.com>",
                                 .to = "admin@example.org",
                                 .subject = subject,
                                 .text = SPAN_LIT("届け\n.\nFrom here\n"),
                                 .html = SPAN_LIT("<p>plain &amp; simple</p>\n"),
                                 .id = "1.2@example.com",
                                 .date_ms = 1795326000123};
}

static void subjects(void **state)
{
    (void)state;
    char ja[2048], word[2048], words[2048];
    const struct {
        const char *in, *want, *why;
    } rows[] = {
        {PREFIX "bot", NULL, "as it is"},
        {with("届", 200, ja), NULL, "200 Japanese characters"},
        {with("x", 390, word), NULL, "nothing to fold at"},
        {with("word ", 78, words), NULL, "folded at spaces, and one at the end"},
        {PREFIX "\"a\" 'b' <c> \\d, (e) 🎉👩‍👩‍👧", NULL, "quotes and emoji"},
        {PREFIX "=?utf-8?q?not=20one?=", NULL, "poses as an encoded word"},
        {PREFIX "a=?=?=b =?UTF-8?B?5bGK?= c", NULL, "and again"},
        {PREFIX "two\r\nBcc: evil@example.net", PREFIX "two  Bcc: evil@example.net", "line breaks"},
        {PREFIX "a\nb\rc\x7f\xe2\x80\xa8 d\x01", PREFIX "a b c   d ", "any of them"},
        {PREFIX "bad \xff\xc3( end", PREFIX "bad \xEF\xBF\xBD\xEF\xBF\xBD( end", "no UTF-8"},
        {PREFIX "  two  spaces  ", NULL, "spaces are kept"},
        {"届け", NULL, "encoded from the first character on"},
        {"", NULL, "none"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mail_message m = some_message(rows[i].in);
        struct buf mail;
        char field[8192], *decoded;
        build(&m, MESSAGE_LF, &mail);
        header_of(buf_span(&mail), "Subject", field, sizeof(field));
        for (char *line = field; *line;) {
            size_t len = strcspn(line, "\n");
            if (len > 76)
                fail_msg("%s: a line of %zu characters: %s", rows[i].why, len, field);
            for (size_t k = 0; k < len; k++)
                assert_true(line[k] >= ' ' && line[k] <= '~');
            line += len + (line[len] == '\n');
        }
        assert_null(strstr(buf_span(&mail).ptr, "\nBcc"));
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(buf_span(&mail).ptr, buf_len(&mail));
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage *read = g_mime_parser_construct_message(parser, NULL);
        decoded = g_strdup(g_mime_message_get_subject(read) ? g_mime_message_get_subject(read) : "");
        const char *want = rows[i].want ? rows[i].want : rows[i].in;
        if (strcmp(decoded, want) != 0)
            fail_msg("%s:\n[%s], not\n[%s]\n%s", rows[i].why, decoded, want, field);
        g_free(decoded);
        g_object_unref(read);
        g_object_unref(parser);
        g_object_unref(stream);
        buf_deinit(&mail);
    }
}

static void parts_and_headers(void **state)
{
    (void)state;
    for (int crlf = 0; crlf < 2; crlf++) {
        struct mail_message m = some_message("届け");
        struct buf mail;
        build(&m, crlf ? MESSAGE_CRLF : MESSAGE_LF, &mail);
        const char *bytes = buf_span(&mail).ptr;
        for (size_t i = 0; i < buf_len(&mail); i++)
            assert_true((bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\n' || bytes[i] == '\t' ||
                        (crlf && bytes[i] == '\r'));
        for (const char *p = bytes; (p = strchr(p, '\n')); p++)
            assert_int_equal(p[-1] == '\r', crlf);
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(bytes, buf_len(&mail));
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage *read = g_mime_parser_construct_message(parser, NULL);
        assert_string_equal(g_mime_message_get_message_id(read), "1.2@example.com");
        assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(read), "Auto-Submitted"), "auto-generated");
        assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(read), "Date"),
                            "Sun, 22 Nov 2026 14:40:00 +0900");
        assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(read), "To"), "admin@example.org");
        GMimeObject *body = g_mime_message_get_mime_part(read);
        assert_true(GMIME_IS_MULTIPART(body));
        assert_int_equal(g_mime_multipart_get_count(GMIME_MULTIPART(body)), 2);
        const struct span want[] = {m.text, m.html};
        const char *const subtypes[] = {"plain", "html"};
        for (int i = 0; i < 2; i++) {
            GMimeObject *part = g_mime_multipart_get_part(GMIME_MULTIPART(body), i);
            assert_string_equal(g_mime_content_type_get_media_subtype(g_mime_object_get_content_type(part)),
                                subtypes[i]);
            char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
            GString *lines = g_string_new(text);
            (void)g_string_replace(lines, "\r", "", 0);
            assert_int_equal(lines->len, want[i].len);
            assert_memory_equal(lines->str, want[i].ptr, want[i].len);
            g_string_free(lines, TRUE);
            g_free(text);
        }
        g_object_unref(read);
        g_object_unref(parser);
        g_object_unref(stream);
        buf_deinit(&mail);
    }
}

static void addresses(void **state)
{
    (void)state;
    const struct {
        const char *in, *want;
    } rows[] = {
        {"a@b.example", "a@b.example"},
        {"todoke <a.b+c@d.example>", "a.b+c@d.example"},
        {"\"x, y\" <a@b>", "a@b"},
        {"", NULL},
        {"nobody", NULL},
        {"@b", NULL},
        {"a@", NULL},
        {"a@b, c@d", NULL},
        {"a@b\r\nBcc: c@d", NULL},
        {"届け@b", NULL},
        {"group: a@b;", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[EMAIL_MAX + 1] = "untouched";
        enum err e = message_address(rows[i].in, out);
        if (e != (rows[i].want ? ERR_NONE : ERR_INVALID) || (rows[i].want && strcmp(out, rows[i].want) != 0))
            fail_msg("%s: %s (%s)", rows[i].in, out, err_text(e));
    }
}

static void relay_urls(void **state)
{
    (void)state;
    const struct {
        const char *in;
        enum err want;
    } rows[] = {
        {"smtp://mail.example.com", ERR_NONE},
        {"smtp://mail.example.com:587/me", ERR_NONE},
        {"smtps://[2001:db8::1]:465", ERR_NONE},
        {"https://mail.example.com", ERR_INVALID},
        {"smtp://user:pass@mail.example", ERR_INVALID},
        {"smtp://", ERR_INVALID},
        {"mail.example.com", ERR_INVALID},
        {"", ERR_INVALID},
        {"file:///etc/passwd", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (smtp_check_url(rows[i].in) != rows[i].want)
            fail_msg("%s", rows[i].in);
}

static void maildir(void **state)
{
    (void)state;
    char dir[] = "/tmp/todoke-maildir-XXXXXX", path[64], line[512];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/mail", dir);
    static struct maildir m;
    assert_int_equal(maildir_init(&m, path), ERR_NONE);
    assert_int_equal(maildir_init(&m, path), ERR_NONE); /* it may be there */
    assert_int_equal(maildir_put(&m, 1795326000123, 7, SPAN_LIT("Subject: a\n\nb\n")), ERR_NONE);
    assert_int_equal(maildir_put(&m, 1795326000123, 7, SPAN_LIT("Subject: a\n\nc\n")), ERR_NONE);
    assert_int_equal(maildir_put(&m, 1795326000123, 8, SPAN_LIT("Subject: d\n\ne\n")), ERR_NONE);
    (void)snprintf(line, sizeof(line),
                   "test $(ls %s/new | wc -l) = 2 -a $(ls %s/tmp | wc -l) = 0 && "
                   "ls %s/new | grep -q '^1795326000\\.M123000Q7\\.[^/:]*$' && grep -q ^c %s/new/*Q7.*",
                   path, path, path, path);
    assert_int_equal(system(line), 0);
    (void)snprintf(line, sizeof(line), "stat -c %%a %s/new/*Q8* %s/new | tr '\\n' ' ' | grep -q '600 700'",
                   path, path);
    assert_int_equal(system(line), 0);
    (void)snprintf(line, sizeof(line), "rm -r %s", dir);
    assert_int_equal(system(line), 0);
    assert_int_equal(maildir_put(&m, 1, 1, SPAN_LIT("x")), ERR_IO);
    assert_int_equal(maildir_init(&m, path), ERR_IO); /* its parent is not there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects),   cmocka_unit_test(parts_and_headers), cmocka_unit_test(addresses),
        cmocka_unit_test(relay_urls), cmocka_unit_test(maildir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
