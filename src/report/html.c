#include "report/html.h"

enum err html_add(struct span text, struct buf *out)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < text.len; i++) {
        const char *with = text.ptr[i] == '<'    ? "&lt;"
                           : text.ptr[i] == '>'  ? "&gt;"
                           : text.ptr[i] == '&'  ? "&amp;"
                           : text.ptr[i] == '"'  ? "&quot;"
                           : text.ptr[i] == '\'' ? "&#39;"
                                                 : NULL;
        e = with ? buf_add_str(out, with) : buf_add(out, text.ptr + i, 1);
    }
    return e;
}
