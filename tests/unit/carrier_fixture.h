#pragma once
/* Shared by the tests of sending services: senders from JSON, parcels from texts, requests looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "carrier/carrier.h"

#define FIXTURE_KEY "123e4567-e89b-42d3-a456-426614174000"

static inline struct carrier *fixture_open(enum service service, const char *settings, const char *secret)
{
    struct carrier *c = NULL;
    struct carrier_fault why = {.property = ""};
    enum err e = carrier_open(&c, service, span_of(settings), span_of(secret), &why);
    if (e)
        print_error("%s: %s %s\n", err_text(e), why.property, why.message);
    assert_int_equal(e, ERR_NONE);
    return c;
}

/* Members in the order name, JSON, name, JSON… */
static inline size_t fixture_content(struct carrier_content *out, size_t count, const char *const *texts)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (struct carrier_content){span_of(texts[2 * i]), span_of(texts[2 * i + 1])};
    return count;
}

static inline struct parcel fixture_parcel(const char *target, const struct carrier_content *members,
                                           size_t count)
{
    return (struct parcel){.target = span_of(target),
                           .job_id = 7,
                           .n = 1,
                           .key = FIXTURE_KEY,
                           .members = members,
                           .member_count = count,
                           .campaign = SPAN_LIT("spring")};
}

static inline const char *fixture_header(const struct carrier_request *r, const char *name, char *out,
                                         size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < r->header_count; i++)
        if (span_eq(r->headers[i].name, span_of(name)))
            (void)snprintf(out, size, "%.*s", (int)r->headers[i].value.len, r->headers[i].value.ptr);
    return out;
}

static inline void fixture_is(struct span got, const char *want)
{
    if (!span_eq(got, span_of(want)))
        print_error("got:  %.*s\nwant: %s\n", (int)got.len, got.ptr, want ? want : "");
    assert_true(span_eq(got, span_of(want)));
}

/* What must be refused, and what is said of it. */
struct fixture_refusal {
    const char *settings, *secret;
    const char *property;
    const char *says; /* a part of the message */
};

static inline void fixture_refused(enum service service, const struct fixture_refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct carrier *c = NULL;
        struct carrier_fault why = {.property = ""};
        enum err e = carrier_open(&c, service, span_of(rows[i].settings), span_of(rows[i].secret), &why);
        if (e != ERR_INVALID || strcmp(why.property, rows[i].property) != 0 ||
            !strstr(why.message, rows[i].says))
            print_error("%s %s: %s '%s' '%s'\n", rows[i].settings, rows[i].secret, err_text(e), why.property,
                        why.message);
        assert_int_equal(e, ERR_INVALID);
        assert_string_equal(why.property, rows[i].property);
        assert_non_null(strstr(why.message, rows[i].says));
        assert_null(c);
    }
}

/* What cannot be built, and what is said of it. members: name, JSON pairs. */
struct fixture_bad_content {
    const char *members[2 * CARRIER_CONTENT_MAX];
    const char *property;
    const char *says;
};

static inline void fixture_not_built(struct carrier *c, const char *target,
                                     const struct fixture_bad_content *rows, size_t count)
{
    struct carrier_request r;
    carrier_request_init(&r);
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        while (n < CARRIER_CONTENT_MAX && rows[i].members[2 * n])
            n++;
        struct carrier_content content[CARRIER_CONTENT_MAX];
        struct parcel p = fixture_parcel(target, content, fixture_content(content, n, rows[i].members));
        struct carrier_fault why;
        enum err e = carrier_build(c, &p, 1, 1700000000000, &r, &why);
        if (e != ERR_INVALID || strcmp(why.property, rows[i].property) != 0 ||
            !strstr(why.message, rows[i].says))
            print_error("row %zu: %s '%s' '%s'\n", i, err_text(e), why.property, why.message);
        assert_int_equal(e, ERR_INVALID);
        assert_string_equal(why.property, rows[i].property);
        assert_non_null(strstr(why.message, rows[i].says));
    }
    carrier_request_deinit(&r);
}

/* Opens and builds with allocation 1, 2, 3… failing, until none fails any more. */
static inline void fixture_no_memory(enum service service, const char *settings, const char *secret,
                                     const struct parcel *parcels, size_t count, int64_t wall_ms)
{
    for (unsigned long n = 1;; n++) {
        struct carrier *c = NULL;
        struct carrier_fault why;
        struct carrier_request r;
        carrier_request_init(&r);
        (void)mem_fail_at(n);
        enum err e = carrier_open(&c, service, span_of(settings), span_of(secret), &why);
        if (!e)
            e = carrier_build(c, parcels, count, wall_ms, &r, &why);
        bool hit = mem_fail_hit();
        (void)mem_fail_at(0);
        carrier_free(c);
        carrier_request_deinit(&r);
        if (!hit) {
            assert_int_equal(e, ERR_NONE);
            assert_true(n > 3);
            return;
        }
        assert_int_equal(e, ERR_NOMEM);
        assert_true(n < 1000);
    }
}
