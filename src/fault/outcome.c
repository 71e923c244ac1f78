/*
 * Decides what a finished exchange is called: one question after the other, the earliest phase first; see
 * docs/attribution.md for the rules and their reasons.
 */
#include "fault/outcome.h"

#include "base/decimal.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

/* TCP is connected and the request has not begun. */
static bool before_sent(const struct evidence *e)
{
    return !e->sent;
}

static enum cause_id cause_of_errno(int e)
{
    switch (e) {
    case ECONNREFUSED:
        return CAUSE_tcp_refused;
    case ECONNRESET:
        return CAUSE_tcp_reset;
    case EHOSTUNREACH:
    case EHOSTDOWN:
        return CAUSE_tcp_host_unreachable;
    case ENETUNREACH:
    case ENETDOWN:
    case EAFNOSUPPORT: /* no IPv6 here: no route to that network */
        return CAUSE_tcp_net_unreachable;
    case EACCES:
    case EPERM:
        return CAUSE_tcp_prohibited;
    case EINVAL:
        return CAUSE_tcp_invalid;
    case ETIMEDOUT:
        return CAUSE_tcp_etimedout;
    case EMFILE:
    case ENFILE:
        return CAUSE_local_files;
    case ENOBUFS:
        return CAUSE_local_buffers;
    case ENOMEM:
        return CAUSE_local_out_of_memory;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
        return CAUSE_local_addresses;
    default:
        return CAUSE_tcp_failed;
    }
}

static enum cause_id cause_of_verify(long verify)
{
    switch (verify) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return CAUSE_tls_cert_expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CAUSE_tls_cert_not_yet_valid;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return CAUSE_tls_cert_wrong_host;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return CAUSE_tls_cert_self_signed;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return CAUSE_tls_cert_untrusted;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return CAUSE_tls_cert_weak;
    case X509_V_ERR_CERT_REVOKED:
        return CAUSE_tls_cert_revoked;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_CERT_REJECTED:
        return CAUSE_tls_cert_purpose;
    default:
        return CAUSE_tls_cert_invalid;
    }
}

/*
 * A fatal alert is a failed handshake while the handshake runs, and in TLS 1.3 until the server has sent
 * data: a server judges our (absent) certificate only after our side of the handshake is over.
 */
static enum cause_id cause_of_alert(const struct evidence *e)
{
    bool handshake = e->phase == PHASE_TLS;
    if (!handshake && !(e->tls13 && !e->app_data)) {
        if (before_sent(e))
            return e->http == 20 && !e->settings ? CAUSE_h2_reset_before_settings : CAUSE_session_reset_early;
        return CAUSE_tls_alert_after_request;
    }
    return cause_by_code(CODE_ALERT, (unsigned)e->tls_alert, CAUSE_tls_alert);
}

static enum cause_id cause_of_tls_local(const struct evidence *e)
{
    if (e->phase > PHASE_TLS && before_sent(e) &&
        !e->settings) /* the bytes expected to be SETTINGS are no TLS record */
        return e->http == 20 ? CAUSE_h2_first_frame : CAUSE_tls_handshake_abort;
    if (e->phase > PHASE_TLS)
        return CAUSE_tls_broken_record;
    if (e->verify != X509_V_OK)
        return cause_of_verify(e->verify);
    return e->tls_old_version ? CAUSE_tls_old_version : CAUSE_tls_handshake_abort;
}

