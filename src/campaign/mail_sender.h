#pragma once
/*
 * The relay of a sender of the kind smtp: opened with its first mail, closed with it. Replies become
 * evidence.
 */
#include "campaign/campaign_job.h"
#include "relay/relay.h"

/*
 * Builds the mail and gives it to the sender's relay. ERR_INVALID, ERR_LIMIT: *why says what cannot be sent;
 * ERR_NOMEM; ERR_CLOSED: the node ends. After an error done is not called.
 */
enum err mail_sender_send(struct campaign_sender *s, struct relays *relays, const struct parcel *p,
                          int64_t wall_ms, struct carrier_fault *why, relay_done_fn *done,
                          void *arg) MUST_CHECK;
/* The evidence that a result is; it borrows from it. */
struct answer mail_sender_answer(const struct relay_result *r, int64_t wall_ms);
/* What it means for the mail, with the id under which the relay queued it, where it says one. */
void mail_sender_read(const struct answer *a, struct carrier_result *ret);
/* The settings have changed, or the sender goes: mails on their way are still sent. */
void mail_sender_close(struct campaign_sender *s);
/* What relay_open() and relay_verify() take; borrows from the carrier. */
struct relay_settings mail_sender_settings(const struct carrier_smtp *smtp);
