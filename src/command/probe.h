#pragma once
/* How `todoke probe` tells a result: a line of JSON for programs, a timeline and the words of the catalogue
 * for people. */
#include "base/err.h"
#include "exchange/exchange.h"
#include "fault/fault.h"

/* One object, one line, flushed; its last two members are words, in that language. advice: by enum lang,
 * instead of the catalogue's; NULL: that. ERR_IO, ERR_NOMEM. */
enum err probe_print_json(const struct exchange_result *r, enum lang lang,
                          const char *const *advice) MUST_CHECK;

/* The exit status that says so: 0 ok, 10 could_not_connect, 11 request_timeout, 12 error_status_code, 13
 * unclassified. */
int probe_exit_code(enum reason reason);

void probe_print_people(const char *url, const struct exchange_result *r, enum lang lang,
                        const char *const *advice);
