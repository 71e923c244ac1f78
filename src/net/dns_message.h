#pragma once
/* What c-ares does not tell of a DNS answer (RFC 1035 4). Reads bytes of strangers; names are expanded by c-ares. */
#include <stdbool.h>

/* Whether the aliases in an answer without addresses run in a circle: name after name is followed from the first. msg: the whole message. */
bool dns_has_cname_loop(const unsigned char *msg, int len);
