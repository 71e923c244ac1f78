#include "node/settings.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/distance.h"
#include "base/mem.h"
#include "base/origin.h"
#include "base/visible.h"
#include "model/notice.h"
#include "node/arguments.h"

enum type { TYPE_TEXT, TYPE_FLAG, TYPE_NUMBER, TYPE_DURATION, TYPE_AGE, TYPE_SCHEDULE, TYPE_CHOICE };
enum when { AT_START, AT_ONCE };

/* A row of setting.def. */
struct setting {
    const char *name;
    enum type type;
    enum when when;
    size_t offset;
    const char *standard;
    uint32_t min, max;
    const char *argument, *help;
};

#define DAY_MS 86400000u

static const struct setting table[] = {
#define SETTING(member, name, type, when, standard, min, max, argument, help)                                \
    {name, TYPE_##type, when, offsetof(struct settings, member), standard, min, max, argument, help},
#include "node/setting.def"
#undef SETTING
};
#define HELP_COLUMNS 90
#define ROWS (sizeof(table) / sizeof(table[0]))

/* Variables that are not settings: those of the client commands and of the project's scripts. */
static const char *const other_variables[] = {"TODOKE_API", "TODOKE_KEY", "TODOKE_BIN", "TODOKE_KILLS",
                                              "TODOKE_CONFIG"};

/* Kubernetes sets these variables in every container if a service is called todoke. */
static const char *const foreign_prefixes[] = {"TODOKE_SERVICE_", "TODOKE_PORT"};

static enum err read_time(const char *text, uint64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", DAY_MS}};
    uint64_t n = 0;
    size_t digits = 0;
    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        if (digits == 9)
            return ERR_INVALID;
        n = n * 10 + (uint64_t)(text[digits] - '0');
    }
    for (size_t i = 0; digits && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].unit) == 0) {
            *ret_ms = n * units[i].ms;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

enum err settings_duration(const char *text, uint32_t *ret_ms)
{
    uint64_t ms;
    enum err e = read_time(text, &ms);
    if (e || ms > UINT32_MAX)
        return ERR_INVALID;
    *ret_ms = (uint32_t)ms;
    return ERR_NONE;
}

/* Ages can exceed 32 bits of milliseconds, so they are in seconds. */
static enum err read_age(const char *text, uint32_t *ret_s)
{
    uint64_t ms;
    enum err e = read_time(text, &ms);
    if (e || ms / 1000 > UINT32_MAX)
        return ERR_INVALID;
    *ret_s = (uint32_t)(ms / 1000);
    return ERR_NONE;
}

static enum err read_schedule(const struct setting *row, const char *text, struct redelivery_schedule *to)
{
    struct redelivery_schedule s = {0};
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ",");
        char one[24];
        uint32_t ms;
        if (s.count == REDELIVERY_MAX || len >= sizeof(one))
            return ERR_LIMIT;
        memcpy(one, p, len);
        one[len] = '\0';
        if (settings_duration(one + strspn(one, " "), &ms) || ms < row->min || ms > row->max)
            return ERR_INVALID;
        s.delay_ms[s.count++] = ms;
        p += len;
        if (!*p)
            break;
    }
    *to = s;
    return ERR_NONE;
}

/* The index of text among the choices "a/b/c". */
static enum err read_choice(const struct setting *row, const char *text, uint32_t *ret)
{
    uint32_t n = 0;
    for (const char *p = row->argument; *p; n++) {
        size_t len = strcspn(p, "/");
        if (strlen(text) == len && strncmp(p, text, len) == 0) {
            *ret = n;
            return ERR_NONE;
        }
        p += len + (p[len] == '/');
    }
    return ERR_INVALID;
}

static enum err set_text(char **to, const char *text)
{
    char *copy = mem_dup(text, strlen(text));
    if (!copy)
        return ERR_NOMEM;
    mem_free(*to);
    *to = copy;
    return ERR_NONE;
}

