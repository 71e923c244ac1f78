#pragma once
/* What every text of a catalogue has to hold to. After <cmocka.h>. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "fault/fault.h"

/* Whether text holds a hiragana, katakana or kanji. Fails the test on malformed UTF-8. */
static inline bool has_japanese(const char *text)
{
    bool found = false;
    size_t left = strlen(text);
    while (left > 0) {
        uint32_t c = 0;
        size_t n = utf8_next(text, left, &c);
        if (n == 0)
            fail_msg("malformed UTF-8: %s", text);
        found = found || (c >= 0x3041 && c <= 0x30ff) || (c >= 0x4e00 && c <= 0x9fff);
        text += n;
        left -= n;
    }
    return found;
}

/* A sentence that can be shown: something stands in it, tidily, and ends. */
static inline void assert_tidy(const char *where, const char *text)
{
    size_t len = strlen(text);
    if (len == 0)
        fail_msg("%s: empty", where);
    if (text[0] == ' ' || text[len - 1] == ' ')
        fail_msg("%s: white space at an end: \"%s\"", where, text);
    if (strstr(text, "  "))
        fail_msg("%s: double space: \"%s\"", where, text);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ')
            fail_msg("%s: control character: \"%s\"", where, text);
    size_t ticks = 0;
    for (size_t i = 0; i < len; i++)
        ticks += text[i] == '`';
    if (ticks % 2 != 0)
        fail_msg("%s: `code` that does not end: \"%s\"", where, text);
}

static inline void assert_texts(const char *where, const char *const text[2])
{
    assert_tidy(where, text[LANG_EN]);
    assert_tidy(where, text[LANG_JA]);
    if (has_japanese(text[LANG_EN]))
        fail_msg("%s: Japanese in the English text: \"%s\"", where, text[LANG_EN]);
    if (!has_japanese(text[LANG_JA]))
        fail_msg("%s: no Japanese in the Japanese text: \"%s\"", where, text[LANG_JA]);
}

static inline void assert_sentences(const char *where, const char *const text[2])
{
    assert_texts(where, text);
    const char *en = text[LANG_EN], *ja = text[LANG_JA];
    char last = en[strlen(en) - 1];
    if (last != '.' && last != ')')
        fail_msg("%s: no full stop: \"%s\"", where, en);
    static const char full_stop[] = "。", bracket[] = "）";
    const char *end = ja + strlen(ja) - 3;
    if (strcmp(end, full_stop) != 0 && strcmp(end, bracket) != 0)
        fail_msg("%s: no full stop: \"%s\"", where, ja);
}

/* Lower case, digits and underscores: stored, shown and grepped for. */
static inline void assert_id(const char *id)
{
    for (const char *p = id; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
            fail_msg("\"%s\" is no id", id);
}
