#pragma once
/* Internal to the error statistics' routes: the query, and the download. */
#include "api/call.h"
#include "report/statistics.h"

struct error_query {
    struct error_page page; /* the caller sets at, limit and scan */
    int zone;
    int64_t from_ms, to_ms; /* as requested; 0: from the beginning, INT64_MAX: up to now */
    bool counting;          /* whether an error of this channel would be counted now */
};

/* Answers 200 with a file, read from the store in pieces; q is copied. */
void errors_download(struct call *c, const struct error_query *q, enum lang lang);
