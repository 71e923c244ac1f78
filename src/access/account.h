#pragma once
/* The words for roles. */
#include "model/account.h"

const char *account_grant_text(enum grant g); /* "admin", "member", "tester", "none" */
/* The grant of a word; GRANT_NONE: it is none. */
enum grant account_grant_of(const char *text);
