#pragma once
/*
 * Keeps somebody in charge who can log in: the node always has an operator, and every provider an Admin.
 * Whatever removes an account or its role checks here first, in the transaction of the change.
 */
#include "store/backend.h"

#define KEEP_WHY_LEN 700u /* size of the explanation, which contains a provider's name */

/* ERR_CONFLICT: without the account no operator would be left; why gets the explanation. */
enum err keep_operator(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN]) MUST_CHECK;
/* The same check for every provider that the account administers. */
enum err keep_admin(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN]) MUST_CHECK;
/*
 * The same check for one provider; passes if the account does not administer it. known: count only roles that
 * the caller may know of.
 */
enum err keep_admin_of(struct backend *b, int64_t provider_id, int64_t account_id, bool known,
                       char why[static KEEP_WHY_LEN]) MUST_CHECK;
