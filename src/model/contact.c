#include "model/contact.h"

const char *contact_state_text(enum contact_state s)
{
    static const char *const texts[CONTACT_STATES] = {"unconfirmed", "confirmed", "refused"};
    return texts[s];
}
