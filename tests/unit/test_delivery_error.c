/*
 * The second catalogue against the customer's list, of which delivery_list.txt is a copy, byte for byte: the
 * list is written anew from the rows and compared. DELIVERY_LIST names the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/delivery_error.h"
#include "words_fixture.h"

enum { LIST_MAX = 1 << 16 };

struct list {
    char text[LIST_MAX];
    size_t len;
};

static void add(struct list *l, const char *text)
{
    size_t len = strlen(text);
    assert_true(l->len + len < sizeof(l->text));
    memcpy(l->text + l->len, text, len + 1);
    l->len += len;
}

static void read_list(struct list *l)
{
    const char *path = getenv("DELIVERY_LIST");
    if (!path)
        fail_msg("DELIVERY_LIST is not set");
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("cannot open %s", path);
    l->len = fread(l->text, 1, sizeof(l->text) - 1, f);
    (void)fclose(f);
    l->text[l->len] = '\0';
    assert_true(l->len < sizeof(l->text) - 1);
}

/* The list puts a dot before the texts of one row. */
static bool is_dotted(const struct delivery_error *e)
{
    return strcmp(e->entry_id, "drop") == 0;
}

/* A row with one text is one line; otherwise each text has a line, and so has what is said of them. */
static void add_entry(struct list *l, enum delivery_error_id first, enum delivery_error_id end)
{
    const struct delivery_error *e = delivery_error_of(first);
    bool one_line = end - first == 1 && !*e->legend[LANG_JA];
    for (enum delivery_error_id i = first; i < end; i++) {
        if (is_dotted(e))
            add(l, "・");
        add(l, delivery_error_of(i)->text);
        add(l, one_line ? " " : "\n");
    }
    if (*e->legend[LANG_JA]) {
        add(l, e->legend[LANG_JA]);
        add(l, "\n");
    }
    add(l, e->kind);
    add(l, " ");
    add(l, e->cause[LANG_JA]);
    add(l, "\n");
}

static enum delivery_error_id entry_end(enum delivery_error_id first)
{
    enum delivery_error_id end = first;
    while (end < DELIVERY_ERROR_COUNT && delivery_error_of(end)->entry == delivery_error_of(first)->entry)
        end++;
    return end;
}

static void write_list(struct list *l)
{
    l->len = 0;
    add(l, "ターゲット配信で発生するエラーの一覧と、よくある原因です。\n");
    enum delivery_error_id row = 0;
    for (enum delivery_scope s = 0; s < DELIVERY_SCOPE_COUNT; s++) {
        const struct delivery_scope_info *info = delivery_scope_of(s);
        if (s == DELIVERY_COMMON)
            add(l, "\nユーザー毎の配信エラー\n");
        add(l, "\n");
        add(l, info->title[LANG_JA]);
        add(l, "\n\nエラーメッセージ例 エラーの種類 よくある原因・備考\n");
        while (row < DELIVERY_ERROR_COUNT && delivery_error_of(row)->scope == s) {
            add_entry(l, row, entry_end(row));
            row = entry_end(row);
        }
        if (*info->remark[LANG_JA]) {
            add(l, "\n");
            add(l, info->remark[LANG_JA]);
            add(l, "\n");
        }
    }
    assert_int_equal(row, DELIVERY_ERROR_COUNT); /* each row stood under its table */
}

static void the_list_byte_for_byte(void **state)
{
    (void)state;
    static struct list want, have; /* too large for a stack */
    read_list(&want);
    write_list(&have);
    const char *w = want.text, *h = have.text;
    for (int line = 1; *w || *h; line++) {
        size_t wl = strcspn(w, "\n"), hl = strcspn(h, "\n");
        if (wl != hl || memcmp(w, h, wl) != 0 || w[wl] != h[hl])
            fail_msg("line %d\nthe list:    \"%.*s\"\nthe catalogue: \"%.*s\"", line, (int)wl, w, (int)hl, h);
        w += wl + (w[wl] == '\n');
        h += hl + (h[hl] == '\n');
    }
    assert_int_equal(want.len, have.len);
}

/* The list has so many tables, rows and texts: nothing was left out of both the copy and the catalogue. */
static void as_many_as_the_list_has(void **state)
{
    (void)state;
    static const size_t entries[] = {1, 15, 7, 7, 4, 3}, texts[] = {1, 21, 18, 7, 9, 3};
    assert_int_equal(DELIVERY_SCOPE_COUNT, sizeof(entries) / sizeof(entries[0]));
    size_t have_entries[DELIVERY_SCOPE_COUNT] = {0}, have_texts[DELIVERY_SCOPE_COUNT] = {0};
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i = entry_end(i)) {
        have_entries[delivery_error_of(i)->scope]++;
        have_texts[delivery_error_of(i)->scope] += entry_end(i) - i;
    }
    for (size_t s = 0; s < DELIVERY_SCOPE_COUNT; s++) {
        assert_int_equal(have_entries[s], entries[s]);
        assert_int_equal(have_texts[s], texts[s]);
    }
}

