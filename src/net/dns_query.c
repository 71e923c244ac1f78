#include "net/dns_query.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/socket.h"

#define PAUSE_MAX_US 500000u      /* a lost datagram costs at most half a second */
#define PLAIN_FOR_US 600000000ull /* RFC 6891 6.2.2: knowledge about a server must expire */
#define DATAGRAM_MAX 4096         /* from a server that ignores the size we announced */
#define MESSAGE_MIN 12            /* a header */

/* How a server is asked by datagram. */
enum form { FORM_EDNS, FORM_PLAIN, FORM_COUNT };

/* One socket to one server: for the datagrams of both questions, or for the stream of one. */
struct channel {
    uv_poll_t poll;
    int fd;
    struct dns_query *query;
    struct question *question; /* for a stream */
    size_t server;
    size_t sent; /* for a stream: bytes of the query sent, after its length */
    uint8_t prefix[2];
    uint8_t *msg;    /* for a stream: the answer, once its length is known */
    size_t len, got; /* of the answer, its length included */
};

struct question {
    struct dns_query *query;
    enum dns_type type;
    bool over;
    uint16_t id[FORM_COUNT];
    uint8_t bytes[DNS_QUESTION_MAX];
    size_t len;
    size_t server;  /* the last one asked */
    unsigned turns; /* number of turns so far */
    /* Sets of servers, one bit each. */
    unsigned asked[FORM_COUNT], heard[FORM_COUNT]; /* by datagram; result of the last one */
    unsigned refused_edns;
    unsigned failed;         /* servers that cannot or will not answer */
    enum cause_id said;      /* the first failure a server reported; CAUSE_ok: none */
    enum cause_id trouble;   /* why a server could not be asked; CAUSE_ok: all could */
    bool waiting;            /* the last server asked may still answer */
    bool silent;             /* a server did not answer in time */
    struct dns_answer *part; /* the addresses of a truncated answer, better than none */
    struct channel *streams[DNS_SERVERS_MAX];
    struct timer again;
};

struct dns_query {
    uv_loop_t *loop;
    struct timers *timers;
    struct dns_servers *servers;
    struct channel *datagrams[DNS_SERVERS_MAX];
    struct question questions[2];
    struct timer deadline;
    uint64_t pause_us;  /* between two turns */
    bool ending, freed; /* ended by the clock; freed inside a callback */
    dns_answered_fn *answered;
    void *arg;
};

static void question_step(struct question *n);
static void on_again(struct timer *t);
static void on_datagram(uv_poll_t *poll, int status, int events);
static void on_stream(uv_poll_t *poll, int status, int events);

static uint64_t now_us(const struct dns_query *q)
{
    return q->timers->clock->mono_us(q->timers->clock->arg);
}

static unsigned bit(size_t server)
{
    return 1u << server;
}

static enum cause_id cause_of_errno(int e)
{
    switch (e) {
    case EMFILE:
    case ENFILE:
        return CAUSE_local_files;
    case ENOBUFS:
        return CAUSE_local_buffers;
    case ENOMEM:
        return CAUSE_local_out_of_memory;
    default:
        return CAUSE_dns_unreachable;
    }
}

/* ---- channels ---- */

static void on_channel_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void channel_close(struct channel **slot)
{
    struct channel *c = *slot;
    *slot = NULL;
    if (!c)
        return;
    mem_free(c->msg);
    uv_close((uv_handle_t *)&c->poll, on_channel_closed);
    (void)close(c->fd);
}

/* question: NULL for datagrams. Returns 0, or the errno. */
static int channel_open(struct channel **slot, struct dns_query *q, size_t server, struct question *question)
{
    const struct sockaddr *to = &q->servers->list[server].address.any;
    int fd = socket_open(to->sa_family, question ? SOCK_STREAM : SOCK_DGRAM);
    if (fd < 0)
        return -fd;
    int e = connect(fd, to, address_len(to)) == 0 || errno == EINPROGRESS ? 0 : errno;
    struct channel *c = e ? NULL : mem_zero(1, sizeof(*c));
    if (!e && (!c || uv_poll_init(q->loop, &c->poll, fd) != 0))
        e = ENOMEM;
    if (e) {
        mem_free(c);
        (void)close(fd);
        return e;
    }
    c->poll.data = c;
    c->fd = fd;
    c->query = q;
    c->question = question;
    c->server = server;
    (void)uv_poll_start(&c->poll, question ? UV_WRITABLE : UV_READABLE, question ? on_stream : on_datagram);
    *slot = c;
    return 0;
}

/* ---- the end of a question ---- */

static void question_close(struct question *n)
{
    n->over = true;
    timer_disarm(n->query->timers, &n->again);
    for (size_t i = 0; i < DNS_SERVERS_MAX; i++)
        channel_close(&n->streams[i]);
    mem_free(n->part);
    n->part = NULL;
}