/* The peer ended the connection, by FIN or RST. */
static enum cause_id cause_of_closed(const struct evidence *e, bool rst)
{
    if (before_sent(e)) {
        if (e->goaway)
            return CAUSE_h2_goaway_early;
        if (e->reused)
            return CAUSE_pool_stale;
        if (e->http == 20 && !e->settings)
            return rst ? CAUSE_h2_reset_before_settings : CAUSE_h2_closed_before_settings;
        if (!e->tls)
            return rst ? CAUSE_tcp_reset_early : CAUSE_tcp_closed;
        if (e->phase <= PHASE_TLS)
            return rst ? CAUSE_tls_reset : CAUSE_tls_closed;
        return rst ? CAUSE_session_reset_early : CAUSE_session_closed_early;
    }
    if (e->http == 20) {
        if (e->goaway)
            return CAUSE_h2_goaway_then_closed;
        return rst ? CAUSE_h2_reset : CAUSE_h2_closed;
    }
    switch (e->answer) {
    case ANSWER_HEAD:
        return CAUSE_h1_truncated_body;
    case ANSWER_PARTIAL_HEAD:
        return CAUSE_h1_truncated_head;
    case ANSWER_INTERIM:
        return CAUSE_h1_closed_after_interim;
    case ANSWER_NONE:
        break;
    }
    return rst ? CAUSE_h1_reset_before_head : CAUSE_h1_closed_before_head;
}

static enum cause_id cause_of_deadline(const struct evidence *e)
{
    switch (e->phase) {
    case PHASE_URL:
    case PHASE_RESOLVE:
        return CAUSE_dns_timeout;
    case PHASE_CONNECT:
        return CAUSE_tcp_timeout;
    case PHASE_TLS:
        return CAUSE_tls_stall;
    case PHASE_SESSION:
        return e->settings ? CAUSE_h2_zero_streams : CAUSE_h2_settings_timeout;
    case PHASE_SEND:
    case PHASE_AWAIT:
    case PHASE_DONE:
    case PHASE_COUNT:
        break;
    }
    switch (e->answer) {
    case ANSWER_HEAD:
        return CAUSE_response_body_stalled;
    case ANSWER_PARTIAL_HEAD:
        return CAUSE_response_head_stalled;
    case ANSWER_INTERIM:
        return CAUSE_response_only_interim;
    case ANSWER_NONE:
        break;
    }
    return e->sent_whole ? CAUSE_response_silent : CAUSE_request_stalled;
}

/*
 * Ends that name their own cause. A missing cause, or one that means success, is a bug of ours and must not
 * pass for an answer.
 */
static enum cause_id cause_named(enum cause_id cause)
{
    return cause > CAUSE_ok && cause < CAUSE_COUNT ? cause : CAUSE_local_internal;
}

/* The peer's bytes break HTTP. Before its SETTINGS were accepted there was no session yet. */
static enum cause_id cause_of_protocol(const struct evidence *e)
{
    if (e->http == 20 && !e->settings)
        return e->cause == CAUSE_h2_first_frame ? CAUSE_h2_first_frame : CAUSE_h2_settings_invalid;
    return cause_named(e->cause);
}

static enum cause_id cause_of_evidence(const struct evidence *e)
{
    switch (e->ended) {
    case ENDED_COMPLETE:
        return cause_by_status(e->status);
    case ENDED_URL:
    case ENDED_DNS:
    case ENDED_LOCAL:
        return cause_named(e->cause);
    case ENDED_GUARD:
        return CAUSE_ssrf_blocked;
    case ENDED_ERRNO:
        return cause_of_errno(e->sys_errno);
    case ENDED_FIN:
        return cause_of_closed(e, false);
    case ENDED_RST:
        return cause_of_closed(e, true);
    case ENDED_GOAWAY:
        if (e->answer == ANSWER_HEAD) /* then it has read the request, whatever it says now */
            return CAUSE_h2_goaway_then_closed;
        return e->sent ? CAUSE_h2_goaway_below : CAUSE_h2_goaway_early;
    case ENDED_RST_STREAM:
        return cause_by_code(CODE_RST_STREAM, e->h2_code, CAUSE_h2_rst_stream);
    case ENDED_ALERT:
        return cause_of_alert(e);
    case ENDED_NOT_TLS:
        return CAUSE_tls_no_record;
    case ENDED_TLS_LOCAL:
        return cause_of_tls_local(e);
    case ENDED_PROTOCOL:
        return cause_of_protocol(e);
    case ENDED_DEADLINE:
        return cause_of_deadline(e);
    }
    return CAUSE_local_internal;
}

