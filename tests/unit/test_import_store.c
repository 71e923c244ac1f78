/* Lists and imports in the store, and what goes with a provider. */
#include "audience_fixture.h"

struct rows {
    char text[400];
};

static enum err add_value(void *arg, int64_t n, struct span value)
{
    struct rows *r = arg;
    size_t at = strlen(r->text);
    (void)snprintf(r->text + at, sizeof(r->text) - at, "%d=%.*s ", (int)n, value.ptr ? (int)value.len : 4,
                   value.ptr ? value.ptr : "NULL");
    return ERR_NONE;
}

static enum err add_list(void *arg, const struct recipient_list *l)
{
    struct rows *r = arg;
    size_t at = strlen(r->text);
    (void)snprintf(r->text + at, sizeof(r->text) - at, "%.*s by %s: %d ", (int)l->name.len, l->name.ptr,
                   by_text(l->by), (int)l->rows);
    return ERR_NONE;
}

static void lists(void **state)
{
    (void)state;
    struct recipient_list l = {.provider_id = provider,
                               .name = SPAN_LIT("one"),
                               .by = BY_EMAIL,
                               .created_ms = 5},
                          m = {.provider_id = provider, .name = SPAN_LIT("two"), .by = BY_USER_ID};
    assert_int_equal(ops()->list_insert(b, &l), ERR_NONE);
    assert_int_equal(ops()->list_insert(b, &m), ERR_NONE);
    assert_true(m.id > l.id);
    assert_int_equal(ops()->list_add(b, l.id, (struct span[]){SPAN_LIT("a"), {NULL, 0}, SPAN_LIT("")}, 3),
                     ERR_NONE);
    assert_int_equal(ops()->list_add(b, l.id, (struct span[]){SPAN_LIT("b")}, 1), ERR_NONE);
    assert_int_equal(ops()->list_add(b, l.id, NULL, 0), ERR_NONE);
    assert_int_equal(ops()->list_add(b, 99, (struct span[]){SPAN_LIT("b")}, 1), ERR_NOT_FOUND);
    struct rows r = {""};
    assert_int_equal(ops()->list_values(b, l.id, 0, 100, add_value, &r), ERR_NONE);
    assert_string_equal(r.text, "1=a 2=NULL 3= 4=b ");
    r.text[0] = '\0';
    assert_int_equal(ops()->list_values(b, l.id, 1, 2, add_value, &r), ERR_NONE);
    assert_string_equal(r.text, "2=NULL 3= ");
    r.text[0] = '\0';
    assert_int_equal(ops()->list_list(b, provider, 0, 10, add_list, &r), ERR_NONE);
    assert_string_equal(r.text, "one by email: 4 two by user_id: 0 ");
    assert_int_equal(ops()->list_get(b, provider + 1, l.id, add_list, &r), ERR_NOT_FOUND);
    assert_int_equal(ops()->list_delete(b, provider + 1, l.id), ERR_NOT_FOUND);
    assert_int_equal(ops()->list_delete(b, provider, l.id), ERR_NONE);
    assert_int_equal(ops()->list_get(b, provider, l.id, add_list, &r), ERR_NOT_FOUND);
    assert_int_equal(ops()->list_add(b, l.id, (struct span[]){SPAN_LIT("b")}, 1), ERR_NOT_FOUND);
    assert_int_equal(count("SELECT count(*) FROM list_row"), 4);
    prune_all();
    assert_int_equal(count("SELECT count(*) FROM list_row"), 0);
    l.provider_id = 99;
    assert_int_equal(ops()->list_insert(b, &l), ERR_NOT_FOUND);
    exec("INSERT INTO list (provider_id, name, by_what, rows, created_ms) WITH RECURSIVE c(n) AS (SELECT 1 "
         "UNION ALL "
         "SELECT n+1 FROM c WHERE n<%2$lld) SELECT %1$lld, 'x', 'email', 0, 0 FROM c",
         provider, LISTS_MAX - 1);
    assert_int_equal(ops()->list_insert(b, &m), ERR_LIMIT);
}

