#pragma once
/*
 * What a node can be told: one table of settings, read from an INI file, then the environment (TODOKE_…),
 * then flags; the later one wins. Unknown keys are errors.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "webhook/redelivery.h"

/* How a type of setting.def lies in the struct. */
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

/* Everything at its default, then file, environment and flags. On failure a message is on stderr and the
 * result is the exit status, 2 (or 1 without memory); 0: go on; -1: --help was printed. */
int settings_read(struct settings *s, int argc, char **argv);
void settings_free(struct settings *s);

/* Calls fn for every setting that differs and that a running node cannot change: it takes effect at the next
 * start. */
void settings_fixed(const struct settings *running, const struct settings *fresh,
                    void (*fn)(const char *name));

/* The table for people: flag, default, what it does. */
void settings_help(FILE *to);

/* Where the key is that seals secrets; an empty path: too long. */
void settings_secret_key(const struct settings *s, char out[static 4096]);

/* "1m,90s,250ms,4" → milliseconds; without a unit: milliseconds. ERR_INVALID. */
enum err settings_duration(const char *text, uint32_t *ret_ms) MUST_CHECK;
