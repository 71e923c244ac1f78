#include "net/dns_message.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <stdint.h>
#include <string.h>

#define CNAME_MAX 16  /* longest alias chain that is followed within one answer */
#define HEADER_LEN 12 /* RFC 1035 4.1.1 */

static uint16_t read16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Skips a name at p; NULL when it leaves the message. */
static const unsigned char *skip_name(const unsigned char *p, const unsigned char *msg, int len)
{
    char *name = NULL;
    long used = 0;
    if (ares_expand_name(p, msg, len, &name, &used) != ARES_SUCCESS)
        return NULL;
    ares_free_string(name);
    return p + used;
}

/* Whether the aliases of an answer without addresses run in a circle: name after name is followed from the
 * question. */
bool dns_has_cname_loop(const unsigned char *msg, int len)
{
    struct {
        char *from, *to;
    } alias[CNAME_MAX];
    size_t count = 0;
    bool loop = false;
    const unsigned char *end = msg + len, *p = msg + HEADER_LEN;
    unsigned answers = len >= HEADER_LEN ? read16(msg + 6) : 0;
    p = answers > 0 ? skip_name(p, msg, len) : NULL;
    p = p && end - p >= 4 ? p + 4 : NULL;
    for (unsigned i = 0; p && i < answers && count < CNAME_MAX; i++) {
        long used = 0;
        char *from = NULL;
        if (p >= end || ares_expand_name(p, msg, len, &from, &used) != ARES_SUCCESS)
            break;
        p += used;
        unsigned rdata = end - p >= 10 ? read16(p + 8) : 0;
        if (end - p < 10 || end - p - 10 < (long)rdata) {
            ares_free_string(from);
            break;
        }
        char *to = NULL;
        if (read16(p) == ns_t_cname && ares_expand_name(p + 10, msg, len, &to, &used) == ARES_SUCCESS) {
            alias[count].from = from;
            alias[count++].to = to;
        } else {
            ares_free_string(from);
        }
        p += 10 + rdata;
    }
    const char *at = count > 0 ? alias[0].from : NULL;
    for (size_t steps = 0; at && !loop; steps++) {
        loop = steps > count;
        const char *next = NULL;
        for (size_t i = 0; i < count && !next; i++)
            if (strcasecmp(alias[i].from, at) == 0)
                next = alias[i].to;
        at = next;
    }
    for (size_t i = 0; i < count; i++) {
        ares_free_string(alias[i].from);
        ares_free_string(alias[i].to);
    }
    return loop;
}
