#pragma once
/* The twin of sqlite_error.c. A part of memory.c's tables. */
#include "store/backend.h"

struct memory_error {
    struct error_row row; /* its spans refer to the texts below */
    char reason[ERROR_REASON_MAX + 1], detail[ERROR_DETAIL_MAX + 1];
};

struct memory_errors { /* zeroed: none */
    struct memory_error *items;
    size_t count, alloc;
};

void memory_errors_free(struct memory_errors *v);
/* to is overwritten. ERR_NOMEM. */
enum err memory_errors_copy(struct memory_errors *to, const struct memory_errors *from) MUST_CHECK;

enum err memory_error_result(struct memory_errors *v, const struct attempt *a, int64_t wall_ms) MUST_CHECK;
enum err memory_error_list(const struct memory_errors *v, struct error_page *p, error_row_fn *fn,
                           void *arg) MUST_CHECK;
void memory_error_forget(struct memory_errors *v, int64_t channel_id);
void memory_error_tidy(struct memory_errors *v, struct error_tidy *t);
