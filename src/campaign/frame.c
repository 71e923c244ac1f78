#include "campaign/frame.h"

#include <string.h>

#include "campaign/content_parts.h"

bool frame_texts(struct span told, struct span *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t len;
        if (told.len < sizeof(len))
            return false;
        memcpy(&len, told.ptr, sizeof(len));
        if (len > told.len - sizeof(len))
            return false;
        texts[i] = (struct span){told.ptr + sizeof(len), len};
        told = (struct span){told.ptr + sizeof(len) + len, told.len - sizeof(len) - len};
    }
    return told.len == 0;
}

enum err frame_add(struct buf *out, enum frame_kind kind, size_t slot, struct span body)
{
    struct frame head = {.kind = (uint8_t)kind, .slot = (uint8_t)slot, .len = (uint32_t)body.len};
    enum err e = buf_add(out, &head, sizeof(head));
    return e ? e : buf_add_span(out, body);
}

enum err frame_add_content(struct buf *out, const struct content *content, size_t slot)
{
    size_t before = buf_len(out);
    enum err e = frame_add(out, FRAME_CONTENT, slot, SPAN_LIT(""));
    for (size_t i = 0; i < content_template_count(content) && !e; i++) {
        struct content_template t = content_template(content, i);
        uint32_t len = (uint32_t)t.source.len;
        char html = t.html;
        e = buf_add(out, &len, sizeof(len));
        e = e ? e : buf_add(out, &html, 1);
        e = e ? e : buf_add_span(out, t.source);
    }
    if (e)
        return e;
    uint32_t len = (uint32_t)(buf_len(out) - before - sizeof(struct frame));
    memcpy(out->data + out->head + before, &len, sizeof(len)); /* the first member of the head */
    return ERR_NONE;
}
