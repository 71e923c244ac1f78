#pragma once
/* What senders and campaigns have in common as resources: how their bodies are read and merged. */
#include "api/call.h"
#include "base/json_scan.h"
#include "fault/receipt.h"

/*
 * The body as an object for the scanner: its bytes stay as they were given. *ret lives as long as the
 * request. false: already answered with 400.
 */
bool part_body(struct call *c, struct json_value *ret) MUST_CHECK;
/* The text of a member, decoded, in the arena. false: already answered. */
bool part_text(struct call *c, const char *property, struct json_value value, struct span *ret) MUST_CHECK;
/* The name of a sender or a campaign. false: already answered. */
bool part_name(struct call *c, struct json_value value, struct span *ret) MUST_CHECK;
bool part_bool(struct call *c, const char *property, struct json_value value, bool *ret) MUST_CHECK;
/* An id, as a text or an integer. false: already answered. */
bool part_id(struct call *c, const char *property, struct json_value value, int64_t *ret) MUST_CHECK;
/* call_invalid() about a member whose name is the client's. */
void part_unknown(struct call *c, struct span key);
/* Replaces *s by a copy in the arena. false: out of memory; nothing was answered. */
bool part_keep(struct call *c, struct span *s) MUST_CHECK;

/* Open jobs that have to hear of a change: those of a sender. Filled in the run. */
struct part_jobs {
    int64_t *ids;
    size_t count, room;
};
/* All open jobs of the sender; in a run, which may be repeated. */
enum err part_jobs_of(struct call *c, struct backend *b, int64_t sender_id, struct part_jobs *ret) MUST_CHECK;
/* Tells them, after the commit. */
void part_jobs_notify(struct call *c, int64_t sender_id, const struct part_jobs *jobs);

/*
 * Whether requests can be sent to the service from here. Mail over SMTP has a client of its own, which the
 * API does not reach: false, and answered with 409.
 */
bool part_asks(struct call *c, enum service service) MUST_CHECK;

/* The language that errors are explained in: ?lang=en or ja, else English. false: already answered. */
bool part_language(struct call *c, enum lang *ret) MUST_CHECK;
/* The error of a receipt, as a message of a job shows it, but without an effect: nothing was changed. */
void part_write_receipt(struct json_write *w, const struct receipt *r, enum lang lang);
