#pragma once
/* Bodies about accounts: reads their values from requests, and writes accounts and sessions into answers. */
#include "api/call.h"

/* Each returns false after answering with 400, and ignores NULL. */
bool login_read_email(struct call *c, const char *text, char out[static EMAIL_MAX + 1]) MUST_CHECK;
bool login_read_name(struct call *c, const char *text, char out[static ACCOUNT_NAME_MAX + 1]) MUST_CHECK;
bool login_read_language(struct call *c, const char *text, char out[static 3]) MUST_CHECK;

/* Whether the account may make providers at all, however many it has made. */
bool login_may_make_providers(const struct call *c, const struct account *a);

/* Writes a session into c's buffer. Inside a call of the store. */
enum err login_show(struct call *c, struct backend *b, const struct account *a, struct span cookie,
                    int64_t expires_ms) MUST_CHECK;