/* If a truncated answer has addresses, reports those rather than a failure. May free the query. */
static void question_end(struct question *n, const struct dns_answer *a)
{
    struct dns_query *q = n->query;
    struct dns_answer part;
    if (a->count == 0 && n->part) {
        part = *n->part;
        part.ttl_s = 0; /* use it only once: a truncated answer must not be cached (RFC 2181 9) */
        a = &part;
    }
    question_close(n);
    q->answered(q->arg, n->type, a);
}

/*
 * Cause of a question without an answer: a server's error says more than another's silence, and silence more
 * than a server that could not be asked.
 */
static enum cause_id question_verdict(const struct question *n)
{
    bool open = n->waiting || n->silent;
    for (size_t i = 0; i < DNS_SERVERS_MAX; i++)
        open = open || n->streams[i];
    if (n->said != CAUSE_ok)
        return n->said;
    return open || n->trouble == CAUSE_ok ? CAUSE_dns_timeout : n->trouble;
}

/* Ends the question: there is no answer, and none is expected. May free the query. */
static void question_give_up(struct question *n)
{
    const struct dns_answer a = {.cause = question_verdict(n)};
    question_end(n, &a);
}

static void on_deadline(struct timer *t)
{
    struct dns_query *q = list_entry(t, struct dns_query, deadline);
    q->ending = true;
    for (size_t i = 0; i < 2 && !q->freed; i++)
        if (!q->questions[i].over)
            question_give_up(&q->questions[i]);
    q->ending = false;
    if (q->freed)
        dns_query_free(q);
}

/* ---- asking ---- */

static void trouble_note(struct question *n, size_t server, int e)
{
    for (size_t form = 0; form < FORM_COUNT; form++) /* its silence then says nothing about EDNS */
        n->heard[form] |= bit(server);
    n->trouble = cause_of_errno(e);
    if (n->server == server)
        n->waiting = false;
}

/*
 * A server could not be asked. Servers not asked yet are asked at once; if there are none, at the next turn.
 */
static void question_trouble(struct question *n, size_t server, int e)
{
    trouble_note(n, server, e);
    if (n->turns < n->query->servers->count)
        question_step(n);
}