static enum err add_import(void *arg, const struct import *i)
{
    struct rows *r = arg;
    size_t at = strlen(r->text);
    (void)snprintf(r->text + at, sizeof(r->text) - at, "%d %s state %d '%.*s' %d=%d+%d ended %d ", (int)i->id,
                   i->into_list ? "list" : "users", (int)i->state, (int)i->reason.len, i->reason.ptr,
                   (int)i->read, (int)i->taken, (int)i->refused, (int)i->ended_ms);
    return ERR_NONE;
}

static enum err add_refusal(void *arg, const struct import_refusal *f)
{
    struct rows *r = arg;
    size_t at = strlen(r->text);
    (void)snprintf(r->text + at, sizeof(r->text) - at, "%d %.*s: %.*s ", (int)f->line, (int)f->field.len,
                   f->field.ptr, (int)f->why.len, f->why.ptr);
    return ERR_NONE;
}

static void imports(void **state)
{
    (void)state;
    struct import i = {.provider_id = provider, .reason = SPAN_LIT(""), .started_ms = 5};
    struct rows r = {""};
    assert_int_equal(ops()->import_insert(b, &i), ERR_NONE);
    const struct import_refusal bad = {.line = 3,
                                       .field = SPAN_LIT("email"),
                                       .why = SPAN_LIT("no mail address")},
                                late = {.line = 3, .field = SPAN_LIT("x"), .why = SPAN_LIT("y")},
                                first = {.line = 2, .field = SPAN_LIT(""), .why = SPAN_LIT("no JSON")};
    assert_int_equal(ops()->import_refuse(b, i.id, &bad), ERR_NONE);
    assert_int_equal(ops()->import_refuse(b, i.id, &late), ERR_NONE);
    assert_int_equal(ops()->import_refuse(b, i.id, &first), ERR_NONE);
    assert_int_equal(ops()->import_refusals(b, i.id, add_refusal, &r), ERR_NONE);
    assert_string_equal(r.text, "2 : no JSON 3 email: no mail address ");
    assert_int_equal(ops()->import_count(b, i.id, 4, 2), ERR_NONE);
    assert_int_equal(ops()->import_count(b, i.id, 2, 1), ERR_NONE);
    r.text[0] = '\0';
    assert_int_equal(ops()->import_get(b, provider, i.id, add_import, &r), ERR_NONE);
    assert_string_equal(r.text, "1 users state 0 '' 6=3+3 ended 0 ");
    assert_int_equal(ops()->import_get(b, provider + 1, i.id, add_import, &r), ERR_NOT_FOUND);
    /* the process ends */
    assert_int_equal(ops()->import_end_all(b, SPAN_LIT("todoke was ended"), 9), ERR_NONE);
    struct import done = {.provider_id = provider, .into_list = true, .state = IMPORT_DONE, .ended_ms = 7};
    assert_int_equal(ops()->import_insert(b, &done), ERR_NONE);
    assert_int_equal(ops()->import_end_all(b, SPAN_LIT("again"), 10), ERR_NONE);
    r.text[0] = '\0';
    assert_int_equal(ops()->import_list(b, provider, INT64_MAX, 10, add_import, &r), ERR_NONE);
    assert_string_equal(r.text,
                        "2 list state 1 '' 0=0+0 ended 7 1 users state 2 'todoke was ended' 6=3+3 ended 9 ");
    r.text[0] = '\0';
    assert_int_equal(ops()->import_list(b, provider, 2, 10, add_import, &r), ERR_NONE);
    assert_string_equal(r.text, "1 users state 2 'todoke was ended' 6=3+3 ended 9 ");
    /* old ones go, with their refusals, but none that runs */
    struct import running = {.provider_id = provider};
    assert_int_equal(ops()->import_insert(b, &running), ERR_NONE);
    for (uint32_t k = 0; k < IMPORTS_KEPT + 5; k++)
        assert_int_equal(ops()->import_insert(b, &done), ERR_NONE);
    assert_int_equal(count("SELECT count(*) FROM import"), IMPORTS_KEPT + 1);
    assert_int_equal(count("SELECT min(id) FROM import"), running.id);
    assert_int_equal(count("SELECT count(*) FROM import_refusal"), 0);
    i.provider_id = 99;
    assert_int_equal(ops()->import_insert(b, &i), ERR_NOT_FOUND);
    i.id = 99999;
    assert_int_equal(ops()->import_update(b, &i), ERR_NOT_FOUND);
    assert_int_equal(ops()->import_count(b, i.id, 1, 1), ERR_NOT_FOUND);
    assert_int_equal(ops()->import_refuse(b, i.id, &bad), ERR_NOT_FOUND);
    /* all are counted, the first thousand kept */
    for (uint64_t line = 1; line <= IMPORT_REFUSALS_MAX + 20; line++)
        assert_int_equal(
            ops()->import_refuse(b, running.id, &(struct import_refusal){line, SPAN_LIT(""), SPAN_LIT("x")}),
            ERR_NONE);
    assert_int_equal(count("SELECT max(refused) FROM import"), IMPORT_REFUSALS_MAX + 20);
    assert_int_equal(count("SELECT max(line) FROM import_refusal"), IMPORT_REFUSALS_MAX);
}

