#pragma once
/*
 * The second catalogue: why a message of a targeted delivery did not arrive. Every row is one text of the
 * customer's error list (ターゲット配信で発生するエラーの一覧), with its kind (エラーの種類), byte for byte, and is
 * defined exactly once, in delivery_error.def. Stored and shown as strings, never as numbers.
 */
#include "base/err.h"
#include "base/span.h"

/* What a message goes over; "channel" in the API. */
enum medium { MEDIUM_MAIL, MEDIUM_PUSH, MEDIUM_LINE, MEDIUM_BROWSER, MEDIUM_COUNT };

/* Where the list has the row. */
enum delivery_scope {
    DELIVERY_JOB,
    DELIVERY_COMMON,
    DELIVERY_MAIL,
    DELIVERY_PUSH,
    DELIVERY_LINE,
    DELIVERY_BROWSER
};

enum delivery_error_id {
#define DELIVERY_ERROR(id, ...) DELIVERY_ERROR_##id,
#include "fault/delivery_error.def"
#undef DELIVERY_ERROR
    DELIVERY_ERROR_COUNT
};

struct delivery_error {
    const char *id; /* "bounce_user_unknown" */
    enum delivery_scope scope;
    const char *text;    /* as the list prints it, placeholders included */
    const char *kind;    /* the list's: "バウンスエラー" */
    const char *kind_en; /* "bounce error" */
};

const struct delivery_error *delivery_error_of(enum delivery_error_id id);
/* By its exact id; ERR_NOT_FOUND otherwise. */
enum err delivery_error_find(struct span id, enum delivery_error_id *ret) MUST_CHECK;
