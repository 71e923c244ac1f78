#pragma once
/*
 * Duktape as renderer processes use it: Debian's sources and settings (duktape-dev), and what can stop a
 * template that never ends. Included before duktape.c and duktape.h, whose own include of duk_config.h is
 * then empty.
 */
#ifdef DUK_COMPILING_DUKTAPE
#undef sprintf /* base/banned.h is for our own sources */
#endif
#include <duk_config.h>

#undef DUK_USE_INTERRUPT_COUNTER
#define DUK_USE_INTERRUPT_COUNTER
/* Asked every 256 Ki operations; the heap's udata is its struct script. */
#undef DUK_USE_EXEC_TIMEOUT_CHECK
#define DUK_USE_EXEC_TIMEOUT_CHECK(udata) script_out_of_time(udata)
duk_bool_t script_out_of_time(void *engine);
/* Nothing here asks a person to debug, and errors are told without the names of our own functions. */
#undef DUK_USE_TRACEBACKS
#undef DUK_USE_VERBOSE_ERRORS
#define DUK_USE_VERBOSE_ERRORS
