#include "fault/edition.h"

static bool is_success(enum success s, int status)
{
    switch (s) {
    case SUCCESS_2XX:
        return status >= 200 && status < 300;
    case SUCCESS_20X:
        return status >= 200 && status < 210;
    case SUCCESS_200:
        return status == 200;
    }
    return false;
}

void edition_apply(const struct edition *e, struct outcome *o)
{
    if (o->reason == REASON_OK && !is_success(e->success, o->status)) {
        o->cause = CAUSE_status_other_success;
        o->fault = FAULT_status;
        o->reason = REASON_ERROR_STATUS_CODE;
    } else if (o->fault == FAULT_no_tls_record && !e->no_tls_record) {
        o->fault = FAULT_tls_handshake; /* the cause is unchanged: it is more specific */
        o->reason = fault_of(FAULT_tls_handshake)->reason;
    }
}
