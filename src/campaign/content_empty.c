#include <stdbool.h>

#include "base/json_scan.h"
#include "base/utf8.h"
#include "campaign/content.h"

/* White space, and characters that show nothing. */
static bool is_blank(uint32_t cp)
{
    return cp <= ' ' || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200D) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x2060 || cp == 0x3000 || cp == 0xFEFF;
}

/*
 * The character at the front of a string's inside, whose escapes are read. Returns its length as written; 0:
 * at its end.
 */
static size_t character(struct span s, uint32_t *ret_cp)
{
    static const char white[] = "nrtbf";
    if (s.len >= 2 && s.ptr[0] == '\\') {
        if (memchr(white, s.ptr[1], sizeof(white) - 1)) {
            *ret_cp = ' ';
            return 2;
        }
        if (s.ptr[1] != 'u' || s.len < 6) {
            *ret_cp = (uint32_t)(unsigned char)s.ptr[1];
            return 2;
        }
        *ret_cp = 0;
        for (size_t i = 2; i < 6; i++) {
            char c = s.ptr[i];
            uint32_t digit = (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
            *ret_cp = *ret_cp << 4 | digit;
        }
        return 6;
    }
    return utf8_next(s.ptr, s.len, ret_cp);
}

/* A string that shows nothing. */
static bool is_blank_string(struct json_value value)
{
    struct span s = {value.raw.ptr + 1, value.raw.len - 2};
    uint32_t cp = 0;
    size_t n;
    while ((n = character(s, &cp)) > 0 && is_blank(cp))
        s = (struct span){s.ptr + n, s.len - n};
    return s.len == 0;
}

/* A message of LINE that is a text which shows nothing: the service refuses it. */
static bool is_blank_message(struct json_value message)
{
    struct json_field fields[] = {{"type", {0}}, {"text", {0}}};
    return json_pick(message, fields, 2) == ERR_NONE && json_string_is(fields[0].value, "text") &&
           fields[1].value.kind == JSON_KIND_STRING && is_blank_string(fields[1].value);
}

/* Whether a member is absent, null, a container of nothing, or a string that shows nothing. */
static bool nothing_in(const struct content_rendered *rendered, const char *name)
{
    struct span json = content_member(rendered, name), key;
    if (json.len == 0)
        return true;
    struct json_value value = json_root(json), inner;
    struct json_iter elements = json_elements(value), members = json_members(value);
    switch (value.kind) {
    case JSON_KIND_STRING:
        return is_blank_string(value);
    case JSON_KIND_ARRAY:
        while (json_next_element(&elements, &inner))
            if (!is_blank_message(inner))
                return false;
        return true;
    case JSON_KIND_OBJECT:
        return !json_next_member(&members, &key, &inner);
    case JSON_KIND_NONE:
    case JSON_KIND_NULL:
        return true;
    case JSON_KIND_NUMBER:
    case JSON_KIND_TRUE:
    case JSON_KIND_FALSE:
        break;
    }
    return false;
}

bool content_is_empty(enum medium medium, const struct content_rendered *rendered)
{
    switch (medium) {
    case MEDIUM_MAIL:
        return nothing_in(rendered, "html") && nothing_in(rendered, "text");
    case MEDIUM_LINE:
        return nothing_in(rendered, "messages");
    case MEDIUM_PUSH: /* one with data alone is a message to the app, not to the person */
        return nothing_in(rendered, "title") && nothing_in(rendered, "body") && nothing_in(rendered, "data");
    case MEDIUM_BROWSER:
        return nothing_in(rendered, "title") && nothing_in(rendered, "body");
    case MEDIUM_COUNT:
        break;
    }
    return true;
}
