#pragma once
/* The contact address of a channel: asked, and decided by hand. */
#include "api/call.h"

/* In the transaction of a change: asks, where nothing is in the way. */
enum err contact_edit_ask(struct call *c, struct backend *b, const struct channel *channel) MUST_CHECK;
