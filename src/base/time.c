#include "base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ulid.h"

static bool digits(const char **p, const char *end, int count, int *ret)
{
    int n = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (*p >= end || **p < '0' || **p > '9')
            return false;
        n = n * 10 + (**p - '0');
    }
    *ret = n;
    return true;
}

static bool one(const char **p, const char *end, const char *any)
{
    if (*p >= end || !**p || !strchr(any, **p))
        return false;
    (*p)++;
    return true;
}

/* RFC 3339 date-time; the seconds may be missing. */
enum err time_parse(struct span text, int64_t *ret_ms)
{
    const char *p = text.ptr, *end = text.ptr + text.len;
    bool number = text.len > 0 && text.len <= 14;
    for (size_t i = 0; i < text.len; i++)
        number = number && p[i] >= '0' && p[i] <= '9';
    if (number) {
        int64_t n = 0;
        for (; p < end; p++)
            n = n * 10 + (*p - '0');
        if (n > (INT64_MAX >> ULID_SEQ_SHIFT))
            return ERR_INVALID;
        *ret_ms = n;
        return ERR_NONE;
    }
    struct tm tm = {0};
    int year, month, ms = 0, offset = 0;
    if (!digits(&p, end, 4, &year) || !one(&p, end, "-") || !digits(&p, end, 2, &month) ||
        !one(&p, end, "-") || !digits(&p, end, 2, &tm.tm_mday) || !one(&p, end, "Tt ") ||
        !digits(&p, end, 2, &tm.tm_hour) || !one(&p, end, ":") || !digits(&p, end, 2, &tm.tm_min))
        return ERR_INVALID;
    if (one(&p, end, ":") && !digits(&p, end, 2, &tm.tm_sec))
        return ERR_INVALID;
    if (one(&p, end, ".")) {
        int scale = 100, digit;
        if (!digits(&p, end, 1, &digit))
            return ERR_INVALID;
        do {
            ms += digit * scale;
            scale /= 10;
        } while (digits(&p, end, 1, &digit));
    }
    if (p < end && (*p == '+' || *p == '-')) {
        int sign = *p++ == '-' ? -1 : 1, hours, minutes;
        if (!digits(&p, end, 2, &hours) || !one(&p, end, ":") || !digits(&p, end, 2, &minutes) ||
            hours > 23 || minutes > 59)
            return ERR_INVALID;
        offset = sign * (hours * 60 + minutes) * 60;
    } else if (!one(&p, end, "Zz")) {
        return ERR_INVALID;
    }
    if (p != end || year < 1970 || year > 2200 || month < 1 || month > 12 || tm.tm_mday < 1 ||
        tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return ERR_INVALID;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int64_t s = (int64_t)timegm(&tm) - offset;
    *ret_ms = s * 1000 + ms;
    return s < 0 ? ERR_INVALID : ERR_NONE;
}

void time_text(int64_t ms, char out[static TIME_TEXT_SIZE])
{
    const time_t s = (time_t)(ms / 1000);
    struct tm tm;
    out[0] = '\0';
    if (!gmtime_r(&s, &tm))
        return;
    size_t n = strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, TIME_TEXT_SIZE - n, ".%03dZ", (int)(ms % 1000));
}
