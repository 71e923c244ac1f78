#include "node/arguments.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/distance.h"
#include "base/visible.h"
#include "fault/fault.h"

/* getopt_long()'s value for our first option; smaller values are characters and its own codes. */
#define FIRST 256

struct table {
    struct option longs[ARGUMENTS_MAX + 1];
    const struct argument *rows[ARGUMENTS_MAX];
    size_t count;
};

/* Whether text is that name, alone or followed by "=VALUE". */
static bool is_called(const char *name, const char *text)
{
    size_t len = strlen(name);
    return strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == '=');
}

bool arguments_have(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_called(name, argv[i]))
            return true;
    return false;
}

bool arguments_ask_help(int argc, char **argv)
{
    return arguments_have(argc, argv, "--help") || arguments_have(argc, argv, "-h");
}

int arguments_try(const char *command)
{
    (void)fprintf(stderr, "Try `todoke %s%s--help`.\n", command, command[0] ? " " : "");
    return 2;
}

static void make_table(const struct arguments *a, struct table *t)
{
    *t = (struct table){.count = 0};
    for (size_t k = 0; k < sizeof(a->options) / sizeof(a->options[0]) && a->options[k]; k++)
        for (const struct argument *o = a->options[k]; o->name; o++) {
            assert(t->count < ARGUMENTS_MAX);
            t->longs[t->count] = (struct option){.name = o->name + 2,
                                                 .has_arg = o->type == ARGUMENT_FLAG     ? no_argument
                                                            : o->type == ARGUMENT_SWITCH ? optional_argument
                                                                                         : required_argument,
                                                 .val = FIRST + (int)t->count};
            t->rows[t->count++] = o;
        }
}

static bool is_option(const struct table *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++)
        if (is_called(t->rows[i]->name, text))
            return true;
    return false;
}

static int unknown(const struct arguments *a, const char *text)
{
    struct distance_nearest n = {.word = {text, strcspn(text, "=")}};
    distance_consider(&n, "--help");
    for (size_t k = 0; k < sizeof(a->options) / sizeof(a->options[0]) && a->options[k]; k++)
        for (const struct argument *o = a->options[k]; o->name; o++)
            if (o->help)
                distance_consider(&n, o->name);
    (void)visible_complain(a->command, "unknown option %s%s%s%s", text, n.name ? "; did you mean " : "",
                           n.name ? n.name : "", n.name ? "?" : "");
    return arguments_try(a->command);
}

static bool read_number(const char *text, const struct argument *o)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || text[digits] || digits > 10)
        return false;
    unsigned long long n = strtoull(text, NULL, 10);
    if (n < o->min || n > o->max)
        return false;
    *(uint32_t *)o->to = (uint32_t)n;
    return true;
}

static int take(const struct arguments *a, const struct argument *o, const char *value)
{
    switch (o->type) {
    case ARGUMENT_FLAG:
        *(bool *)o->to = true;
        return 0;
    case ARGUMENT_TEXT:
        *(const char **)o->to = value;
        return 0;
    case ARGUMENT_SWITCH:
        *(const char **)o->to = value ? value : "true";
        return 0;
    case ARGUMENT_NUMBER:
        if (read_number(value, o))
            return 0;
        if (o->max == UINT32_MAX)
            return visible_complain(a->command, "%s takes a whole number from %u on, not \"%s\"", o->name,
                                    (unsigned)o->min, value);
        return visible_complain(a->command, "%s takes a whole number from %u to %u, not \"%s\"", o->name,
                                (unsigned)o->min, (unsigned)o->max, value);
    case ARGUMENT_LANG:
        if (strcmp(value, "en") != 0 && strcmp(value, "ja") != 0)
            return visible_complain(a->command, "%s takes en or ja, not \"%s\"", o->name, value);
        *(enum lang *)o->to = strcmp(value, "ja") == 0 ? LANG_JA : LANG_EN;
        return 0;
    }
    return 2;
}

/* found: the value that getopt_long() returned for typed. */
static int read_option(const struct arguments *a, const struct table *t, int found, const char *typed,
                       const char *last)
{
    int at = found == '?' || found == ':' ? optopt : found;
    const struct argument *o = at >= FIRST ? t->rows[at - FIRST] : NULL;
    if (!o || !is_called(o->name, typed)) /* getopt_long() also accepts abbreviations */
        return unknown(a, typed);
    if (found == '?')
        return visible_complain(a->command, "%s takes no value", o->name);
    /* An option's name is not taken as a value, because the value was probably forgotten; "--name=--json"
     * states the value explicitly. */
    if (found == ':' || (optarg == last && optarg[0] == '-' && is_option(t, optarg)))
        return visible_complain(a->command, "a value is missing for %s %s", o->name, o->value);
    return take(a, o, optarg);
}

static int add_word(struct arguments *a, char *word)
{
    if (a->word_count == a->words_max) {
        (void)visible_complain(a->command, "cannot understand %s: one argument too many", word);
        return arguments_try(a->command);
    }
    a->words[a->word_count++] = word;
    return 0;
}

int arguments_read(struct arguments *a, int argc, char **argv, int from)
{
    struct table t;
    char **own = argv + from - 1; /* getopt_long() skips the first, a program's name */
    int count = argc - from + 1, status = 0;
    a->words = argv + (from < argc ? from : argc);
    a->word_count = 0;
    if (from >= argc)
        return 0;
    make_table(a, &t);
    optind = 0; /* restart getopt_long() */
    while (!status) {
        const char *typed = own[optind ? optind : 1];
        /* "-": return words in order, whatever POSIXLY_CORRECT is; ":": getopt_long() prints no messages. */
        int found = getopt_long(count, own, "-:", t.longs, NULL);
        if (found == -1)
            break;
        status = found == 1 ? add_word(a, optarg) : read_option(a, &t, found, typed, own[optind - 1]);
    }
    for (; !status && optind < count; optind++) /* after "--" */
        status = add_word(a, own[optind]);
    return status;
}

void arguments_help(FILE *to, const struct argument *options)
{
    unsigned width = 0;
    for (const struct argument *o = options; o->name; o++) {
        unsigned w = (unsigned)(strlen(o->name) + 1 + strlen(o->value));
        if (o->help && w > width)
            width = w;
    }
    for (const struct argument *o = options; o->name; o++)
        if (o->help)
            (void)fprintf(to, "  %s %-*s  %s\n", o->name, (int)(width - strlen(o->name) - 1), o->value,
                          o->help);
}

int arguments_no_verb(const char *command, const char *typed, const char *const *names)
{
    struct distance_nearest n = {.word = span_of(typed)};
    bool option = typed[0] == '-';
    if (option)
        distance_consider(&n, "--help");
    for (size_t i = 0; !option && names[i]; i++)
        distance_consider(&n, names[i]);
    (void)visible_complain(command[0] ? command : NULL, "%s \"%s\"%s%s%s",
                           option       ? "unknown option"
                           : command[0] ? "no such command"
                                        : "unknown command",
                           typed, n.name ? "; did you mean \"" : "", n.name ? n.name : "",
                           n.name ? "\"?" : "");
    return arguments_try(command);
}
