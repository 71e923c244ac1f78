#pragma once
/* What a server says it can do, in its answer to EHLO (RFC 5321 4.1.1.1). */
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct capability {
    bool pipelining, starttls, eightbit, utf8; /* RFC 2920, 3207, 6152, 6531 */
    bool plain, login;                         /* of AUTH (RFC 4954) */
    uint64_t size;                             /* RFC 1870: the largest mail; 0: it does not say */
};

/* lines: the text of the reply, with \n between its lines; the first names the server. */
void capability_read(struct capability *ret, struct span lines);
