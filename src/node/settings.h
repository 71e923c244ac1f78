#pragma once
/*
 * What a node can be told: one table of settings, read from an INI file, then the environment (TODOKE_…), then flags; the later one
 * wins. Unknown keys are errors.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "webhook/redelivery.h"

struct settings {
    char *data, *config, *secret_key, *listen, *tls_cert, *tls_key, *ca, *dns, *user_agent, *log;
    bool allow_http_targets, allow_private_targets, allow_any_port, behind_proxy;
    uint32_t session_time; /* ms */
    uint32_t account_providers, account_invitations;
    uint32_t success_status; /* enum success */
    bool no_tls_record;
    uint32_t loops;
    uint32_t dns_timeout, connect_timeout, session_timeout, response_timeout; /* ms */
    uint32_t drain_timeout;                                                   /* ms */
    uint32_t channel_backlog, node_backlog;                                   /* events */
    uint32_t window, in_flight;                                               /* requests */
    uint32_t event_memory;                                                    /* MiB */
    uint32_t suspend_after, suspend_failures;                                 /* ms; attempts */
    char *smtp_url, *smtp_user, *smtp_password, *smtp_password_file, *mail_from, *public_url;
    uint32_t smtp_tls;                              /* enum smtp_tls */
    uint32_t smtp_timeout, mail_retry, mail_expire; /* ms */
    uint32_t notice_daily_cap, mail_provider_cap, mail_account_cap, confirm_daily_cap;
    uint32_t notice_window;                /* ms */
    uint32_t audit_time;                   /* seconds */
    uint32_t statistics_time;              /* s */
    uint32_t retention, idempotency;       /* ms */
    uint32_t retention_size;               /* MiB */
    uint32_t connections;                  /* of our API */
    struct redelivery_schedule redelivery; /* delays and jitter */
};

/* Everything at its default, then file, environment and flags. On failure a message is on stderr and the result is the exit status, 2 (or 1
 * without memory); 0: go on; -1: --help was printed. */
int settings_read(struct settings *s, int argc, char **argv);
void settings_free(struct settings *s);

/* Calls fn for every setting that differs and that a running node cannot change: it takes effect at the next start. */
void settings_fixed(const struct settings *running, const struct settings *fresh,
                    void (*fn)(const char *name));

/* The table for people: flag, default, what it does. */
void settings_help(FILE *to);

/* Where the key is that seals secrets; an empty path: too long. */
void settings_secret_key(const struct settings *s, char out[static 4096]);

/* "1m,90s,250ms,4" → milliseconds; without a unit: milliseconds. ERR_INVALID. */
enum err settings_duration(const char *text, uint32_t *ret_ms) MUST_CHECK;
