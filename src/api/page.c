#include "api/page.h"

#include "api/call.h"

#define LIMIT 100u
#define LIMIT_MAX 500u

static enum err parse_id(struct span text, int64_t *ret)
{
    int64_t id = call_channel_id(text);
    if (!id)
        return ERR_INVALID;
    *ret = id;
    return ERR_NONE;
}

bool page_read(struct call *c, struct page *p, const struct page_kind *kind)
{
    const char *known[PAGE_FILTERS_MAX + 3] = {"cursor", "limit"};
    for (size_t i = 0; i < PAGE_FILTERS_MAX && kind->filters[i]; i++)
        known[2 + i] = kind->filters[i];
    *p = (struct page){.kind = kind, .from = kind->start};
    if (!query_known(c, known))
        return false;
    struct span cursor = query_text(c, "cursor");
    if (cursor.ptr && (kind->parse ? kind->parse : parse_id)(cursor, &p->from)) {
        call_invalid(c, "cursor", "invalid cursor; take it from the page before");
        return false;
    }
    return query_limit(c, kind->limit ? kind->limit : LIMIT, kind->limit_max ? kind->limit_max : LIMIT_MAX,
                       &p->limit);
}

void page_begin(struct page *p, struct buf *out)
{
    p->count = 0;
    p->more = false;
    json_write_init(&p->w, out);
    json_write_object(&p->w);
    json_write_key(&p->w, p->kind->member);
    json_write_array(&p->w);
}

bool page_row(struct page *p, int64_t id)
{
    p->more = p->more || p->count == p->limit;
    if (p->more)
        return false;
    p->count++;
    p->last = id;
    return true;
}

enum err page_end(struct page *p, enum err e)
{
    json_write_end(&p->w);
    if (p->more) {
        json_write_key(&p->w, "cursor");
        (p->kind->write ? p->kind->write : call_write_id)(&p->w, p->last);
    }
    json_write_end(&p->w);
    enum err written = json_write_finish(&p->w);
    return e ? e : written;
}
