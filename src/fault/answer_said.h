#pragma once
/*
 * What answers without a structure say: error pages of proxies, lines of text, messages of libraries that
 * found no answer at all. Read without allocation, in time linear in the length of the text.
 */
#include "fault/answer_text.h"

/*
 * The words of a body that is no JSON, as a span of it or of out: the title of an HTML page, else its first
 * heading, else its text without tags; a plain text as it is, cut at cap. Not yet normalised.
 */
struct span answer_said(struct span body, char *out, size_t cap);

/* The words that belong to an HTTP status (RFC 9110 15): "Service Unavailable". Empty for one without. */
struct span answer_said_status_words(int status);

/*
 * The HTTP status that a normalised text tells: "statuscode is not 200!:503: …", "fcm response: [404] …",
 * "status_code=400", the front of a page's title "502 bad gateway". 0: none.
 */
int answer_said_status(struct span text);

/*
 * How a normalised text says that no answer came: it names an error of the network or of a library. BEFORE:
 * before anything was sent, so that nothing can have been taken.
 */
enum answer_said_loss { ANSWER_SAID_NOTHING, ANSWER_SAID_LOST, ANSWER_SAID_LOST_BEFORE };
enum answer_said_loss answer_said_loss(struct span text);

/* The row whose pattern is this code, letter case aside; NULL: none, or the code is empty. */
const struct answer_rule *answer_said_code(const struct answer_rule *rules, size_t count, struct span code);

/* Appends s, cut between characters after max bytes and then ended by "…". */
void answer_said_put(struct receipt *r, struct span s, size_t max);

bool answer_said_rules_ok(void); /* whether all patterns are well formed; for the tests */
