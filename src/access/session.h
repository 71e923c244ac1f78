#pragma once
/*
 * Sessions of the console: a cookie that scripts cannot read, and a token in a header that other sites cannot
 * send (RFC 6265bis; OWASP's double submit, signed). The token follows from the cookie, so nothing but the
 * cookie's hash is kept.
 */
#include <stdbool.h>

#include "access/ticket.h"

#define SESSION_COOKIE "todoke_session"
#define SESSION_ABSOLUTE_MS (30 * INT64_C(86400000)) /* then the password is asked for again */
#define SESSION_MAX 50u                              /* of an account; the one used longest ago goes first */
#define SESSION_COOKIE_LEN 160u

/* The cookie's value in a Cookie header (RFC 6265 4.2.1); ptr NULL: not there, or it cannot be one of
 * ours. */
struct span session_cookie(struct span header);

/* What the header x-csrf-token must hold, HMAC-SHA-256 under the cookie's value. */
void session_csrf(struct span cookie, char text[static TICKET_LEN + 1]);
bool session_csrf_ok(struct span cookie, struct span given); /* in constant time */

/* When it ends unless it is used: idle_ms after its last use, or SESSION_ABSOLUTE_MS after it began. */
int64_t session_expires(const struct session *s, int64_t idle_ms);
/* Whether a use is worth writing down: they are to a twentieth of idle_ms, and a minute at most. */
bool session_stale(const struct session *s, int64_t idle_ms, int64_t now_ms);

/* The Set-Cookie header; text "": the cookie goes. */
void session_set_cookie(const char *text, bool secure, char out[static SESSION_COOKIE_LEN]);