static enum err set(struct settings *s, const struct setting *row, const char *text)
{
    void *to = (char *)s + row->offset;
    uint32_t n = 0;
    switch (row->type) {
    case TYPE_TEXT:
        return set_text(to, text);
    case TYPE_FLAG:
        if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "yes") == 0 ||
            strcmp(text, "on") == 0)
            *(bool *)to = true;
        else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0 || strcmp(text, "no") == 0 ||
                 strcmp(text, "off") == 0)
            *(bool *)to = false;
        else
            return ERR_INVALID;
        return ERR_NONE;
    case TYPE_NUMBER:
        for (size_t i = 0; text[i] || i == 0; i++) {
            if (text[i] < '0' || text[i] > '9' || i == 10)
                return ERR_INVALID;
        }
        errno = 0;
        {
            unsigned long long big = strtoull(text, NULL, 10);
            if (errno || big < row->min || big > row->max)
                return ERR_INVALID;
            n = (uint32_t)big;
        }
        *(uint32_t *)to = n;
        return ERR_NONE;
    case TYPE_DURATION:
        if (settings_duration(text, &n) || n < row->min || n > row->max)
            return ERR_INVALID;
        *(uint32_t *)to = n;
        return ERR_NONE;
    case TYPE_AGE:
        if (read_age(text, &n) || n < row->min || n > row->max)
            return ERR_INVALID;
        *(uint32_t *)to = n;
        return ERR_NONE;
    case TYPE_SCHEDULE:
        return read_schedule(row, text, to);
    case TYPE_CHOICE:
        return read_choice(row, text, to);
    }
    return err_origin(ERR_INTERNAL);
}

static const char *wanted(const struct setting *row, char out[96])
{
    switch (row->type) {
    case TYPE_FLAG:
        return "true or false";
    case TYPE_NUMBER:
        (void)snprintf(out, 96, "an integer from %u to %u", row->min, row->max);
        return out;
    case TYPE_DURATION:
        (void)snprintf(out, 96, "a time from %u ms to %u ms, such as 250ms, 2s or 1m", row->min, row->max);
        return out;
    case TYPE_AGE:
        (void)snprintf(out, 96, "a time from %u s to %u d, such as 12h or 90d", row->min, row->max / 86400);
        return out;
    case TYPE_SCHEDULE:
        (void)snprintf(out, 96, "up to %d times with commas between, such as 1m,2m,4m", REDELIVERY_MAX);
        return out;
    case TYPE_CHOICE:
        (void)snprintf(out, 96, "one of %s", row->argument);
        return out;
    case TYPE_TEXT:
        break;
    }
    return "text";
}

static const struct setting *find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static const char *nearest(const char *name)
{
    struct distance_nearest n = {.word = span_of(name)};
    for (size_t i = 0; i < ROWS; i++)
        distance_consider(&n, table[i].name);
    return n.name;
}

/* where: "todoke.ini:3", "TODOKE_LISTEN" or "--listen" */
static int set_or_tell(struct settings *s, const struct setting *row, const char *text, const char *where)
{
    char buf[96];
    enum err e = set(s, row, text);
    if (!e)
        return 0;
    if (e == ERR_NOMEM) {
        (void)visible_complain(NULL, "out of memory");
        return 1;
    }
    return visible_complain(NULL, "%s: \"%s\" is not %s", where, text, wanted(row, buf));
}

struct file {
    struct settings *s;
    const char *path;
    FILE *in;
    int status;
    int line; /* the last one read; the library returns line numbers only for its own errors */
};

static char *next_line(char *out, int size, void *arg)
{
    struct file *f = arg;
    f->line++;
    char *line = fgets(out, size, f->in);
    /* The library would read the rest of a long line as a new line, such as half a comment as a setting. */
    if (line && !strchr(line, '\n') && !feof(f->in)) {
        f->status = visible_complain(NULL, "%s:%d: longer than %d bytes", f->path, f->line, size - 2);
        return NULL;
    }
    return line;
}

static int on_line(void *arg, const char *section, const char *name, const char *value)
{
    struct file *f = arg;
    char where[4200];
    (void)snprintf(where, sizeof(where), "%s:%d: %s", f->path, f->line, name);
    const struct setting *row = section[0] ? NULL : find(name);
    if (!row || strcmp(name, "config") == 0) {
        const char *near = row ? NULL : nearest(name);
        if (section[0])
            (void)visible_complain(NULL, "%s: there are no sections; [%s] must go", where, section);
        else
            (void)visible_complain(NULL, "%s: no such setting%s%s%s", where, near ? "; did you mean " : "",
                                   near ? near : "", near ? "?" : "");
        f->status = 2;
        return 0;
    }
    f->status = set_or_tell(f->s, row, value, where);
    return f->status == 0;
}

