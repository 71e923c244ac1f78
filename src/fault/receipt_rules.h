#pragma once
/*
 * The rules of each medium, for receipt_of() alone. Each sets every member of *ret, which the caller has
 * zeroed, for every struct answer whose exchange was complete.
 */
#include "fault/receipt.h"

void receipt_mail(const struct answer *a, struct receipt *ret);
void receipt_push(const struct answer *a, struct receipt *ret);
void receipt_line(const struct answer *a, struct receipt *ret);
void receipt_browser(const struct answer *a, struct receipt *ret);
