#pragma once
/* Prints how a sender is verified, as it happens, and what a trial of one message came to. */
#include "command/answer.h"
#include "command/client.h"
#include "command/paint.h"
#include "fault/fault.h"

/* Verifies the sender of that path (…/senders/5/verify). Exit: 0 it works, else as `todoke probe` does. */
int sender_verify_run(const struct client *c, const char *path, enum lang lang, bool json);

/* Prints the error of an answer, its kind, cause and advice. error: as "error" of a verdict or a trial. */
void sender_verify_error(const struct paint *p, struct json_value error, enum lang lang);