static int read_file(struct settings *s, const char *path)
{
    FILE *in = fopen(path, "re");
    if (!in) {
        return visible_complain(NULL, "%s: %s", path, strerror(errno));
    }
    struct file f = {.s = s, .path = path, .in = in};
    int line = ini_parse_stream(next_line, &f, on_line, &f);
    if (!f.status && ferror(in)) {
        f.status = visible_complain(NULL, "%s: %s", path, strerror(errno));
    }
    (void)fclose(in);
    if (f.status)
        return f.status;
    if (line) {
        return visible_complain(NULL, "%s:%d: neither a setting (name = value) nor a comment", path, line);
    }
    return 0;
}

static void variable_of(const struct setting *row, char out[64])
{
    size_t n = (size_t)snprintf(out, 64, "TODOKE_%s", row->name);
    for (size_t i = 7; i < n && i < 63; i++)
        out[i] = out[i] == '-' ? '_' : (char)(out[i] >= 'a' && out[i] <= 'z' ? out[i] - 32 : out[i]);
}

static bool is_known_variable(struct span name)
{
    for (size_t i = 0; i < ROWS; i++) {
        char variable[64];
        variable_of(&table[i], variable);
        if (span_eq(name, span_of(variable)))
            return true;
    }
    for (size_t i = 0; i < sizeof(other_variables) / sizeof(other_variables[0]); i++)
        if (span_eq(name, span_of(other_variables[i])))
            return true;
    for (size_t i = 0; i < sizeof(foreign_prefixes) / sizeof(foreign_prefixes[0]); i++)
        if (span_starts(name, span_of(foreign_prefixes[i])))
            return true;
    return false;
}

/* Refuses unknown TODOKE_ variables: a misspelt setting must not be ignored silently. */
static int refuse_unknown_variables(void)
{
    for (char **e = environ; *e; e++) {
        const char *eq = strchr(*e, '=');
        if (strncmp(*e, "TODOKE_", 7) != 0 || !eq)
            continue;
        struct span name = {*e, (size_t)(eq - *e)};
        if (!is_known_variable(name)) {
            return visible_complain(NULL, "%.*s in the environment is no setting", (int)name.len, name.ptr);
        }
    }
    return 0;
}

static int read_environment(struct settings *s)
{
    for (size_t i = 0; i < ROWS; i++) {
        char variable[64];
        variable_of(&table[i], variable);
        const char *value = getenv(variable);
        int status = value ? set_or_tell(s, &table[i], value, variable) : 0;
        if (status)
            return status;
    }
    return refuse_unknown_variables();
}

struct flags {
    char names[ROWS][72]; /* "--listen" */
    const char *values[ROWS];
};

static int read_flags(struct flags *f, int argc, char **argv)
{
    struct argument rows[ROWS + 1];
    _Static_assert(ROWS <= ARGUMENTS_MAX, "every setting is an option");
    for (size_t i = 0; i < ROWS; i++) {
        (void)snprintf(f->names[i], sizeof(f->names[i]), "--%s", table[i].name);
        rows[i] = (struct argument){
            .name = f->names[i],
            .type = table[i].type == TYPE_FLAG ? ARGUMENT_SWITCH : ARGUMENT_TEXT,
            .to = &f->values[i],
            .value = table[i].argument,
            .help = table[i].help,
        };
    }
    rows[ROWS] = (struct argument){.name = NULL};
    struct arguments in = {.command = "serve", .options = {rows}};
    return arguments_read(&in, argc, argv, 1);
}

static int take_flag(struct settings *s, const struct flags *f, size_t i)
{
    return f->values[i] ? set_or_tell(s, &table[i], f->values[i], f->names[i]) : 0;
}

