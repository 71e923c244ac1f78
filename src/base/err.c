#include "base/err.h"

const char *err_text(enum err e)
{
    switch (e) {
    case ERR_NONE:
        return "no error";
    case ERR_NOMEM:
        return "out of memory";
    case ERR_LIMIT:
        return "limit reached";
    case ERR_INVALID:
        return "invalid input";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_EXISTS:
        return "already exists";
    case ERR_CONFLICT:
        return "conflict";
    case ERR_DENIED:
        return "not allowed";
    case ERR_BUSY:
        return "busy";
    case ERR_FULL:
        return "no space left";
    case ERR_IO:
        return "input/output error";
    case ERR_GONE:
        return "files were deleted, replaced or cut";
    case ERR_DAMAGED:
        return "damaged";
    case ERR_CLOSED:
        return "closed";
    case ERR_VERSION:
        return "written by a newer version";
    case ERR_INTERNAL:
        return "internal error";
    }
    return "unknown error";
}
