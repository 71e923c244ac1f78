#pragma once
/*
 * What is wrong with a text that json_check() refuses, for whoever has to mend it: the place as a path, and
 * words. It reads the text once more from its start, so it costs nothing as long as all is well.
 */
#include "base/json_scan.h"

#define JSON_FAULT_PATH 192u
#define JSON_FAULT_MESSAGE 200u

struct json_fault {
    char path
        [JSON_FAULT_PATH]; /* "events[3].message.text": the value it is in; "": the text as a whole. The end of a long one is "…" */
    char message[JSON_FAULT_MESSAGE]; /* "\ud800 at byte 71 is half of a surrogate pair: …" */
};

/* e and at as json_check() returned them for text and max_depth. */
void json_fault_find(struct span text, unsigned max_depth, enum err e, size_t at, struct json_fault *ret);
/* Only the path of the value at that byte; the text is sound up to there. */
void json_fault_place(struct span text, size_t at, struct json_fault *ret);
