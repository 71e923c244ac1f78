#pragma once
/*
 * A list that is answered a page at a time: {"MEMBER":[rows],"cursor":"…"}. The client passes the cursor to
 * the next call; the last page has no cursor.
 *
 *     route  page_read()                     cursor and limit of the query; else only the filters
 *     run    page_begin(), the store's list  of page_ask() rows from p.from on, page_row() before each,
 *            page_end()
 */
#include "base/json_write.h"
#include "base/span.h"

struct call;

#define PAGE_FILTERS_MAX 8 /* parameters of one list */

/* The constant properties of a list. */
struct page_kind {
    const char *member;
    const char *filters[PAGE_FILTERS_MAX]; /* the parameters beside cursor and limit */
    int64_t start;             /* where the first page begins: 0, or INT64_MAX where the newest comes first */
    uint32_t limit, limit_max; /* rows of a page; 0: 100, and 500 at most */
    /* Parse and write a cursor; NULL: the cursor is the id of the last row shown. */
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

/* Reads cursor, limit and filters from the query. false: already answered with 400. */
bool page_read(struct call *c, struct page *p, const struct page_kind *kind) MUST_CHECK;

/*
 * How many rows to ask the store for: one more than the page shows, which tells whether another page exists.
 */
static inline uint32_t page_ask(const struct page *p)
{
    return p->limit + 1;
}

/* In a run: begins the answer in out, and discards what an earlier run wrote. */
void page_begin(struct page *p, struct buf *out);
/* Whether the page shows the row with this id (or cursor value). false: the page is full, and another page
 * exists. */
bool page_row(struct page *p, int64_t id) MUST_CHECK;
/*
 * Ends the answer, also after a failed read. Returns e (the result of the read), or else the error of
 * writing.
 */
enum err page_end(struct page *p, enum err e) MUST_CHECK;
