#pragma once
/* Output of `todoke probe`: a JSON line for programs; a timeline and the catalogue's texts for people. */
#include "base/err.h"
#include "exchange/exchange.h"
#include "fault/fault.h"

/* Prints one JSON object on one line and flushes. lang: of its last two members, explanation and advice.
 * advice: indexed by enum lang, replaces the catalogue's; may be NULL. ERR_IO, ERR_NOMEM. */
enum err probe_print_json(const struct exchange_result *r, enum lang lang,
                          const char *const *advice) MUST_CHECK;

/* The exit status for a reason: 0 ok, 10 could_not_connect, 11 request_timeout, 12 error_status_code, 13
 * unclassified. */
int probe_exit_code(enum reason reason);

void probe_print_people(const char *url, const struct exchange_result *r, enum lang lang,
                        const char *const *advice);