/* The row's verdict, refined by what this exchange saw. */
static enum processed processed_of(const struct evidence *e, enum cause_id cause, const struct fault *fault)
{
    const struct cause *row = cause_of(cause);
    bool refused = row->code_kind == CODE_RST_STREAM && row->verdict == VERDICT_NO &&
                   e->answer != ANSWER_HEAD; /* an answer that had begun contradicts it */
    if (fault->reason == REASON_COULD_NOT_CONNECT || refused)
        return PROCESSED_NO;
    if (fault->reason == REASON_OK || fault->reason == REASON_ERROR_STATUS_CODE)
        return processed_by_status(e->status);
    if (!e->sent)
        return PROCESSED_NO;
    bool answered = e->answer == ANSWER_HEAD && e->status >= 200;
    if (answered && (fault->reason == REASON_REQUEST_TIMEOUT || row->fault == FAULT_dispatch))
        return processed_by_status(e->status);
    return PROCESSED_UNKNOWN;
}

struct outcome outcome_of(const struct evidence *e)
{
    enum cause_id cause = cause_of_evidence(e);
    const struct fault *fault = fault_of(cause_of(cause)->fault);
    return (struct outcome){
        .reason = fault->reason,
        .fault = cause_of(cause)->fault,
        .cause = cause,
        .processed = processed_of(e, cause, fault),
        .phase = e->phase,
        .status = e->answer == ANSWER_HEAD || e->status == 101 ? e->status : 0,
    };
}

bool outcome_may_retry(const struct evidence *e, const struct outcome *o)
{
    if (o->processed != PROCESSED_NO)
        return false;
    if (cause_of(o->cause)->retry == RETRY_AT_ONCE)
        return true;
    /*
     * A session that was ready and then found dead before the write may be retried; a new one that never
     * became ready is the server's answer.
     */
    return e->reused && !e->sent && (e->ended == ENDED_FIN || e->ended == ENDED_RST);
}

bool outcome_wants_full_handshake(const struct evidence *e, const struct outcome *o)
{
    if (!e->resumption || o->processed != PROCESSED_NO)
        return false;
    switch (e->ended) {
    case ENDED_FIN:
    case ENDED_RST:
    case ENDED_ALERT:
        return true;
    case ENDED_TLS_LOCAL: /* a certificate was checked: the handshake was a full one */
        return e->verify == X509_V_OK;
    case ENDED_COMPLETE:
    case ENDED_URL:
    case ENDED_DNS:
    case ENDED_GUARD:
    case ENDED_ERRNO:
    case ENDED_GOAWAY:
    case ENDED_RST_STREAM:
    case ENDED_NOT_TLS:
    case ENDED_PROTOCOL:
    case ENDED_DEADLINE: /* silence proves nothing, and has used the time another try would need */
    case ENDED_LOCAL:
        break;
    }
    return false;
}

const char *outcome_detail(const struct outcome *o, char buf[8])
{
    if (o->fault == FAULT_status || o->fault == FAULT_ok) {
        char digits[DECIMAL_LEN]; /* a status has three digits; any other value still fits buf */
        size_t len = decimal_put(digits, (uint64_t)(o->status > 0 ? o->status : 0));
        len = len < 8 ? len : 7;
        memcpy(buf, digits, len);
        buf[len] = '\0';
        return buf;
    }
    return fault_of(o->fault)->detail;
}

const char *phase_text(enum phase p)
{
    static const char *const text[PHASE_COUNT] = {
        [PHASE_URL] = "url",     [PHASE_RESOLVE] = "resolve", [PHASE_CONNECT] = "connect",
        [PHASE_TLS] = "tls",     [PHASE_SESSION] = "session", [PHASE_SEND] = "send",
        [PHASE_AWAIT] = "await", [PHASE_DONE] = "done",
    };
    return p < PHASE_COUNT ? text[p] : "done";
}