static void rows_have_all_their_words(void **state)
{
    (void)state;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        assert_tidy(e->id, e->text);
        assert_tidy(e->id, e->kind);
        assert_true(has_japanese(e->kind));
        assert_tidy(e->id, e->kind_en);
        assert_false(has_japanese(e->kind_en));
        assert_sentences(e->id, e->advice);
        assert_tidy(e->id, e->cause[LANG_EN]);
        assert_false(has_japanese(e->cause[LANG_EN]));
        assert_true(e->cause[LANG_EN][strlen(e->cause[LANG_EN]) - 1] == '.');
        assert_int_equal(*e->legend[LANG_EN] == '\0', *e->legend[LANG_JA] == '\0');
        for (enum delivery_error_id j = i + 1; j < DELIVERY_ERROR_COUNT; j++)
            for (int lang = LANG_EN; lang <= LANG_JA; lang++) /* the same advice twice says nothing */
                assert_string_not_equal(e->advice[lang], delivery_error_of(j)->advice[lang]);
    }
    for (enum delivery_scope s = 0; s < DELIVERY_SCOPE_COUNT; s++) {
        const struct delivery_scope_info *info = delivery_scope_of(s);
        assert_id(info->key);
        assert_tidy(info->key, info->title[LANG_EN]);
        assert_tidy(info->key, info->title[LANG_JA]);
        assert_int_equal(*info->remark[LANG_EN] == '\0', *info->remark[LANG_JA] == '\0');
        if (*info->remark[LANG_EN])
            assert_sentences(info->key, info->remark);
    }
}

/* One kind has one English name, wherever it stands. */
static void kinds_are_called_one_thing(void **state)
{
    (void)state;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++)
        for (enum delivery_error_id j = 0; j < i; j++) {
            const struct delivery_error *a = delivery_error_of(i), *b = delivery_error_of(j);
            assert_int_equal(strcmp(a->kind, b->kind) == 0, strcmp(a->kind_en, b->kind_en) == 0);
        }
}

static void found_by_exact_id_only(void **state)
{
    (void)state;
    enum delivery_error_id found = DELIVERY_ERROR_COUNT;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const char *id = delivery_error_of(i)->id;
        assert_id(id);
        assert_id(delivery_error_of(i)->entry_id);
        assert_int_equal(delivery_error_find(span_of(id), &found), ERR_NONE);
        assert_int_equal(found, i); /* so no id stands twice */
    }
    static const char *const wrong[] = {"", "bounce", "BOUNCE_SPAM", "bounce_spam ", "--", "バウンスエラー"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(delivery_error_find(span_of(wrong[i]), &found), ERR_NOT_FOUND);
    assert_int_equal(found, DELIVERY_ERROR_COUNT - 1);
}

/* To the letter: the list withdraws consent where it says so, and drops the token that it says it drops. */
static void effects_are_those_the_list_names(void **state)
{
    (void)state;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        bool withdraws = strstr(e->cause[LANG_JA], "identify.subscription: false") != NULL;
        bool drops = strstr(e->cause[LANG_JA], "次回以降メッセージを送信しない") != NULL;
        assert_false(withdraws && drops);
        assert_int_equal(e->seed_effect, withdraws ? RECEIPT_UNSUBSCRIBE
                                         : drops   ? RECEIPT_DROP_TOKEN
                                                   : RECEIPT_NO_EFFECT);
    }
}

/* The careful reading: nothing that may pass drops anybody, and nobody suffers for another's fault. */
static void columns_agree(void **state)
{
    (void)state;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        if (e->effect == RECEIPT_UNSUBSCRIBE || e->effect == RECEIPT_DROP_TOKEN) {
            assert_int_equal(e->retry, RECEIPT_RETRY_NO);
            assert_int_equal(e->whom, RECEIPT_RECIPIENT);
        }
        if (e->effect == RECEIPT_PAUSE_JOB)
            assert_int_equal(e->whom, RECEIPT_ACCOUNT);
        if (e->scope == DELIVERY_JOB || e->scope == DELIVERY_COMMON)
            assert_true(e->effect == RECEIPT_NO_EFFECT || e->effect == RECEIPT_PAUSE_JOB);
        if (e->retry == RECEIPT_RETRY_YES || e->retry == RECEIPT_RETRY_LATER)
            for (int lang = LANG_EN; lang <= LANG_JA; lang++) /* the advice says how */
                assert_true(strstr(e->advice[lang], "`todoke job retry`") ||
                            strstr(e->advice[lang], "`todoke job resume`"));
        else
            assert_null(strstr(e->advice[LANG_EN], "`todoke job retry`"));
        if (e->effect == RECEIPT_PAUSE_JOB)
            assert_non_null(strstr(e->advice[LANG_EN], "`todoke job resume`"));
    }
}

static void words_for_people_exist_in_both_languages(void **state)
{
    (void)state;
#define BOTH(fn, x) ((const char *const[2]){fn(x, LANG_EN), fn(x, LANG_JA)})
    for (enum receipt_retry r = RECEIPT_RETRY_YES; r <= RECEIPT_RETRY_SENT_UNKNOWN; r++)
        assert_texts(receipt_retry_text(r), BOTH(receipt_retry_words, r));
    for (enum receipt_effect e = RECEIPT_NO_EFFECT; e <= RECEIPT_PAUSE_JOB; e++)
        assert_texts(receipt_effect_text(e), BOTH(receipt_effect_words, e));
    for (enum receipt_whom w = RECEIPT_RECIPIENT; w <= RECEIPT_PROVIDER; w++)
        assert_texts(receipt_whom_text(w), BOTH(receipt_whom_words, w));
#undef BOTH
    assert_string_equal(receipt_retry_text(RECEIPT_RETRY_SENT_UNKNOWN), "unknown-sent");
    assert_string_equal(receipt_effect_text(RECEIPT_NO_EFFECT), "none");
    assert_string_equal(receipt_effect_text(RECEIPT_DROP_TOKEN), "drop_token");
    assert_string_equal(receipt_whom_text(RECEIPT_ACCOUNT), "account");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_byte_for_byte),
        cmocka_unit_test(as_many_as_the_list_has),
        cmocka_unit_test(rows_have_all_their_words),
        cmocka_unit_test(kinds_are_called_one_thing),
        cmocka_unit_test(found_by_exact_id_only),
        cmocka_unit_test(effects_are_those_the_list_names),
        cmocka_unit_test(columns_agree),
        cmocka_unit_test(words_for_people_exist_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
