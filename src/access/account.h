#pragma once
/* What makes an account: its mail address, and the words for roles. */
#include "base/err.h"
#include "model/account.h"

/*
 * A mail address in lower case: one @, something on both sides, no white space; whether mail arrives, only mail can tell. The local part
 * may differ by case in theory (RFC 5321 2.4), and never does in practice. ERR_INVALID.
 */
enum err account_email(struct span text, char out[static ACCOUNT_EMAIL_MAX + 1]) MUST_CHECK;

const char *account_grant_text(enum grant g); /* "admin", "member", "tester", "none" */
/* The grant of a word; GRANT_NONE: it is none. */
enum grant account_grant_of(const char *text);
