#pragma once
/*
 * A campaign's mail to one person, for a relay: the envelope and the bytes. The envelope sender names job,
 * message and a key that nobody can guess (VERP), so that a bounce says whose it is, and nobody else can
 * say so.
 */
#include "base/buf.h"
#include "campaign/message_key.h"
#include "carrier/carrier.h"
#include "model/email.h"

#define MAIL_BYTES_MAX (8u << 20) /* a content of half a megabyte in base64, and the copy of its text */

struct mail_built {
    char from[EMAIL_MAX + 1]; /* of the envelope */
    char to[EMAIL_MAX + 1];
    struct buf bytes; /* lines end with CRLF */
};
void mail_built_deinit(struct mail_built *m); /* safe on a zeroed struct */

/*
 * ERR_INVALID: *why says what of the content cannot be sent, or that the target is no address; ERR_LIMIT:
 * it is too large (*why says so); ERR_NOMEM.
 */
enum err mail_build(const struct carrier_smtp *smtp, const struct parcel *p, int64_t wall_ms,
                    struct mail_built *ret, struct carrier_fault *why) MUST_CHECK;

/*
 * The message that a name stands for: an envelope sender "b+JOB.N.KEY@domain", or a Message-ID
 * "JOB.N.KEY@domain". False: it is none of ours.
 */
struct mail_verp {
    int64_t job_id, n;
    char key[MESSAGE_KEY_LEN + 1];
};
bool mail_verp_read(struct span address, struct mail_verp *ret);
