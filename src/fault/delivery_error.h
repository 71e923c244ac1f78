#pragma once
/*
 * The second catalogue: why a message of a targeted delivery did not arrive. It is the customer's error list
 * (ターゲット配信で発生するエラーの一覧), defined exactly once, in delivery_error.def: tables, their rows
 * (entries), and the texts of a row. A text is what an error is named by, and is a row of this catalogue.
 * Stored and shown as strings, never as numbers.
 */
#include "base/err.h"
#include "base/span.h"
#include "fault/fault.h"

/* What a message goes over; "channel" in the API. */
enum medium { MEDIUM_MAIL, MEDIUM_PUSH, MEDIUM_LINE, MEDIUM_BROWSER, MEDIUM_COUNT };

/* The table of the list that has the row: DELIVERY_JOB, DELIVERY_COMMON, DELIVERY_MAIL, DELIVERY_PUSH … */
enum delivery_scope {
#define DELIVERY_SCOPE(id, ...) DELIVERY_##id,
#include "fault/delivery_error.def"
    DELIVERY_SCOPE_COUNT
};

/* The row of that table. */
enum delivery_entry_id {
#define DELIVERY_ENTRY(id, ...) DELIVERY_ENTRY_##id,
#include "fault/delivery_error.def"
    DELIVERY_ENTRY_COUNT
};

enum delivery_error_id {
#define DELIVERY_ERROR(id, ...) DELIVERY_ERROR_##id,
#include "fault/delivery_error.def"
    DELIVERY_ERROR_COUNT
};

/*
 * May a message be sent again that failed so? YES: it was provably not taken, and the fault is over. LATER:
 * the same, once the fault has passed. SENT_UNKNOWN: the service may have taken it: never by itself.
 */
enum receipt_retry { RECEIPT_RETRY_YES, RECEIPT_RETRY_LATER, RECEIPT_RETRY_NO, RECEIPT_RETRY_SENT_UNKNOWN };
/* What it changes beside the message. */
enum receipt_effect { RECEIPT_NO_EFFECT, RECEIPT_UNSUBSCRIBE, RECEIPT_DROP_TOKEN, RECEIPT_PAUSE_JOB };
/* Whom it concerns, and so who has to act. */
enum receipt_whom { RECEIPT_RECIPIENT, RECEIPT_MESSAGE, RECEIPT_ACCOUNT, RECEIPT_PROVIDER };

/* Pairs of texts are by enum lang. */
struct delivery_scope_info {
    const char *key;       /* "mail" */
    const char *title[2];  /* "Mail (SendGrid)"; Japanese: the list's heading */
    const char *remark[2]; /* what the list says below the table; "": nothing */
};

struct delivery_error {
    const char *id; /* "bounce_user_unknown" */
    enum delivery_scope scope;
    enum delivery_entry_id entry; /* rows of one entry are neighbours, and share kind, legend and cause */
    const char *entry_id;         /* "bounce" */
    const char *text;             /* as the list prints it, placeholders included */
    const char *kind;             /* the list's: "バウンスエラー" */
    const char *kind_en;          /* "bounce" */
    const char *legend[2];        /* what the list says of the text's placeholders; "": nothing */
    const char *cause[2]; /* Japanese: the list's よくある原因・備考, which may hold line breaks */
    /* What holds of the row in general; receipt_of() decides for one answer. */
    enum receipt_retry retry;
    enum receipt_effect effect;      /* the careful reading */
    enum receipt_effect seed_effect; /* the customer's list to the letter */
    enum receipt_whom whom;
    const char *advice[2]; /* what to do, the first step first */
};

/* Never NULL. In the order of the ids the rows stand as in the list: by table, by entry, by text. */
const struct delivery_error *delivery_error_of(enum delivery_error_id id);
/* By its exact id; ERR_NOT_FOUND otherwise. Texts and kinds: delivery_search.h. */
enum err delivery_error_find(struct span id, enum delivery_error_id *ret) MUST_CHECK;

const struct delivery_scope_info *delivery_scope_of(enum delivery_scope s);

/* The strings stored and shown. */
const char *receipt_retry_text(enum receipt_retry r);   /* "yes", "later", "no", "unknown-sent" */
const char *receipt_effect_text(enum receipt_effect e); /* "none", "unsubscribe", "drop_token", "pause_job" */
const char *receipt_whom_text(enum receipt_whom w);     /* "recipient", "message", "account", "provider" */

/* The same for people, as a phrase: "later: once the fault has passed". */
const char *receipt_retry_words(enum receipt_retry r, enum lang lang);
const char *receipt_effect_words(enum receipt_effect e, enum lang lang);
const char *receipt_whom_words(enum receipt_whom w, enum lang lang);
