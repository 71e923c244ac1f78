#include "base/mailbox.h"

#include "base/origin.h"

static void on_wake(uv_async_t *wake)
{
    mailbox_empty(wake->data);
}

enum err mailbox_init(struct mailbox *m, uv_loop_t *loop, void (*after)(void *arg), void *arg)
{
    *m = (struct mailbox){.after = after, .after_arg = arg};
    list_init(&m->letters);
    if (uv_async_init(loop, &m->wake, on_wake))
        return err_origin(ERR_IO);
    m->wake.data = m;
    (void)pthread_mutex_init(&m->lock, NULL);
    return ERR_NONE;
}

void mailbox_post(struct mailbox *m, struct letter *l)
{
    (void)pthread_mutex_lock(&m->lock);
    bool first = list_empty(&m->letters);
    list_push_back(&m->letters, &l->link);
    (void)pthread_mutex_unlock(&m->lock);
    if (first) /* one wake is enough for all letters of a batch */
        (void)uv_async_send(&m->wake);
}

static bool open_batch(struct mailbox *m)
{
    struct list batch;
    list_init(&batch);
    (void)pthread_mutex_lock(&m->lock);
    if (!list_empty(&m->letters)) { /* moves the whole chain to a new sentinel */
        batch = m->letters;
        batch.next->prev = batch.prev->next = &batch;
        list_init(&m->letters);
    }
    (void)pthread_mutex_unlock(&m->lock);
    bool any = !list_empty(&batch);
    for (struct list *i; (i = list_pop_front(&batch));) {
        struct letter *l = list_entry(i, struct letter, link);
        l->open(l);
    }
    return any;
}

void mailbox_empty(struct mailbox *m)
{
    if (open_batch(m) && m->after)
        m->after(m->after_arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct mailbox *m = handle->data;
    (void)pthread_mutex_destroy(&m->lock);
}

void mailbox_close(struct mailbox *m)
{
    if (m->closing)
        return;
    m->closing = true;
    while (open_batch(m)) /* opening a letter may post another */
        ;
    uv_close((uv_handle_t *)&m->wake, on_closed);
}
