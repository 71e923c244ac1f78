#pragma once
/*
 * A list that is answered a page at a time: {"MEMBER":[rows],"cursor":"…"}. The cursor goes into the next
 * call; without one no row is left.
 *
 *     route  page_read()                     cursor and limit of the query; else only the filters
 *     run    page_begin(), the store's list  of page_ask() rows from p.from on, page_row() before each,
 *            page_end()
 */
#include "base/json_write.h"
#include "base/span.h"

struct call;

#define PAGE_FILTERS_MAX 8 /* parameters of one list */

/* What a list is, in a table of its file. */
struct page_kind {
    const char *member;
    const char *filters[PAGE_FILTERS_MAX]; /* the parameters beside cursor and limit */
    int64_t start;             /* where the first page begins: 0, or INT64_MAX where the newest comes first */
    uint32_t limit, limit_max; /* rows of a page; 0: 100, and 500 at most */
    /* What a cursor says, and how it is written; NULL: the id of the row shown last. */
    enum err (*parse)(struct span text, int64_t *ret);
    void (*write)(struct json_write *w, int64_t last);
};

struct page {
    const struct page_kind *kind;
    int64_t from, last;
    uint32_t limit, count;
    bool more;
    struct json_write w; /* rows go here */
};

/* false: answered with 400 already. */
bool page_read(struct call *c, struct page *p, const struct page_kind *kind) MUST_CHECK;

/* How many rows the store is asked for: one more than are shown tells that there are more. */
static inline uint32_t page_ask(const struct page *p)
{
    return p->limit + 1;
}

/* In a run, which may be the second one: begins the answer in out. */
void page_begin(struct page *p, struct buf *out);
/* Whether the row with this id, in the cursor's sense, is shown; from the first that is not on, there are
 * more. */
bool page_row(struct page *p, int64_t id) MUST_CHECK;
/* Ends the answer, whether or not the store could read: e, or what writing it failed with. */
enum err page_end(struct page *p, enum err e) MUST_CHECK;
