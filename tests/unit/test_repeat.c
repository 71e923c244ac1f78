/* When jobs repeat: days, weeks, months, and clocks that go forward and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/json_scan.h"
#include "base/time.h"
#include "campaign/repeat.h"

static int64_t ms(const char *text)
{
    int64_t ret = 0;
    assert_true(time_parse(span_of(text), &ret) == ERR_NONE);
    return ret;
}

static struct repeat rule(const char *json)
{
    struct repeat r;
    struct carrier_fault why = {.property = ""};
    const enum err e = repeat_read(&r, span_of(json), &why);
    if (e)
        (void)printf("%s: %s: %s\n", json, why.property, why.message);
    assert_true(e == ERR_NONE);
    return r;
}

static void follows(const char *json, const char *after, const char *const *times)
{
    const struct repeat r = rule(json);
    int64_t at = ms(after);
    for (; *times; times++) {
        assert_true(repeat_next(&r, at, &at) == ERR_NONE);
        char text[TIME_TEXT_SIZE];
        time_text(at, text);
        if (at != ms(*times))
            (void)printf("%s: %s, not %s\n", json, text, *times);
        assert_true(at == ms(*times));
    }
}

static void refused(const char *json, const char *property)
{
    struct repeat r;
    struct carrier_fault why = {.property = ""};
    assert_true(json_check(span_of(json), JSON_DEPTH, NULL) == ERR_NONE);
    const enum err e = repeat_read(&r, span_of(json), &why);
    if (e != ERR_INVALID)
        (void)printf("%s: taken\n", json);
    assert_true(e == ERR_INVALID);
    if (strcmp(why.property, property) != 0)
        (void)printf("%s: %s, not %s\n", json, why.property, property);
    assert_true(strcmp(why.property, property) == 0);
}

static void next_times(void **state)
{
    (void)state;
    follows("{\"every\":\"day\",\"time\":\"09:00\",\"zone\":\"Asia/Tokyo\"}", "2026-11-28T23:59:59.999Z",
            (const char *[]){"2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z", NULL});
    follows("{\"every\":\"week\",\"days\":[\"mon\",\"thu\"],\"time\":\"00:30\",\"zone\":\"Asia/Tokyo\"}",
            "2026-11-28T00:00:00Z",
            (const char *[]){"2026-11-29T15:30:00Z", "2026-12-02T15:30:00Z", "2026-12-06T15:30:00Z", NULL});
    follows("{\"every\":\"month\",\"day\":31,\"time\":\"12:00\",\"zone\":\"UTC\"}", "2027-01-01T00:00:00Z",
            (const char *[]){"2027-01-31T12:00:00Z", "2027-02-28T12:00:00Z", "2027-03-31T12:00:00Z",
                             "2027-04-30T12:00:00Z", NULL});
    follows("{\"every\":\"month\",\"day\":30,\"time\":\"12:00\",\"zone\":\"UTC\"}", "2028-01-31T00:00:00Z",
            (const char *[]){"2028-02-29T12:00:00Z", "2028-03-30T12:00:00Z", NULL});
    /* 2026-03-29 02:30 is not there in Berlin: 03:00 summer time is the next that exists. */
    follows("{\"every\":\"day\",\"time\":\"02:30\",\"zone\":\"Europe/Berlin\"}", "2026-03-27T12:00:00Z",
            (const char *[]){"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", NULL});
    /* 2026-10-25 02:30 is there twice: it counts once, the first time. */
    follows("{\"every\":\"day\",\"time\":\"02:30\",\"zone\":\"Europe/Berlin\"}", "2026-10-24T12:00:00Z",
            (const char *[]){"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", NULL});
    follows("{\"every\":\"day\",\"time\":\"00:00\",\"zone\":\"Pacific/Kiritimati\"}", "2026-11-28T09:59:59Z",
            (const char *[]){"2026-11-28T10:00:00Z", "2026-11-29T10:00:00Z", NULL});
    follows("{\"every\":\"day\",\"time\":\"23:59\",\"zone\":\"Pacific/Pago_Pago\"}", "2026-11-28T00:00:00Z",
            (const char *[]){"2026-11-28T10:59:00Z", "2026-11-29T10:59:00Z", NULL});
}

static void refusals(void **state)
{
    (void)state;
#define REST "\"time\":\"09:00\",\"zone\":\"Asia/Tokyo\"}"
    refused("[]", "repeat");
    refused("{\"every\":\"year\"," REST, "repeat.every");
    refused("{\"every\":\"week\"," REST, "repeat.days");
    refused("{\"every\":\"day\",\"days\":[\"mon\"]," REST, "repeat.days");
    refused("{\"every\":\"week\",\"days\":[]," REST, "repeat.days");
    refused("{\"every\":\"week\",\"days\":[\"Monday\"]," REST, "repeat.days");
    refused("{\"every\":\"month\"," REST, "repeat.day");
    refused("{\"every\":\"month\",\"day\":0," REST, "repeat.day");
    refused("{\"every\":\"month\",\"day\":32," REST, "repeat.day");
    refused("{\"every\":\"month\",\"day\":1.5," REST, "repeat.day");
    refused("{\"every\":\"day\",\"month\":1," REST, "repeat");
    static const char *const times[] = {"9:00", "24:00", "09:60", "09-00", "", "09:00:00"};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char json[120];
        (void)snprintf(json, sizeof(json), "{\"every\":\"day\",\"time\":\"%s\",\"zone\":\"UTC\"}", times[i]);
        refused(json, "repeat.time");
    }
    static const char *const zones[] = {
        "",  "Tokyo",       "Asia/Nowhere", "JST-9", "../../etc/passwd",  "/etc/localtime", "+09:00",
        "Z", "Asia/Tokyo/", "asia/tokyo",   ":UTC",  "Asia/../Asia/Tokyo"};
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        char json[160];
        (void)snprintf(json, sizeof(json), "{\"every\":\"day\",\"time\":\"09:00\",\"zone\":\"%s\"}",
                       zones[i]);
        refused(json, "repeat.zone");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(next_times), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
