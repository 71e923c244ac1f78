#pragma once
/*
 * How a thread hands work to a loop: letters are queued under a lock, and the loop is woken once for all
 * letters waiting. A letter is embedded in the work it carries; its open function takes over the ownership.
 */
#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"
#include "base/list.h"

struct letter {
    struct list link;
    void (*open)(struct letter *l); /* called on the mailbox's loop */
};

struct mailbox {
    pthread_mutex_t lock;
    struct list letters;
    uv_async_t wake;
    bool closing;
    void (*after)(void *arg); /* called after each batch; NULL: nothing */
    void *after_arg;
};

/*
 * Initialises in place: a mailbox must not move. after may be NULL. ERR_IO: the loop has no descriptors left.
 */
enum err mailbox_init(struct mailbox *m, uv_loop_t *loop, void (*after)(void *arg), void *arg) MUST_CHECK;
/* From any thread, until the mailbox is closed. Letters are opened in the order in which they were posted. */
void mailbox_post(struct mailbox *m, struct letter *l);
/* Opens the letters that wait now. On the loop's thread. */
void mailbox_empty(struct mailbox *m);
/*
 * Opens the letters that wait; the handle then closes while the loop runs on. On the loop's thread. Nobody
 * may post any more.
 */
void mailbox_close(struct mailbox *m);
