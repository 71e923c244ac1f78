#include "model/mail.h"

const char *mail_state_text(enum mail_state s)
{
    switch (s) {
    case MAIL_WAITING:
        return "waiting";
    case MAIL_SENT:
        return "sent";
    case MAIL_FAILED:
        break;
    }
    return "failed";
}
