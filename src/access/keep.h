#pragma once
/*
 * What always has somebody: the node an operator, a provider an Admin, who can log in. Whatever ends an
 * account or its role asks here first, in the transaction of the change.
 */
#include "store/backend.h"

#define KEEP_WHY_LEN 700u /* of the words, with a provider's name in them */

/* ERR_CONFLICT: nobody would be left without the account, and why says so. */
enum err keep_operator(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN]) MUST_CHECK;
/* The same for every provider that the account administers. */
enum err keep_admin(struct backend *b, int64_t account_id, char why[static KEEP_WHY_LEN]) MUST_CHECK;
/* For one provider, which the account may not administer at all. known: to one who must not learn more, only
 * those count whose role is known. */
enum err keep_admin_of(struct backend *b, int64_t provider_id, int64_t account_id, bool known,
                       char why[static KEEP_WHY_LEN]) MUST_CHECK;
