/*
 * A field of a channel is a row of channel.def. This test is built with rows of its own (channel_more.h), and
 * with every source that knows struct channel built anew; what answers a call of the API, and what talks to
 * one, are stand-ins that take notes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/channel/channel_health.h"
#include "api/channel/channel_json.h"
#include "base/log.h"
#include "command/channel_secret.h"
#include "command/client.h"
#include "command/commands.h"
#include "command/listing.h"
#include "command/resource.h"
#include "remove_tree.h"
#include "store/memory/memory.h"
#include "store/sqlite/sqlite.h"

static char refused_property[100], refused_why[200];

void call_invalid(struct call *c, const char *property, const char *message)
{
    (void)c;
    (void)snprintf(refused_property, sizeof(refused_property), "%s", property);
    (void)snprintf(refused_why, sizeof(refused_why), "%s", message);
}

void call_failed(struct call *c, enum err e)
{
    (void)c;
    fail_msg("%d", e);
}

void *call_state(struct call *c, size_t size)
{
    (void)c;
    static _Alignas(16) char room[16384];
    assert_true(size <= sizeof(room));
    memset(room, 0, size);
    return room;
}

int64_t call_channel_id(struct span text)
{
    return text.len ? 7 : 0;
}

void call_write_id(struct json_write *w, int64_t id)
{
    json_write_int(w, id);
}

void call_write_time(struct json_write *w, int64_t ms)
{
    json_write_int(w, ms);
}

void channel_health_show(struct json_write *w, const struct channel *c, const struct channel_live *live,
                         int64_t now_ms)
{
    (void)w, (void)c, (void)live, (void)now_ms;
}

void suspension_clear(struct channel *c)
{
    c->suspended_ms = 0;
}

static struct delivery_settings settings = {.allow_http = true, .deadlines = {.response_ms = 2000}};
static struct api api = {.config = {.settings = &settings}};
static struct call call = {.api = &api};

/* Whether a body is taken; what it changes, or why not in refused_…. */
static bool read_change(const char *text, struct channel_change *ret)
{
    *ret = (struct channel_change){0};
    refused_property[0] = refused_why[0] = '\0';
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    bool ok = channel_change_read(&call, object, ret);
    json_decref(object);
    return ok;
}

static void a_row_is_read_with_its_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text, *property, *why;
    } rows[] = {
        {"{\"moreNumber\":5}", "", ""},
        {"{\"moreNumber\":50,\"moreSwitch\":false}", "", ""},
        {"{\"moreNumber\":null}", "", ""},
        {"{\"moreNumber\":4}", "moreNumber", "must be an integer from 5 to 50, or null"},
        {"{\"moreNumber\":51}", "moreNumber", "must be an integer from 5 to 50, or null"},
        {"{\"moreNumber\":5.0}", "moreNumber", "must be an integer from 5 to 50, or null"},
        {"{\"moreNumber\":99999999999}", "moreNumber", "must be an integer from 5 to 50, or null"},
        {"{\"moreSwitch\":null}", "moreSwitch", "must be true or false"},
        {"{\"moreSwitch\":1}", "moreSwitch", "must be true or false"},
        {"{\"moreFixed\":\"x\"}", "moreFixed", "unknown member"},
        {"{\"more_number\":5}", "more_number", "unknown member"},
        {"{\"channelSecret\":\"x\"}", "channelSecret", "unknown member"},
    };
    struct channel_change change;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(read_change(rows[i].text, &change), !rows[i].property[0]);
        assert_string_equal(refused_property, rows[i].property);
        assert_string_equal(refused_why, rows[i].why);
    }
}

static void a_row_is_applied_shown_and_told(void **state)
{
    (void)state;
    struct channel_change change;
    struct channel before = channel_standard, after;
    assert_true(before.more_switch); /* its standard */
    before.id = 1;
    assert_true(read_change("{\"moreNumber\":33,\"moreSwitch\":false}", &change));
    after = before;
    channel_change_apply(&change, &after);
    assert_int_equal(after.more_number, 33);
    assert_false(after.more_switch);
    assert_false(channel_same(&before, &after));
    after.more_switch = true;
    assert_false(channel_same(&before, &after));
    after.more_number = 0;
    assert_true(channel_same(&before, &after));
    channel_change_apply(&change, &after);

    struct buf out;
    struct json_write w;
    buf_init(&out, 65536);
    json_write_init(&w, &out);
    json_write_object(&w);
    struct contact_view contact = {0};
    (void)snprintf(after.more_fixed, sizeof(after.more_fixed), "as made");
    channel_change_show(&w, &after, &contact, GRANT_TESTER, &settings, NULL, 0);
    json_write_end(&w);
    assert_int_equal(json_write_finish(&w), ERR_NONE);
    assert_int_equal(buf_add(&out, "", 1), ERR_NONE);
    assert_non_null(strstr(out.data, "\"moreNumber\":33,\"moreSwitch\":false,\"moreForMembers\":false,"
                                     "\"moreFixed\":\"as made\""));
    assert_non_null(strstr(out.data, "\"responseTimeoutMs\":2000,\"maxEventsPerRequest\":1,"));
    buf_deinit(&out);

    buf_init(&out, 65536);
    assert_int_equal(channel_change_tell(&out, &before, &after), ERR_NONE);
    assert_int_equal(buf_add(&out, "", 1), ERR_NONE);
    assert_string_equal(out.data, "{\"moreNumber\":{\"from\":0,\"to\":33},\"moreSwitch\":{\"from\":true,"
                                  "\"to\":false}}");
    buf_deinit(&out);

    assert_true(read_change("{\"moreNumber\":null}", &change));
    channel_change_apply(&change, &after);
    assert_int_equal(after.more_number, 0);
}

