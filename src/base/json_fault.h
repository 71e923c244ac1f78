#pragma once
/*
 * Explains what is wrong with a text that json_check() refuses, for the person who must fix it: the place as
 * a path, and a message. It reads the text again from the start, so valid texts cost nothing extra.
 */
#include "base/json_scan.h"

#define JSON_FAULT_PATH 192u
#define JSON_FAULT_MESSAGE 200u

struct json_fault {
    /*
     * The value with the fault: "events[3].message.text"; "" is the whole text. A path that is too long ends
     * in "…".
     */
    char path[JSON_FAULT_PATH];
    char message[JSON_FAULT_MESSAGE]; /* "\ud800 at byte 71 is half of a surrogate pair: …" */
};

/* e and at are what json_check() returned for text and max_depth. */
void json_fault_find(struct span text, unsigned max_depth, enum err e, size_t at, struct json_fault *ret);
/* Finds only the path of the value at that byte; text must be valid up to there. */
void json_fault_place(struct span text, size_t at, struct json_fault *ret);
