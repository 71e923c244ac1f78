#include "fault/delivery_error.h"

static const struct delivery_error rows[] = {
#define DELIVERY_ERROR(name, where, words, type, type_en)                                                    \
    [DELIVERY_ERROR_##name] = {#name, DELIVERY_##where, words, type, type_en},
#include "fault/delivery_error.def"
#undef DELIVERY_ERROR
};

const struct delivery_error *delivery_error_of(enum delivery_error_id id)
{
    return &rows[id];
}

enum err delivery_error_find(struct span id, enum delivery_error_id *ret)
{
    for (size_t i = 0; i < DELIVERY_ERROR_COUNT; i++)
        if (span_eq(id, span_of(rows[i].id))) {
            *ret = (enum delivery_error_id)i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}
