#pragma once
/* What is accepted as a userId and as a value of a target, and the form in which it is kept. */
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "store/audience.h"

/* Why something is refused: which field, as a path, and why. Never the value, which names a person. */
struct read_fault {
    char field[120];
    char why[200];
};
/* Sets the fault and returns ERR_INVALID. */
enum err read_refuse(struct read_fault *f, const char *field, const char *why) MUST_CHECK;

/*
 * All return NULL, or why the text is refused; "" where memory is missing. Results are in the arena or
 * text.
 */
const char *target_read_name(struct span text); /* a userId */
/* A mail address is kept as mails carry it (model/email.h); an endpoint as it is. */
const char *target_read_value(struct arena *a, enum medium medium, struct span text, bool allow_http,
                              struct span *ret);
/* A key of a browser's subscription (RFC 8291 2): base64 of either alphabet becomes base64url. */
const char *target_read_p256dh(struct arena *a, struct span text, struct span *ret); /* 65 bytes, a point */
const char *target_read_auth(struct arena *a, struct span text, struct span *ret);   /* 16 bytes */

/* A row's value of a list by that. */
const char *target_read_by(struct arena *a, enum by by, struct span text, bool allow_http, struct span *ret);