/* The path of the settings file must be known before the file is read. */
static int take_config(struct settings *s, const struct flags *f)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(table[i].name, "config") == 0)
            return take_flag(s, f, i);
    return 0;
}

/* Checks texts that are copied into a header field. */
static bool is_field(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static int check(const struct settings *s)
{
    if (!is_field(s->user_agent)) {
        return visible_complain("serve", "user-agent: only visible ASCII characters and spaces");
    }
    if (!s->data || !s->data[0]) {
        return visible_complain("serve", "--data DIR is needed");
    }
    if (!s->tls_cert != !s->tls_key) {
        return visible_complain("serve", "tls-cert and tls-key belong together");
    }
    return 0;
}

int settings_read(struct settings *s, int argc, char **argv)
{
    *s = (struct settings){0};
    if (arguments_ask_help(argc, argv)) {
        settings_help(stdout);
        return -1;
    }
    struct flags flags = {0};
    int status = read_flags(&flags, argc, argv);
    for (size_t i = 0; !status && i < ROWS; i++)
        if (table[i].standard)
            status = set_or_tell(s, &table[i], table[i].standard, table[i].name);
    if (!status)
        status = take_config(s, &flags);
    const char *path = s->config ? s->config : getenv("TODOKE_CONFIG");
    if (!status && path)
        status = read_file(s, path);
    if (!status)
        status = read_environment(s);
    for (size_t i = 0; !status && i < ROWS; i++)
        status = take_flag(s, &flags, i);
    return status ? status : check(s);
}

void settings_free(struct settings *s)
{
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].type == TYPE_TEXT)
            mem_free(*(char **)(void *)((char *)s + table[i].offset));
    *s = (struct settings){0};
}

void settings_secret_key(const struct settings *s, char out[static 4096])
{
    int n = s->secret_key ? snprintf(out, 4096, "%s", s->secret_key)
                          : snprintf(out, 4096, "%s/secret.key", s->data);
    if (n < 0 || n >= 4096)
        out[0] = '\0';
}

static bool same(const struct setting *row, const struct settings *a, const struct settings *b)
{
    const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    const char *s, *t;
    switch (row->type) {
    case TYPE_TEXT:
        s = *(char *const *)x;
        t = *(char *const *)y;
        return s && t ? strcmp(s, t) == 0 : s == t;
    case TYPE_FLAG:
        return *(const bool *)x == *(const bool *)y;
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_AGE:
    case TYPE_CHOICE:
        return *(const uint32_t *)x == *(const uint32_t *)y;
    case TYPE_SCHEDULE:
        return memcmp(x, y, sizeof(struct redelivery_schedule)) ==
               0; /* all members are uint32_t, so there is no padding */
    }
    return false;
}

void settings_fixed(const struct settings *running, const struct settings *fresh,
                    void (*fn)(const char *name))
{
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].when == AT_START && !same(&table[i], running, fresh))
            fn(table[i].name);
}

void settings_help(FILE *to)
{
    (void)fputs("usage: todoke serve --data DIR [options]\n\n"
                "Runs a node: takes events over its API and delivers them. Prints `listening on URL` once it "
                "is ready.\n\n",
                to);
    for (size_t i = 0; i < ROWS; i++) {
        char flag[64];
        (void)snprintf(flag, sizeof(flag), "--%s %s", table[i].name, table[i].argument);
        (void)fprintf(to, "  %-32s %s", flag, table[i].help);
        if (table[i].standard)
            (void)fprintf(to, " [%s]", table[i].standard);
        (void)fputc('\n', to);
    }
    (void)fputs("\nEach can stand in the --config file (name = value, without --) and in the environment\n"
                "(TODOKE_LISTEN for --listen); flags come before the environment, and that before the file.\n"
                "SIGHUP reads them again, and the files of ca, tls-cert and tls-key. These change at once,\n"
                "the others at the next start:\n",
                to);
    size_t column = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].when != AT_ONCE)
            continue;
        size_t len = strlen(table[i].name) + 1;
        bool fits = column && column + len <= HELP_COLUMNS;
        (void)fprintf(to, "%s %s", fits ? "" : column ? "\n " : " ", table[i].name);
        column = (fits ? column : 1) + len;
    }
    (void)fputc('\n', to);
}
