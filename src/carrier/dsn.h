#pragma once
/*
 * Reads a delivery status notification (RFC 3464): which of a mail's recipients failed, was delayed or was
 * reached, with the codes and words of the server. MIME is taken apart by GMime, whatever the encoding of a
 * part; the blocks of fields inside are split here. Defined for all bytes: strangers send them.
 */
#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define DSN_BYTES_MAX                                                                                        \
    (1u << 20)                 /* read of a message: the fields stand in front of the mail that it returns */
#define DSN_RECIPIENTS_MAX 64u /* a mail of ours has one; behind it may be a list */
#define DSN_NAMES_MAX 32u

/* Unfolded, without the types in front ("rfc822;", "smtp;" stays); empty: the notice does not say. */
struct dsn_recipient {
    struct span original, final; /* addresses */
    struct span action, status;
    struct span diagnostic; /* with its type: "smtp; 550 5.1.1 …" */
};

struct dsn {
    struct arena arena; /* holds the spans */
    struct dsn_recipient recipients[DSN_RECIPIENTS_MAX];
    size_t count;
    /*
     * Where a name of the mail may stand: addresses that the notice went to, envelope sender and Message-ID
     * of the mail that it returns.
     */
    struct span names[DSN_NAMES_MAX];
    size_t name_count;
    struct span returned_to; /* the returned mail's To */
    bool incomplete;         /* while it is read: memory was missing */
};

/* ERR_INVALID: it is no notification; ERR_NOMEM. *ret is to be freed with dsn_free() after ERR_NONE only. */
enum err dsn_read(struct span message, struct dsn *ret) MUST_CHECK;
void dsn_free(struct dsn *d);
/*
 * Which of the recipients it is about: that of the mail's target, else the only one, else the first that
 * failed.
 */
const struct dsn_recipient *dsn_recipient_of(const struct dsn *d, struct span target);
