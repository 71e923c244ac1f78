#pragma once
/* Bodies about accounts: members that are strings, and the accounts and sessions that are answered. */
#include "api/call.h"

/* A member that must be a string. */
struct session_member {
    const char *name;
    bool required;
    const char **to; /* its value, in the arena; NULL: absent */
};
/* Reads the body, an object of these members alone; false: answered with 400 already. */
bool session_members(struct call *c, const struct session_member *members, size_t count) MUST_CHECK;

/* Each false: answered with 400 already. NULL is left alone. */
bool session_read_email(struct call *c, const char *text, char out[static ACCOUNT_EMAIL_MAX + 1]) MUST_CHECK;
bool session_read_name(struct call *c, const char *text, char out[static ACCOUNT_NAME_MAX + 1]) MUST_CHECK;
bool session_read_language(struct call *c, const char *text, char out[static 3]) MUST_CHECK;

/* Whether the account may make a provider at all; how many it has made is another matter. */
bool session_may_make_providers(const struct call *c, const struct account *a);

/* A session as it is answered, in c's buffer. Inside a call of the store. */
enum err session_show(struct call *c, struct backend *b, const struct account *a, struct span cookie,
                      int64_t expires_ms) MUST_CHECK;