/* Each field of the product and each of the rows above, alone and beside what a Member may set. */
static void a_row_says_who_may_change_it(void **state)
{
    (void)state;
    struct channel_change change;
    assert_true(read_change("{\"suspended\":false}", &change));
    assert_true(channel_change_allowed(&change, GRANT_MEMBER));
    assert_false(channel_change_allowed(&change, GRANT_TESTER));
    assert_true(read_change("{\"suspended\":false,\"moreForMembers\":true}", &change));
    assert_true(channel_change_allowed(&change, GRANT_MEMBER));
    assert_true(read_change("{\"suspended\":false,\"moreNumber\":7}", &change));
    assert_false(channel_change_allowed(&change, GRANT_MEMBER));
    assert_true(channel_change_allowed(&change, GRANT_ADMIN));
    assert_true(read_change("{}", &change));
    assert_false(channel_change_allowed(&change, GRANT_MEMBER));
    size_t members = 0;
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        uint64_t resumes = (uint64_t)1 << CHANNEL_suspended_ms, bit = (uint64_t)1 << i;
        bool theirs = channel_fields[i].who == CHANNEL_BY_MEMBER;
        members += theirs;
        change = (struct channel_change){.set = bit};
        assert_int_equal(channel_change_allowed(&change, GRANT_MEMBER), theirs);
        change.set |= resumes;
        assert_int_equal(channel_change_allowed(&change, GRANT_MEMBER), theirs);
    }
    assert_int_equal(members, 2);
}

static void rows_are_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        const struct channel_field *f = &channel_fields[i];
        if (f->json)
            assert_ptr_equal(channel_field_find(span_of(f->json)), f); /* no name twice */
        if (f->who == CHANNEL_BY_NOBODY)
            assert_null(f->flag);
        else if (!f->json || !f->flag || strncmp(f->flag, "--", 2) != 0 || !f->argument || !f->help)
            fail_msg("%zu: a field that can be changed has a name, a flag, its argument and its help", i);
        if (f->type == CHANNEL_TYPE_NUMBER && f->min >= f->max)
            fail_msg("%s has no bounds", f->json);
    }
}

static enum err take(void *arg, const struct channel *c)
{
    *(struct channel *)arg = *c;
    return ERR_NONE;
}

/* What was written into every field comes back, from insert and from update. */
static void try_store(struct backend *b)
{
    struct channel c = channel_standard, back = {0};
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        const struct channel_field *f = &channel_fields[i];
        if (f->shape == CHANNEL_CHARS)
            (void)snprintf(channel_field_room(&c, f), f->size, "%zu", i);
        else if (f->shape == CHANNEL_LIST)
            *(struct channel_schedule *)channel_field_room(&c, f) = (struct channel_schedule){2, {4, 9}};
        else
            channel_field_set_number(&c, f, 100 + (int64_t)i);
    }
    c.more_number = 33;
    c.more_switch = false;
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_insert(b, &c), ERR_NONE);
    assert_int_equal(b->ops->channels->channel_get(b, c.id, &back), ERR_NONE);
    assert_true(channel_same(&c, &back));
    assert_int_equal(back.updated_ms, c.updated_ms);
    assert_int_equal(back.more_number, 33);
    assert_false(back.more_switch);
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) { /* each alone, so that no two are mixed up */
        const struct channel_field *f = &channel_fields[i];
        if (f->shape == CHANNEL_CHARS)
            (void)snprintf(channel_field_room(&c, f), f->size, "u%zu", i);
        else if (f->shape == CHANNEL_LIST)
            *(struct channel_schedule *)channel_field_room(&c, f) = (struct channel_schedule){1, {8}};
        else if (f->shape == CHANNEL_BOOL)
            channel_field_set_number(&c, f, !channel_field_number(&c, f));
        else
            channel_field_set_number(&c, f, 300 + (int64_t)i);
        assert_int_equal(b->ops->channels->channel_update(b, &c), ERR_NONE);
        assert_int_equal(b->ops->channels->channel_list(b, 0, 1, take, &back), ERR_NONE);
        assert_true(channel_same(&c, &back));
        assert_int_equal(back.updated_ms, c.updated_ms);
    }
    assert_int_equal(b->ops->commit(b), ERR_NONE);
    b->ops->close(b);
}

