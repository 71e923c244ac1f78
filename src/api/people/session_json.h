#pragma once
/* Bodies about accounts: what may be read, and the accounts and sessions that are answered. */
#include "api/call.h"

/* Each false: answered with 400 already. NULL is left alone. */
bool session_read_email(struct call *c, const char *text, char out[static EMAIL_MAX + 1]) MUST_CHECK;
bool session_read_name(struct call *c, const char *text, char out[static ACCOUNT_NAME_MAX + 1]) MUST_CHECK;
bool session_read_language(struct call *c, const char *text, char out[static 3]) MUST_CHECK;

/* Whether the account may make a provider at all; how many it has made is another matter. */
bool session_may_make_providers(const struct call *c, const struct account *a);

/* A session as it is answered, in c's buffer. Inside a call of the store. */
enum err session_show(struct call *c, struct backend *b, const struct account *a, struct span cookie,
                      int64_t expires_ms) MUST_CHECK;
