#pragma once
/* What SendGrid's answer to one request says about each of its recipients. */
#include "base/span.h"
#include "fault/receipt.h"

#define RECEIPT_SENDGRID_MAX 1000u /* personalizations that SendGrid takes in a request */

struct receipt_blame {
    bool whole;   /* an error is about the request itself: without a cure, no recipient can be sent again */
    size_t count; /* blamed personalizations */
    uint16_t indexes[RECEIPT_SENDGRID_MAX]; /* ascending, each once */
};

/*
 * Which personalizations an answer of 400 blames, by the paths in the fields of its errors
 * ("personalizations.12.to.0.email"). When `whole` is false the others can be sent again as they were. A body
 * that is no list of errors blames the whole request.
 */
void receipt_sendgrid_blame(struct span body, struct receipt_blame *ret);
