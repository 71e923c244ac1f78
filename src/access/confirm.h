#pragma once
/*
 * An account is confirmed when it is certain that its user owns its mail address: they used a link mailed to
 * the address, or an operator vouches for them. Roles that others gave to the address take effect only then.
 */
#include "base/buf.h"
#include "store/backend.h"

/* How the account is confirmed. */
enum confirm_by {
    CONFIRM_WORD, /* an operator vouches for whoever uses the account now */
    /*
     * somebody sets its password, by a link or for its owner: the account's user before may have been another
     * person
     */
    CONFIRM_HAND_OVER,
};

/*
 * Marks *a as confirmed; call it before *a gets its new password. A hand-over clears the name that the
 * previous user chose.
 */
void confirm_mark(struct account *a, enum confirm_by by);
/*
 * Releases the roles that waited for the confirmation. `before` is the account as it was before. A hand-over
 * removes the roles that the previous user had under the unproven address: a provider made in the owner's
 * name would be a trap. dropped gets the removed roles, "provider/3 admin, channel/2000000001 member"; those
 * beyond its cap are left out. Does nothing if the account was confirmed already.
 */
enum err confirm_roles(struct backend *b, const struct account *before, enum confirm_by by,
                       struct buf *dropped) MUST_CHECK;
