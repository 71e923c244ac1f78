#pragma once
/*
 * The settings of a node: one table, read from an INI file, then the environment (TODOKE_…), then flags;
 * later sources override earlier ones. Unknown keys are errors.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "webhook/redelivery.h"

/* The member of struct settings for each type of setting.def. */
#define SETTINGS_AS_TEXT(member) char *member;
#define SETTINGS_AS_FLAG(member) bool member;
#define SETTINGS_AS_NUMBER(member) uint32_t member;
#define SETTINGS_AS_DURATION(member) uint32_t member; /* ms */
#define SETTINGS_AS_AGE(member) uint32_t member;      /* s */
#define SETTINGS_AS_CHOICE(member) uint32_t member;   /* an enum */
#define SETTINGS_AS_SCHEDULE(member) struct redelivery_schedule member;

struct settings {
#define SETTING(member, name, type, ...) SETTINGS_AS_##type(member)
#include "node/setting.def"
#undef SETTING
};

/* Sets defaults, then reads file, environment and flags. Returns 0; -1 after printing --help; on failure the
 * exit status, 2 (or 1 if out of memory), after a message on stderr. */
int settings_read(struct settings *s, int argc, char **argv);
void settings_free(struct settings *s);

/* Calls fn for every changed setting that takes effect only at the next start. */
void settings_fixed(const struct settings *running, const struct settings *fresh,
                    void (*fn)(const char *name));

/* Prints each setting's flag, default and help. */
void settings_help(FILE *to);

/* The path of the key file that seals secrets; empty: the path is too long. */
void settings_secret_key(const struct settings *s, char out[static 4096]);

/* "1m,90s,250ms,4" → milliseconds; without a unit: milliseconds. ERR_INVALID. */
enum err settings_duration(const char *text, uint32_t *ret_ms) MUST_CHECK;
