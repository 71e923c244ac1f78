#include "model/channel.h"

#include <string.h>

#include "base/decimal.h"
#include "model/account.h"

#define SHAPE(member)                                                                                        \
    _Generic(((struct channel *)NULL)->member,                                                               \
             char *: CHANNEL_CHARS,                                                                          \
             bool: CHANNEL_BOOL,                                                                             \
             uint32_t: CHANNEL_UINT32,                                                                       \
             int64_t: CHANNEL_INT64,                                                                         \
             struct channel_schedule: CHANNEL_LIST)
#define CHANNEL_NULL_OR_NULL true
#define CHANNEL_NULL_NOT_NULL false

const struct channel_field channel_fields[CHANNEL_FIELD_COUNT] = {
#define CHANNEL_ROW(member, type, kept, who, null, min, max, standard, json, flag, argument, help)           \
    {CHANNEL_TYPE_##type,                                                                                    \
     SHAPE(member),                                                                                          \
     CHANNEL_KEPT_##kept,                                                                                    \
     CHANNEL_BY_##who,                                                                                       \
     CHANNEL_NULL_##null,                                                                                    \
     min,                                                                                                    \
     max,                                                                                                    \
     offsetof(struct channel, member),                                                                       \
     sizeof(((struct channel *)NULL)->member),                                                               \
     json,                                                                                                   \
     flag,                                                                                                   \
     argument,                                                                                               \
     help},
    CHANNEL_FIELDS(CHANNEL_ROW)
#undef CHANNEL_ROW
};

const struct channel channel_standard = {
#define CHANNEL_STANDARD(member, type, kept, who, null, min, max, standard, ...) .member = standard,
    CHANNEL_FIELDS(CHANNEL_STANDARD)
#undef CHANNEL_STANDARD
};

const struct channel_field *channel_field_find(struct span json)
{
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++)
        if (channel_fields[i].json && span_eq(json, span_of(channel_fields[i].json)))
            return &channel_fields[i];
    return NULL;
}

static const void *at(const struct channel *c, const struct channel_field *f)
{
    return (const char *)c + f->offset;
}

const char *channel_field_text(const struct channel *c, const struct channel_field *f)
{
    return at(c, f);
}

const struct channel_schedule *channel_field_schedule(const struct channel *c, const struct channel_field *f)
{
    return at(c, f);
}

void *channel_field_room(struct channel *c, const struct channel_field *f)
{
    return (char *)c + f->offset;
}

int64_t channel_field_number(const struct channel *c, const struct channel_field *f)
{
    switch (f->shape) {
    case CHANNEL_BOOL:
        return *(const bool *)at(c, f);
    case CHANNEL_UINT32:
        return *(const uint32_t *)at(c, f);
    case CHANNEL_INT64:
        return *(const int64_t *)at(c, f);
    case CHANNEL_CHARS:
    case CHANNEL_LIST:
        break;
    }
    return 0;
}

void channel_field_set_number(struct channel *c, const struct channel_field *f, int64_t n)
{
    void *to = channel_field_room(c, f);
    switch (f->shape) {
    case CHANNEL_BOOL:
        *(bool *)to = n;
        break;
    case CHANNEL_UINT32:
        *(uint32_t *)to = (uint32_t)n;
        break;
    case CHANNEL_INT64:
        *(int64_t *)to = n;
        break;
    case CHANNEL_CHARS:
    case CHANNEL_LIST:
        break;
    }
}

void channel_field_copy(struct channel *to, const struct channel *from, const struct channel_field *f)
{
    memcpy(channel_field_room(to, f), at(from, f), f->size);
}

static bool same_schedule(const struct channel_schedule *a, const struct channel_schedule *b)
{
    return a->count == b->count && memcmp(a->s, b->s, a->count * sizeof(a->s[0])) == 0;
}

bool channel_field_same(const struct channel *a, const struct channel *b, const struct channel_field *f)
{
    switch (f->shape) {
    case CHANNEL_CHARS:
        return strcmp(at(a, f), at(b, f)) == 0;
    case CHANNEL_LIST:
        return same_schedule(at(a, f), at(b, f));
    case CHANNEL_BOOL:
    case CHANNEL_UINT32:
    case CHANNEL_INT64:
        break;
    }
    return channel_field_number(a, f) == channel_field_number(b, f);
}

bool channel_same(const struct channel *a, const struct channel *b)
{
    bool same = a->id == b->id;
    for (size_t i = 0; same && i < CHANNEL_FIELD_COUNT; i++)
        same = channel_fields[i].type == CHANNEL_TYPE_CHANGED || channel_field_same(a, b, &channel_fields[i]);
    return same;
}

size_t channel_schedule_text(const struct channel_schedule *schedule, char out[static CHANNEL_SCHEDULE_TEXT])
{
    size_t len = 0;
    for (uint32_t i = 0; i < schedule->count; i++) {
        if (i)
            out[len++] = ',';
        len += decimal_put(out + len, schedule->s[i]);
    }
    out[len] = '\0';
    return len;
}

enum err channel_schedule_parse(struct span text, struct channel_schedule *schedule)
{
    uint32_t entries[CHANNEL_REDELIVERIES_MAX], count = 0;
    for (size_t at = 0; at < text.len; at++) {
        uint32_t n = 0;
        if (count == CHANNEL_REDELIVERIES_MAX)
            return ERR_INVALID;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && n <= CHANNEL_REDELIVERY_S_MAX;
             at++)
            n = n * 10 + (uint32_t)(text.ptr[at] - '0');
        if (n < 1 || n > CHANNEL_REDELIVERY_S_MAX || (at < text.len && text.ptr[at] != ',') ||
            at + 1 == text.len)
            return ERR_INVALID;
        entries[count++] = n;
    }
    schedule->count = count;
    for (uint32_t i = 0; i < count; i++)
        schedule->s[i] = entries[i];
    return ERR_NONE;
}
