#pragma once
/*
 * A ticket: 256 random bits as 43 characters of base64url. Whoever shows it may use what it stands for: a
 * session (in a cookie), the first account (in the setup link), setting a password (in an invitation). The
 * store holds only its SHA-256.
 */
#include "base/random.h"
#include "model/account.h"

#define TICKET_LEN 43u

void ticket_make(const struct random *r, char text[static TICKET_LEN + 1],
                 uint8_t hash[static SESSION_HASH_LEN]);
void ticket_hash(struct span text, uint8_t hash[static SESSION_HASH_LEN]);
/* Writes 32 bytes as a ticket's text. */
void ticket_text(const uint8_t bytes[static 32], char text[static TICKET_LEN + 1]);
