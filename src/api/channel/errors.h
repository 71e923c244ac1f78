#pragma once
/* Inside of the error statistics' routes: what was asked for, and the download. */
#include "api/call.h"
#include "report/statistics.h"

struct error_query {
    struct error_page page; /* at, limit and scan are the caller's */
    int zone;
    int64_t from_ms, to_ms; /* as asked for; 0: from the beginning, INT64_MAX: up to now */
    bool counting;          /* whether an error of this channel would be counted now */
};

/* Answers with 200 and a file that is read from the store piece by piece; q is copied. */
void errors_download(struct call *c, const struct error_query *q, enum lang lang);
