#include "access/session.h"

#include <sodium.h>
#include <stdio.h>

static bool is_ticket(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
              c == '_'))
            return false;
    }
    return s.len == TICKET_LEN;
}

struct span session_cookie(struct span header)
{
    static const char name[] = SESSION_COOKIE "=";
    const char *p = header.ptr, *end = header.ptr + header.len;
    while (p && p < end) {
        while (p < end && (*p == ' ' || *p == ';'))
            p++;
        const char *semi = memchr(p, ';', (size_t)(end - p));
        struct span pair = {p, (size_t)((semi ? semi : end) - p)};
        if (span_starts(pair, SPAN_LIT(SESSION_COOKIE "="))) {
            struct span value = {pair.ptr + sizeof(name) - 1, pair.len - (sizeof(name) - 1)};
            if (is_ticket(value))
                return value;
        }
        p = semi;
    }
    return (struct span){NULL, 0};
}

void session_csrf(struct span cookie, char text[static TICKET_LEN + 1])
{
    static const unsigned char purpose[] = "x-csrf-token";
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    (void)crypto_auth_hmacsha256_init(&state, (const unsigned char *)cookie.ptr, cookie.len);
    (void)crypto_auth_hmacsha256_update(&state, purpose, sizeof(purpose) - 1);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    ticket_text(mac, text);
}

bool session_csrf_ok(struct span cookie, struct span given)
{
    char want[TICKET_LEN + 1];
    session_csrf(cookie, want);
    return given.len == TICKET_LEN && sodium_memcmp(want, given.ptr, TICKET_LEN) == 0;
}

int64_t session_expires(const struct session *s, int64_t idle_ms)
{
    int64_t idle = s->used_ms + idle_ms, absolute = s->created_ms + SESSION_ABSOLUTE_MS;
    return idle < absolute ? idle : absolute;
}

bool session_stale(const struct session *s, int64_t idle_ms, int64_t now_ms)
{
    int64_t step = idle_ms / 20 < 60000 ? idle_ms / 20 : 60000;
    return now_ms - s->used_ms >= step;
}

void session_set_cookie(const char *text, bool secure, char out[static SESSION_COOKIE_LEN])
{
    (void)snprintf(out, SESSION_COOKIE_LEN, SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict%s%s", text,
                   secure ? "; Secure" : "", text[0] ? "" : "; Max-Age=0");
}
