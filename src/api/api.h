#pragma once
/*
 * The HTTP API of a node: turns requests into calls of the store and the couriers. One api per loop thread;
 * the routes are in route.def, and each resource has a file.
 */
#include "access/keys.h"
#include "access/login_limit.h"
#include "access/password.h"
#include "access/rate.h"
#include "access/session.h"
#include "access/token.h"
#include "api/gauge.h"
#include "api/meter.h"
#include "campaign/campaign.h"
#include "report/approval.h"
#include "report/notice.h"
#include "report/outbox.h"
#include "server/server.h"
#include "store/retention.h"
#include "webhook/intake.h"

struct api;
struct imports;
struct query_options;

/* Answers of all loops. */
struct api_counters {
    _Atomic uint64_t answers[6]; /* by the first digit of the status */
};

/* What logging in needs, shared by all loops. */
struct api_access {
    struct password_worker *passwords;
    struct login_limit *limits;
    int64_t session_ms;                   /* idle timeout of sessions */
    bool behind_proxy;                    /* the proxy terminates https and sends x-forwarded-for */
    char public_url[512];                 /* of the console, without a slash at the end; "": unknown */
    bool mails;                           /* invitations are mailed: a relay and public_url are set */
    uint32_t providers_max;               /* providers that a non-operator account may create */
    uint32_t invitations_max;             /* addresses that a non-operator account may invite per day */
    uint8_t setup_hash[SESSION_HASH_LEN]; /* of the setup link's ticket; valid until an account exists */
};

struct api_config {
    struct mailbox *mailbox; /* the loop's */
    struct engine *engine;   /* the loop's */
    struct store *store;
    struct directory *directory;
    struct intake *intake;
    const struct courier_set *couriers;
    const struct campaigns_set *campaigns;
    struct campaign_counters *campaign_counters;
    struct delivery_counters *counters;
    const struct delivery_settings *settings;
    const struct retention_stats *retention;
    struct notice_stats *notices;
    const struct mail_rules *mail_rules; /* the newest: api_set_settings() */
    bool relay;                          /* mails go to a relay, not into the Maildir */
    const struct outbox_stats *outbox;
    struct approvals *approvals; /* of the error notification */
    struct api_counters *answers;
    const struct gauges *const *gauges; /* of every loop */
    size_t gauge_count;
    const struct alarms *alarms;
    const struct meter *meter;
    const struct api_access *access;
    struct rate_limits *rates; /* of all loops */
    struct imports *imports;   /* likewise */
    const struct query_options *queries;
    const struct clock *clock;
    const atomic_bool *draining; /* the node is shutting down */
    int64_t started_ms;
};

/* Everything in config is borrowed and outlives the api. ERR_NOMEM. */
enum err api_new(struct api **ret, const struct api_config *config) MUST_CHECK;
/* Replaces the settings, on the loop's thread; the new ones must outlive the api. */
void api_set_settings(struct api *a, const struct delivery_settings *settings,
                      const struct mail_rules *mails);
/* No request may be open. */
void api_free(struct api *a);

/* The server's handler and on_head: arg is the api. */
void api_handle(void *arg, struct server_request *req);
void api_head(void *arg, struct server_request *req);

/* Call it about once a second: reloads keys that were revoked elsewhere, and updates live streams. */
void api_tick(struct api *a);
/* The node is shutting down: live streams end at once. */
void api_drain(struct api *a);

/* Requests that are not answered yet. */
uint64_t api_open(const struct api *a);
