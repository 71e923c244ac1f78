#include "access/password.h"

#include <sodium.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "base/worker.h"

_Static_assert(ACCOUNT_HASH_MAX >= crypto_pwhash_STRBYTES, "the store keeps what libsodium writes");

/*
 * libsodium's INTERACTIVE: more passes than RFC 9106's first choice for memory-bound machines, and more
 * memory than OWASP's minimum.
 */
const struct password_cost password_cost_standard = {crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                                     crypto_pwhash_MEMLIMIT_INTERACTIVE};

struct password_worker {
    struct password_cost cost;
    struct worker worker;
    _Atomic uint64_t count;
};

const char *password_refuse(struct span password, const char *email)
{
    size_t characters = 0;
    uint32_t cp;
    for (size_t i = 0, n; i < password.len; i += n, characters++) {
        n = utf8_next(password.ptr + i, password.len - i, &cp);
        if (n == 0)
            return "must be UTF-8";
    }
    if (characters < PASSWORD_MIN || characters > PASSWORD_MAX)
        return "must be 10 to 200 characters";
    if (memchr(password.ptr, '\0', password.len))
        return "must not hold the character NUL";
    if (email && span_eq_nocase(password, span_of(email)))
        return "must not be the mail address";
    return NULL;
}

enum err password_hash(const struct password_cost *cost, struct span password,
                       char hash[static ACCOUNT_HASH_MAX])
{
    char out[crypto_pwhash_STRBYTES] = {0};
    if (crypto_pwhash_str(out, password.ptr, password.len, cost->ops, cost->memory))
        return ERR_NOMEM;
    memcpy(hash, out, sizeof(out));
    return ERR_NONE;
}

static void work_on(struct password_worker *w, struct password_job *j)
{
    (void)atomic_fetch_add(&w->count, 1);
    struct span password = {j->password, j->len};
    char thrown_away[ACCOUNT_HASH_MAX];
    j->ok = false;
    if (j->make)
        j->err = password_hash(&w->cost, password, j->hash);
    else if (j->hash[0])
        j->ok = crypto_pwhash_str_verify(j->hash, j->password, j->len) == 0;
    else /* same work for unknown accounts, so that timing does not reveal them */
        j->err = password_hash(&w->cost, password, thrown_away);
}

static void open_letter(struct letter *l)
{
    struct password_job *j = list_entry(l, struct password_job, letter);
    j->done(j);
}

static void answer(struct password_job *j)
{
    explicit_bzero(j->password, sizeof(j->password));
    mailbox_post(j->home, &j->letter);
}

static void *work(void *arg)
{
    struct password_worker *w = arg;
    struct list jobs;
    list_init(&jobs);
    for (bool stop; worker_take(&w->worker, &jobs, 1, -1, &stop);) {
        struct password_job *j = list_entry(list_pop_front(&jobs), struct password_job, link);
        if (stop)
            j->err = ERR_CLOSED;
        else
            work_on(w, j);
        answer(j);
    }
    return NULL;
}

enum err password_new(struct password_worker **ret, const struct password_cost *cost, uint32_t queue_max)
{
    struct password_worker *w = mem_zero(1, sizeof(*w));
    if (!w)
        return ERR_NOMEM;
    w->cost = *cost;
    enum err e = sodium_init() < 0 ? ERR_IO : worker_start(&w->worker, "password", queue_max, work, w);
    if (e) {
        password_free(w);
        return e;
    }
    *ret = w;
    return ERR_NONE;
}

bool password_submit(struct password_worker *w, struct password_job *j)
{
    j->letter.open = open_letter;
    j->err = ERR_NONE;
    enum err e = worker_put(&w->worker, &j->link);
    if (e == ERR_CLOSED) {
        j->err = e;
        answer(j);
    }
    return e != ERR_LIMIT;
}

void password_stop(struct password_worker *w)
{
    if (w)
        worker_stop(&w->worker);
}

void password_free(struct password_worker *w)
{
    if (!w)
        return;
    password_stop(w);
    worker_deinit(&w->worker);
    mem_free(w);
}

uint64_t password_count(const struct password_worker *w)
{
    return atomic_load(&w->count);
}
