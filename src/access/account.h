#pragma once
/* The words for roles. */
#include "model/account.h"

const char *account_grant_text(enum grant g); /* "admin", "member", "tester", "none" */
/* The grant that a word names; GRANT_NONE: not a word for a role. */
enum grant account_grant_of(const char *text);