static void a_row_is_kept_by_both_stores(void **state)
{
    (void)state;
    char dir[] = "/tmp/todoke-field-XXXXXX";
    struct backend *b;
    assert_int_equal(memory_open(&b), ERR_NONE);
    try_store(b);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    /* In the product a numbered migration does this. */
    assert_int_equal(sqlite_exec(sqlite_of(b), "ALTER TABLE channel ADD COLUMN more_number INTEGER;"
                                               "ALTER TABLE channel ADD COLUMN more_switch INTEGER;"
                                               "ALTER TABLE channel ADD COLUMN more_for_members INTEGER;"
                                               "ALTER TABLE channel ADD COLUMN more_fixed TEXT;"),
                     ERR_NONE);
    try_store(b);
    assert_int_equal(remove_tree(dir), 0);
}

static char asked[2000]; /* "PATCH /api/v1/channels/7 {…}" */

int client_ask(const struct client *c, const char *method, const char *path, struct span body,
               struct buf *answer)
{
    (void)c, (void)answer;
    (void)snprintf(asked, sizeof(asked), "%s %s %.*s", method, path, (int)body.len, body.ptr);
    return 0;
}

bool client_ready(struct client *c)
{
    return c;
}

void client_help(FILE *to)
{
    (void)to;
}

int listing_pages(const struct client *c, const struct listing *l, const char *path, uint32_t max, bool json)
{
    (void)c, (void)l, (void)path, (void)max, (void)json;
    return 1;
}

int listing_object(const struct listing *l, struct span answer)
{
    (void)l, (void)answer;
    return 1;
}

void answer_print(FILE *to, struct span text)
{
    (void)to, (void)text;
}

bool resource_has(const char *command, const char *verb)
{
    return !command || !verb;
}

int resource_run(const char *name, int argc, char **argv)
{
    (void)name, (void)argc, (void)argv;
    return 1;
}

void resource_usage(FILE *to, const char *command, const char *lead)
{
    (void)to, (void)command, (void)lead;
}

size_t resource_verbs(const char *command, const char **names, size_t count, size_t max)
{
    (void)command, (void)names, (void)max;
    return count;
}

bool channel_secret_knows(const char *what)
{
    return !what;
}

int channel_secret_run(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 1;
}

void channel_secret_help(FILE *to)
{
    (void)to;
}

/* A line of words as `todoke channel` gets it; what it printed is in shown. */
static char shown[20000];

static int run_command(const char *line)
{
    char text[500], *argv[20], *rest = text;
    int argc = 0;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *word; (word = strsep(&rest, " ")) != NULL; argc++) {
        assert_true(argc < 19);
        argv[argc] = word;
    }
    argv[argc] = NULL;
    FILE *out = tmpfile();
    assert_non_null(out);
    (void)fflush(stdout);
    int out_before = dup(1), err_before = dup(2);
    assert_true(dup2(fileno(out), 1) == 1 && dup2(fileno(out), 2) == 2);
    asked[0] = '\0';
    int status = cmd_channel(argc, argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    assert_true(dup2(out_before, 1) == 1 && dup2(err_before, 2) == 2);
    (void)close(out_before);
    (void)close(err_before);
    rewind(out);
    shown[fread(shown, 1, sizeof(shown) - 1, out)] = '\0';
    (void)fclose(out);
    return status;
}

static void a_row_is_an_option_of_the_command(void **state)
{
    (void)state;
    assert_int_equal(run_command("channel set --help"), 0);
    assert_non_null(strstr(shown, "--more-number N|none "));
    assert_non_null(strstr(shown, "  one row: a number\n"));
    assert_non_null(strstr(shown, "--more-switch on|off "));
    assert_null(strstr(shown, "ore-fixed"));
    assert_int_equal(run_command("channel set 7 --more-number 33 --more-switch off --resume"), 0);
    assert_string_equal(asked, "PATCH /api/v1/channels/7 "
                               "{\"suspended\":false,\"moreNumber\":33,\"moreSwitch\":false}");
    assert_int_equal(run_command("channel set 7 --more-number none --contact-email none --name none"), 0);
    assert_string_equal(asked, "PATCH /api/v1/channels/7 "
                               "{\"name\":\"none\",\"contactEmail\":null,\"moreNumber\":null}");
    assert_int_equal(run_command("channel create --name x --more-number many"), 0); /* the node refuses it */
    assert_string_equal(asked, "POST /api/v1/channels {\"name\":\"x\",\"moreNumber\":\"many\"}");
    assert_int_equal(run_command("channel set 7 --more-switch none"), CLIENT_USAGE);
    assert_non_null(strstr(shown, "--more-switch takes on or off, not \"none\""));
    assert_string_equal(asked, "");
}

int main(void)
{
    if (log_configure("error"))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_read_with_its_bounds), cmocka_unit_test(a_row_is_applied_shown_and_told),
        cmocka_unit_test(a_row_says_who_may_change_it),  cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(a_row_is_kept_by_both_stores),  cmocka_unit_test(a_row_is_an_option_of_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
