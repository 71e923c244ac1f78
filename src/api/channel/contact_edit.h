#pragma once
/* Confirmation of a channel's contact address. */
#include "api/call.h"

/* Queues the mail that asks for confirmation if nothing prevents it, in the transaction of a change. */
enum err contact_edit_ask(struct call *c, struct backend *b, const struct channel *channel) MUST_CHECK;
