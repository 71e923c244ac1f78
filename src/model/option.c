#include "model/option.h"

const char *option_state_text(enum option_state s)
{
    static const char *const texts[OPTION_STATES] = {"none", "applied", "approved", "refused", "withdrawn"};
    return texts[s];
}
