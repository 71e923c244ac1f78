#pragma once
/*
 * An account is confirmed when it is certain that whoever has it owns its mail address: by a link that was
 * sent there, or by the word of an operator. Only then do the roles count that others gave to the address.
 */
#include "base/buf.h"
#include "store/backend.h"

/* How it became certain. */
enum confirm_by {
    CONFIRM_WORD, /* an operator vouches for whoever uses the account now */
    CONFIRM_HAND_OVER, /* somebody sets its password, by a link or for its owner: whoever used it before may have been another one */
};

/* *a becomes confirmed, before its new password is in it; what the one before chose to be called goes at a
 * hand-over. */
void confirm_mark(struct account *a, enum confirm_by by);
/*
 * And its roles, given the account as it was before: they wait no longer. At a hand-over those go that
 * somebody used under an address that was not proven: a provider that was made in the owner's name is a trap.
 * dropped gets them, "provider/3 admin, channel/2000000001 member"; what is beyond its cap is left out.
 * Nothing happens to one that was confirmed.
 */
enum err confirm_roles(struct backend *b, const struct account *before, enum confirm_by by,
                       struct buf *dropped) MUST_CHECK;