/* With its provider all goes; another one's stays. */
static void provider_goes(void **state)
{
    (void)state;
    struct provider p = {.name = "other"};
    assert_int_equal(b->ops->roles->provider_insert(b, &p), ERR_NONE);
    int64_t gone = provider;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 250; i++) {
            char name[16];
            (void)snprintf(name, sizeof(name), "u%d", i);
            PUT(name, "", to(MEDIUM_MAIL, name), to(MEDIUM_PUSH, name));
        }
        struct recipient_list l = {.provider_id = provider, .name = SPAN_LIT("one"), .by = BY_EMAIL};
        struct import i = {.provider_id = provider};
        assert_int_equal(ops()->list_insert(b, &l), ERR_NONE);
        assert_int_equal(ops()->list_add(b, l.id, (struct span[]){SPAN_LIT("a"), SPAN_LIT("b")}, 2),
                         ERR_NONE);
        assert_int_equal(ops()->import_insert(b, &i), ERR_NONE);
        assert_int_equal(
            ops()->import_refuse(b, i.id, &(struct import_refusal){1, SPAN_LIT("a"), SPAN_LIT("b")}),
            ERR_NONE);
        struct segment g = {.provider_id = provider, .name = SPAN_LIT("s"), .condition = SPAN_LIT("{}")};
        struct audience_query q = {
            .provider_id = provider, .name = SPAN_LIT("q"), .sql = SPAN_LIT("SELECT 1")};
        assert_int_equal(ops()->segment_insert(b, &g), ERR_NONE);
        assert_int_equal(ops()->query_insert(b, &q), ERR_NONE);
        provider = p.id;
    }
    assert_int_equal(b->ops->roles->provider_delete(b, gone), ERR_NONE);
    provider = gone;
    assert_int_equal(put("u", "", NULL, 0, 1, NULL, NULL), ERR_NOT_FOUND);
    commit();
    prune_all();
    static const struct {
        const char *sql;
        int64_t want;
    } left[] = {
        {"SELECT count(*) FROM audience_user", 250},
        {"SELECT count(*) FROM audience_target", 500},
        {"SELECT count(*) FROM list", 1},
        {"SELECT count(*) FROM list_row", 2},
        {"SELECT count(*) FROM import", 1},
        {"SELECT count(*) FROM import_refusal", 1},
        {"SELECT count(*) FROM segment", 1},
        {"SELECT count(*) FROM query", 1},
        {"SELECT count(*) FROM audience", 1},
        {"SELECT users FROM audience", 250},
    };
    for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
        assert_int_equal(count(left[i].sql), left[i].want);
}

/* Memory runs out at every place: the call says so, and the next one is not misled. */
int main(void)
{
    const struct CMUnitTest tests[] = {TEST(lists), TEST(imports), TEST(provider_goes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
