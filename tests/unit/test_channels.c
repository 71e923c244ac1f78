/*
 * The lanes of channels while memory is short: allocation N = 1, 2, … fails as letters with fresh events are
 * opened, and no event may be forgotten. The channel's URL is none, so that all of it happens without a
 * network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/memory/memory.h"
#include "webhook/channels.h"

#define LETTERS 3
#define EVENTS 2 /* of a letter */
#define ROUNDS_MAX 200
#define PATIENCE_US 10000000u

struct world {
    uv_loop_t loop;
    uv_timer_t tick; /* the loop looks around at least so often */
    struct mailbox mailbox;
    struct store *store;
    struct directory *directory;
    struct courier *courier;
    struct channels *channels;
    struct delivery_settings settings;
    struct delivery_counters counters;
    struct channel channel;
};

static void after_letters(void *arg)
{
    courier_pump(((struct world *)arg)->courier);
}

static void on_tick(uv_timer_t *t)
{
    (void)t;
}

struct insert {
    struct store_call call;
    struct event *events[EVENTS];
};

static enum err insert_run(struct store_call *call, struct backend *b)
{
    struct insert *i = list_entry(call, struct insert, call);
    return b->ops->events->events_insert(b, i->events, EVENTS, 1700000000000);
}

static void world_open(struct world *w)
{
    struct backend *writer, *reader;
    memset(w, 0, sizeof(*w));
    w->channel = (struct channel){.use_webhook = true, .webhook_url = "https://no url/", .language = "en"};
    assert_int_equal(memory_open(&writer), ERR_NONE);
    assert_int_equal(memory_open_reader(&reader, writer), ERR_NONE);
    assert_int_equal(writer->ops->begin(writer), ERR_NONE);
    assert_int_equal(writer->ops->channels->channel_insert(writer, &w->channel), ERR_NONE);
    assert_int_equal(writer->ops->commit(writer), ERR_NONE);
    assert_int_equal(store_start(&w->store, writer, reader), ERR_NONE);
    assert_int_equal(directory_new(&w->directory, 10), ERR_NONE);
    assert_int_equal(directory_load(w->directory, w->store), ERR_NONE);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(mailbox_init(&w->mailbox, &w->loop, after_letters, w), ERR_NONE);
    assert_int_equal(uv_timer_init(&w->loop, &w->tick), 0);
    assert_int_equal(uv_timer_start(&w->tick, on_tick, 20, 20), 0);
    w->settings = (struct delivery_settings){.user_agent = "todoke/x", .schedule = redelivery_default};
    struct courier_config config = {.loop = &w->loop,
                                    .mailbox = &w->mailbox,
                                    .store = w->store,
                                    .clock = &clock_system,
                                    .window_max = 8,
                                    .in_flight_max = 100,
                                    .memory_max = 1 << 20,
                                    .bytes_max = EVENT_MAX_BODY};
    assert_int_equal(courier_new(&w->courier, &config), ERR_NONE);
    struct channels_config channels = {.courier = w->courier,
                                       .mailbox = &w->mailbox,
                                       .store = w->store,
                                       .directory = w->directory,
                                       .settings = &w->settings,
                                       .counters = &w->counters,
                                       .clock = &clock_system};
    assert_int_equal(channels_new(&w->channels, &channels), ERR_NONE);
}

static void world_close(struct world *w)
{
    store_stop(w->store);
    courier_stop(w->courier);
    mailbox_close(&w->mailbox);
    courier_close(w->courier);
    uv_close((uv_handle_t *)&w->tick, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    courier_free(w->courier);
    channels_free(w->channels);
    directory_free(w->directory);
    store_close(w->store);
}

static uint64_t ended(const struct world *w)
{
    return atomic_load(&w->counters.given_up) + atomic_load(&w->counters.delivered);
}

/* One after the other, as they are committed; the second ones come while the first have found no memory.
 * Returns whether it failed one. */
static bool round_of(unsigned long fail_at)
{
    struct world w;
    world_open(&w);
    for (int i = 0; i < LETTERS; i++) {
        struct insert insert = {.call = {.run = insert_run}};
        struct courier_fresh *fresh = mem_zero(1, sizeof(*fresh));
        assert_non_null(fresh);
        fresh->id = w.channel.id;
        list_init(&fresh->items);
        for (int k = 0; k < EVENTS; k++)
            assert_non_null(insert.events[k] = event_new(w.channel.id, SPAN_LIT("{\"type\":\"x\"}"), 0));
        assert_int_equal(store_wait(w.store, &insert.call), ERR_NONE);
        for (int k = 0; k < EVENTS; k++)
            list_push_back(&fresh->items, &insert.events[k]->item.link);
        courier_hand_over(w.courier, fresh);
    }
    (void)mem_fail_at(fail_at);
    mailbox_empty(&w.mailbox);
    bool failed = mem_fail_hit();
    (void)mem_fail_at(0);
    uint64_t until = clock_system.mono_us(NULL) + PATIENCE_US;
    while (ended(&w) < LETTERS * EVENTS && clock_system.mono_us(NULL) < until)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    if (ended(&w) != LETTERS * EVENTS)
        fail_msg("allocation %lu failed: %llu events ended", fail_at, (unsigned long long)ended(&w));
    world_close(&w);
    return failed;
}

static void no_event_is_forgotten(void **state)
{
    (void)state;
    log_set_output(-1, NULL);
    unsigned long n = 1;
    while (n < ROUNDS_MAX && round_of(n))
        n++;
    assert_true(n > 5 && n < ROUNDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_event_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
