#include "model/mail.h"

const char *mail_state_text(enum mail_state s)
{
    static const char *const texts[MAIL_STATES] = {"waiting", "sent", "failed", "written"};
    return texts[s];
}