/* Sends the question to a server by datagram. Returns 0, or the errno. */
static int question_send(struct question *n, size_t server, enum form form)
{
    struct dns_query *q = n->query;
    n->server = server;
    n->asked[form] |= bit(server);
    n->heard[form] &= ~bit(server);
    int e = q->datagrams[server] ? 0 : channel_open(&q->datagrams[server], q, server, NULL);
    if (!e) {
        uint8_t msg[DNS_QUERY_MAX];
        size_t len = dns_query_write(msg, n->id[form], n->bytes, n->len, form == FORM_EDNS);
        int fd = q->datagrams[server]->fd;
        /* The error may belong to an earlier datagram: the second try reports this one's. */
        if (send(fd, msg, len, MSG_NOSIGNAL) < 0 && send(fd, msg, len, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
            e = errno;
    }
    n->waiting = !e;
    return e;
}

static void question_ask(struct question *n, size_t server, enum form form)
{
    int e = question_send(n, server, form);
    if (e)
        question_trouble(n, server, e);
}

/* Whether a server did not answer a query with EDNS: firewalls and old servers drop those. */
static bool is_silent_to_edns(const struct question *n, size_t server)
{
    return n->asked[FORM_EDNS] & ~n->heard[FORM_EDNS] & bit(server);
}

/* False for a server that has failed or is being asked over TCP. */
static bool may_be_asked(const struct question *n, size_t server)
{
    return !(n->failed & bit(server)) && !n->streams[server];
}

/* Passes the turn to the next of `others` servers after the last one asked. */
static void question_step_to(struct question *n, size_t others)
{
    struct dns_query *q = n->query;
    const struct dns_servers *all = q->servers;
    timer_arm(q->timers, &n->again, now_us(q) + q->pause_us, on_again);
    for (size_t i = n->turns > 0 ? 1 : 0, end = i + others; i < end; i++) {
        size_t server = (n->server + i) % all->count;
        if (!may_be_asked(n, server))
            continue;
        bool plain = is_silent_to_edns(n, server) || (n->refused_edns & bit(server)) ||
                     now_us(q) < all->list[server].plain_until_us;
        n->turns++;
        question_ask(n, server, plain ? FORM_PLAIN : FORM_EDNS);
        return;
    }
}

/* Starts the next turn. */
static void question_step(struct question *n)
{
    question_step_to(n, n->query->servers->count);
}

/*
 * No answer came: asks the next server. A server that was silent with EDNS is asked without it in the same
 * turn, because its own next turn may come too late.
 */
static void on_again(struct timer *t)
{
    struct question *n = list_entry(t, struct question, again);
    size_t last = n->server, count = n->query->servers->count;
    n->silent = n->silent || n->waiting;
    if (!is_silent_to_edns(n, last) || (n->asked[FORM_PLAIN] & bit(last)) || !may_be_asked(n, last)) {
        question_step(n);
        return;
    }
    int e = question_send(n, last, FORM_PLAIN);
    if (e)
        trouble_note(n, last, e);
    question_step_to(n, count - 1);
}

/* A server cannot or will not answer: another one may. May free the query. */
static void question_failed(struct question *n, size_t server, enum cause_id cause)
{
    n->failed |= bit(server);
    n->said = n->said == CAUSE_ok ? cause : n->said;
    channel_close(&n->streams[server]);
    if (n->server == server)
        n->waiting = false;
    if (n->failed == bit(n->query->servers->count) - 1)
        question_give_up(n);
    else
        question_step(n);
}

/* ---- answers ---- */

/* The stream ended without an answer, or could not be opened. May free the query. */
static void question_lost_stream(struct question *n, size_t server, int e)
{
    channel_close(&n->streams[server]);
    if (n->part)
        question_give_up(n);
    else
        question_trouble(n, server, e);
}

/* Keeps the truncated answer with more addresses. */
static void question_keep_part(struct question *n, const struct dns_answer *a)
{
    if (a->count <= (n->part ? n->part->count : 0))
        return;
    if (!n->part)
        n->part = mem_alloc(sizeof(*a));
    if (n->part)
        *n->part = *a;
}

/* The answer does not fit into a datagram: asks over TCP. */
static void question_go_tcp(struct question *n, size_t server, const struct dns_answer *a)
{
    question_keep_part(n, a);
    if (n->server == server)
        n->waiting = false;
    int e = n->streams[server] ? 0 : channel_open(&n->streams[server], n->query, server, n);
    if (e)
        question_lost_stream(n, server, e);
}

/* Handles a server's answer to a datagram. May free the query. */
static void question_take(struct question *n, size_t server, enum form form, const struct dns_answer *a)
{
    n->heard[form] |= bit(server);
    if (a->truncated || !dns_is_failure(a->cause)) {
        if (form == FORM_PLAIN && (is_silent_to_edns(n, server) || (n->refused_edns & bit(server))))
            n->query->servers->list[server].plain_until_us = now_us(n->query) + PLAIN_FOR_US;
        if (a->truncated)
            question_go_tcp(n, server, a);
        else
            question_end(n, a);
    } else if (form == FORM_EDNS && a->blames_edns) {
        n->refused_edns |= bit(server);
        n->said = n->said == CAUSE_ok ? a->cause : n->said;
        if (!(n->asked[FORM_PLAIN] & bit(server))) { /* otherwise the plain query is already sent */
            timer_arm(n->query->timers, &n->again, now_us(n->query) + n->query->pause_us, on_again);
            question_ask(n, server, FORM_PLAIN);
        }
    } else {
        question_failed(n, server, a->cause);
    }
}

/* Reads one datagram per call, because handling it may free the query. */
static void on_datagram(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct channel *c = poll->data;
    struct dns_query *q = c->query;
    size_t server = c->server;
    if (status < 0) /* libuv has stopped the poll; the socket has the actual error */
        (void)uv_poll_start(poll, UV_READABLE, on_datagram);
    uint8_t msg[DATAGRAM_MAX];
    ssize_t n = recv(c->fd, msg, sizeof(msg), MSG_TRUNC);
    if (n < 0 && errno != EAGAIN && errno != EINTR) { /* nobody listens there, or there is no route */
        int e = errno;
        for (size_t i = 0; i < 2; i++)
            if (!q->questions[i].over && q->questions[i].server == server && q->questions[i].waiting)
                question_trouble(&q->questions[i], server, e);
    }
    if (n < MESSAGE_MIN)
        return;
    size_t len = (size_t)n < sizeof(msg) ? (size_t)n : sizeof(msg);
    if ((size_t)n > sizeof(msg))
        msg[2] |= 0x02; /* truncated by our own buffer */
    for (size_t i = 0; i < 2; i++) {
        struct question *question = &q->questions[i];
        for (enum form form = 0; form < FORM_COUNT && !question->over; form++) {
            if (!(question->asked[form] & bit(server)) || (question->failed & bit(server)) ||
                !dns_is_answer(msg, len, question->id[form], question->bytes, question->len))
                continue;
            struct dns_answer a;
            dns_answer_read(&a, msg, len, question->type);
            question_take(question, server, form, &a);
            return;
        }
    }
}

/*
 * Sends the rest of the query, its length first (RFC 1035 4.2.2). Without EDNS, which adds nothing over TCP.
 * Returns 0, or the errno.
 */
static int stream_write(struct channel *c)
{
    uint8_t msg[2 + DNS_QUERY_MAX];
    const struct question *n = c->question;
    size_t len = dns_query_write(msg + 2, n->id[FORM_PLAIN], n->bytes, n->len, false);
    msg[0] = (uint8_t)(len >> 8);
    msg[1] = (uint8_t)len;
    while (c->sent < len + 2) {
        ssize_t sent = send(c->fd, msg + c->sent, len + 2 - c->sent, MSG_NOSIGNAL);
        if (sent < 0)
            return errno;
        c->sent += (size_t)sent;
    }
    (void)uv_poll_start(&c->poll, UV_READABLE, on_stream);
    return 0;
}

/* Reads the answer. Returns 0 when it is complete, or the errno. */
static int stream_read(struct channel *c)
{
    for (;;) {
        if (c->got == 2 && !c->msg) {
            c->len = (size_t)c->prefix[0] << 8 | c->prefix[1];
            if (c->len < MESSAGE_MIN)
                return EPROTO;
            c->msg = mem_alloc(c->len); /* at most 64 KiB */
            if (!c->msg)
                return ENOMEM;
        }
        uint8_t *to = c->msg ? c->msg + (c->got - 2) : c->prefix + c->got;
        size_t want = c->msg ? c->len + 2 - c->got : 2 - c->got;
        if (want == 0)
            return 0;
        ssize_t n = recv(c->fd, to, want, 0);
        if (n <= 0)
            return n == 0 ? ECONNRESET : errno;
        c->got += (size_t)n;
    }
}

static void on_stream(uv_poll_t *poll, int status, int events)
{
    struct channel *c = poll->data;
    struct question *n = c->question;
    int e = events & UV_WRITABLE ? stream_write(c) : EAGAIN;
    if (!e || (e == EAGAIN && c->sent > 0))
        e = stream_read(c);
    if ((e == EAGAIN || e == EINTR) && status >= 0)
        return;
    if (e) {
        question_lost_stream(n, c->server, e);
        return;
    }
    size_t server = c->server;
    if (!dns_is_answer(c->msg, c->len, n->id[FORM_PLAIN], n->bytes, n->len)) {
        question_lost_stream(n, server, EPROTO);
        return;
    }
    struct dns_answer a;
    dns_answer_read(&a, c->msg, c->len, n->type);
    if (a.truncated) { /* this server cannot give the rest */
        question_keep_part(n, &a);
        question_lost_stream(n, server, EPROTO);
    } else if (dns_is_failure(a.cause)) {
        question_failed(n, server, a.cause);
    } else {
        question_end(n, &a);
    }
}

/* ---- the query ---- */

enum err dns_query_new(struct dns_query **ret, uv_loop_t *loop, struct timers *timers,
                       struct dns_servers *servers, const char *name, uint32_t timeout_ms,
                       dns_answered_fn *answered, void *arg)
{
    static const enum dns_type types[2] = {DNS_A, DNS_AAAA};
    struct dns_query *q = mem_zero(1, sizeof(*q));
    if (!q)
        return ERR_NOMEM;
    q->loop = loop;
    q->timers = timers;
    q->servers = servers;
    q->answered = answered;
    q->arg = arg;
    for (size_t i = 0; i < 2; i++) {
        struct question *n = &q->questions[i];
        uint64_t chance = random_u64(&random_system);
        n->query = q;
        n->type = types[i];
        n->len = dns_question_write(n->bytes, name, n->type);
        n->server = servers->first;
        n->id[FORM_EDNS] = (uint16_t)chance;
        n->id[FORM_PLAIN] = (uint16_t)(chance >> 16);
        if (n->id[FORM_PLAIN] == n->id[FORM_EDNS]) /* the id tells which form an answer belongs to */
            n->id[FORM_PLAIN] ^= 1;
    }
    if (q->questions[0].len == 0) {
        mem_free(q);
        return ERR_INVALID;
    }
    /* Time for each server in both forms, and once more for the last one's answer. */
    uint64_t pause_us = (uint64_t)timeout_ms * 1000 / (2 * servers->count + 1);
    q->pause_us = pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
    timer_arm(timers, &q->deadline, now_us(q) + (uint64_t)timeout_ms * 1000, on_deadline);
    for (size_t i = 0; i < 2; i++)
        question_step(&q->questions[i]);
    *ret = q;
    return ERR_NONE;
}

void dns_query_free(struct dns_query *q)
{
    if (!q)
        return;
    q->freed = true;
    if (q->ending) /* once both questions are reported */
        return;
    timer_disarm(q->timers, &q->deadline);
    for (size_t i = 0; i < 2; i++)
        question_close(&q->questions[i]);
    for (size_t i = 0; i < DNS_SERVERS_MAX; i++)
        channel_close(&q->datagrams[i]);
    mem_free(q);
}
