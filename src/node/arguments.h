#pragma once
/*
 * The arguments of a command: words, and options from a table, in the forms "--name VALUE" and
 * "--name=VALUE", read by getopt_long(). Every command uses this, so that all accept and refuse the same
 * forms:
 *
 *     --na               refused, "did you mean --name?": an abbreviation may become ambiguous later
 *     --name --json      refused, a value is missing; "--name=--json" passes the value --json
 *     -- --json          a word, like everything after "--"; "-" alone is a word, too
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum argument_type {
    ARGUMENT_FLAG,   /* to: bool */
    ARGUMENT_TEXT,   /* to: const char * */
    ARGUMENT_SWITCH, /* the same, but only as --name=VALUE; --name alone: "true" */
    ARGUMENT_NUMBER, /* to: uint32_t, min to max */
    ARGUMENT_LANG,   /* to: enum lang; en or ja */
};

struct argument {
    const char *name; /* "--limit" */
    enum argument_type type;
    void *to;
    const char *value, *help; /* "N"; NULL help: not shown */
    uint32_t min, max;
};

#define ARGUMENT_OF_FLAG(name, to, help)                                                                     \
    {                                                                                                        \
        name, ARGUMENT_FLAG, to, "", help, 0, 0                                                              \
    }
#define ARGUMENT_OF_TEXT(name, to, value, help)                                                              \
    {                                                                                                        \
        name, ARGUMENT_TEXT, to, value, help, 0, 0                                                           \
    }
#define ARGUMENT_OF_NUMBER(name, to, min, max, value, help)                                                  \
    {                                                                                                        \
        name, ARGUMENT_NUMBER, to, value, help, min, max                                                     \
    }
#define ARGUMENT_OF_LANG(to, help)                                                                           \
    {                                                                                                        \
        "--lang", ARGUMENT_LANG, to, "en|ja", help, 0, 0                                                     \
    }
#define ARGUMENT_END                                                                                         \
    {                                                                                                        \
        NULL, ARGUMENT_FLAG, NULL, NULL, NULL, 0, 0                                                          \
    }

#define ARGUMENTS_MAX 128 /* options of a command; `todoke serve` has by far the most */

struct arguments {
    const char *command;               /* "channel set": for messages and the hint at --help */
    const struct argument *options[3]; /* tables, each ended by a NULL name; NULL ends the list */
    size_t words_max;
    char **words; /* out: in argv, moved to its front */
    size_t word_count;
};

/* Whether an option of that name, such as "--data", is given before any "--". */
bool arguments_have(int argc, char **argv, const char *name);
/* The same for --help or -h. */
bool arguments_ask_help(int argc, char **argv);

/* Reads argv[from] and all that follow. Returns 0, or 2 after a message on stderr. */
int arguments_read(struct arguments *a, int argc, char **argv, int from);

/* Prints the options, one a line. */
void arguments_help(FILE *to, const struct argument *options);

/*
 * Reports an unknown verb of a command and suggests the nearest; returns 2. names ends with NULL; only the
 * first word of each name is compared.
 */
int arguments_no_verb(const char *command, const char *typed, const char *const *names);
/* Prints "Try `todoke COMMAND --help`." on stderr; returns 2. */
int arguments_try(const char *command);
