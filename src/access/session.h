#pragma once
/*
 * Sessions of the console: a cookie that scripts cannot read, and a token in a header that other sites cannot
 * send (RFC 6265bis; OWASP's double submit, signed). The token is derived from the cookie, so only the
 * cookie's hash is stored.
 */
#include <stdbool.h>

#include "access/ticket.h"

#define SESSION_COOKIE "todoke_session"
#define SESSION_ABSOLUTE_MS (30 * INT64_C(86400000)) /* after this time the user must log in again */
#define SESSION_MAX 50u /* of one account; a new one replaces the least recently used */
#define SESSION_COOKIE_LEN 160u

/*
 * The value of the session cookie in a Cookie header (RFC 6265 4.2.1); ptr is NULL if it is missing or has
 * the wrong form.
 */
struct span session_cookie(struct span header);

/* The required value of the header x-csrf-token: HMAC-SHA-256 under the cookie's value. */
void session_csrf(struct span cookie, char text[static TICKET_LEN + 1]);
bool session_csrf_ok(struct span cookie, struct span given); /* compares in constant time */

/*
 * When an unused session ends: idle_ms after its last use, or SESSION_ABSOLUTE_MS after it began if that is
 * earlier.
 */
int64_t session_expires(const struct session *s, int64_t idle_ms);
/*
 * Whether the time of last use should be stored again: it may lag by a twentieth of idle_ms, and by a minute
 * at most.
 */
bool session_stale(const struct session *s, int64_t idle_ms, int64_t now_ms);

/* Writes the Set-Cookie header; an empty text deletes the cookie. */
void session_set_cookie(const char *text, bool secure, char out[static SESSION_COOKIE_LEN]);
