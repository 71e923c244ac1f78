#pragma once
/* How `todoke probe` tells a result: a line of JSON for programs, a timeline and the words of the catalogue for people. */
#include "base/err.h"
#include "fault/fault.h"
#include "net/exchange.h"

/* One object, one line, flushed. ERR_IO, ERR_NOMEM. */
enum err probe_print_json(const struct exchange_result *r) MUST_CHECK;

void probe_print_people(const char *url, const struct exchange_result *r, enum lang lang);
