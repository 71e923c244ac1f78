#pragma once
/*
 * Turns evidence into an outcome: one pure function decides what a finished exchange is called. The network
 * engine only gathers evidence; the decision is tested as a table of rows (docs/attribution.md).
 */
#include <stdint.h>

#include "fault/fault.h"

/* How far the exchange had come, in the order of a delivery. */
enum phase {
    PHASE_URL,
    PHASE_RESOLVE,
    PHASE_CONNECT,
    PHASE_TLS,
    PHASE_SESSION,
    PHASE_SEND,
    PHASE_AWAIT,
    PHASE_DONE,
    PHASE_COUNT
};

/* Who or what ended it. */
enum ended {
    ENDED_COMPLETE,   /* the end of the message was seen: END_STREAM, or the end of the HTTP/1 message */
    ENDED_URL,        /* the URL was refused; evidence.cause says why */
    ENDED_DNS,        /* the resolver's answers gave no address; evidence.cause says why */
    ENDED_GUARD,      /* the port, or every address, was refused by the address guard */
    ENDED_ERRNO,      /* connect(2), socket(2) or the like failed; evidence.sys_errno */
    ENDED_FIN,        /* the peer closed */
    ENDED_RST,        /* the peer reset the connection */
    ENDED_GOAWAY,     /* the peer's GOAWAY excluded our stream, or came before our HEADERS */
    ENDED_RST_STREAM, /* the peer reset our stream; evidence.h2_code */
    ENDED_ALERT,      /* a fatal TLS alert from the peer; evidence.tls_alert */
    ENDED_NOT_TLS,    /* the first bytes answering our ClientHello are no TLS record */
    ENDED_TLS_LOCAL,  /* we aborted the handshake or could not read a record; evidence.verify, tls_old_version
                       */
    ENDED_PROTOCOL,   /* the peer's bytes break HTTP; evidence.cause says how */
    ENDED_DEADLINE,   /* a deadline passed */
    ENDED_LOCAL,      /* a local failure; evidence.cause says which */
};

/* How much of an answer had been read. */
enum answer_part { ANSWER_NONE, ANSWER_INTERIM, ANSWER_PARTIAL_HEAD, ANSWER_HEAD };

struct evidence {
    enum phase phase;
    enum ended ended;
    enum cause_id cause; /* for ends that name their own cause; CAUSE_ok otherwise */
    int sys_errno;
    bool tls;        /* https */
    int http;        /* 0: unknown yet, 10, 11, 20 */
    bool reused;     /* an idle connection of the pool was used */
    bool resumption; /* TLS resumption was offered or used, and no answer has arrived on the connection */
    bool sent; /* at least one request byte was accepted by the transport; h2: our HEADERS were flushed */
    bool sent_whole; /* the whole request was accepted */
    enum answer_part answer;
    int status;           /* final status, or 101; 0: none was read */
    bool settings;        /* h2: the peer's SETTINGS were received */
    bool goaway;          /* h2: a GOAWAY was received */
    uint32_t h2_code;     /* RST_STREAM or GOAWAY error code */
    int tls_alert;        /* TLS alert description; -1: none */
    bool tls13;           /* TLS 1.3 was negotiated */
    bool app_data;        /* a byte of application data was read on this connection */
    long verify;          /* X509_V_OK or the result of the certificate check */
    bool tls_old_version; /* the server chose a version we do not offer */
};

struct outcome {
    enum reason reason;
    enum fault_id fault;
    enum cause_id cause;
    enum processed processed;
    enum phase phase; /* the phase in which it ended; PHASE_DONE for an answer */
    int status;       /* 0: no final status was read */
};

/* Decides the outcome; defined for every struct evidence; no I/O, no state. */
struct outcome outcome_of(const struct evidence *e);

/*
 * Whether the pool may itself retry on a new connection: only what the server provably never handled, in the
 * cases of docs/attribution.md "Tried again at once".
 */
bool outcome_may_retry(const struct evidence *e, const struct outcome *o);

/*
 * Whether it ended like a refused TLS resumption, provably unhandled: one full handshake should then be
 * tried.
 */
bool outcome_wants_full_handshake(const struct evidence *e, const struct outcome *o);

/*
 * The detail as shown to people: the catalogue's string, or the status number. buf takes at least 8 bytes;
 * the returned string is static or lives as long as buf.
 */
const char *outcome_detail(const struct outcome *o, char buf[8]);

/* "url", "resolve", "connect", "tls", "session", "send", "await", "done" */
const char *phase_text(enum phase p);
