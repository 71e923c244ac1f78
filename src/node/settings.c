#include "node/settings.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/distance.h"
#include "base/mem.h"
#include "base/visible.h"
#include "model/notice.h"
#include "node/arguments.h"

enum type { TYPE_TEXT, TYPE_FLAG, TYPE_NUMBER, TYPE_DURATION, TYPE_AGE, TYPE_SCHEDULE, TYPE_CHOICE };

struct setting {
    const char *name; /* --name, name = …, TODOKE_NAME with _ for - */
    enum type type;
    size_t offset;
    const char *standard; /* NULL: none */
    uint32_t min, max;
    const char *argument, *help; /* of a choice: a/b/c, stored as 0, 1, 2 */
};

#define AT(member) offsetof(struct settings, member)
#define DAY_MS 86400000u

static const struct setting table[] = {
    {"data", TYPE_TEXT, AT(data), NULL, 0, 0, "DIR", "where everything is kept; made if it is missing"},
    {"config", TYPE_TEXT, AT(config), NULL, 0, 0, "FILE", "settings in INI form, under the names below"},
    {"secret-key", TYPE_TEXT, AT(secret_key), NULL, 0, 0, "FILE",
     "the key that seals secrets and webhook URLs of channels; made if it is missing; without this "
     "secret.key in "
     "data"},
    {"listen", TYPE_TEXT, AT(listen), "127.0.0.1:8080", 0, 0, "ADDR:PORT",
     "where the API listens; port 0: any free one"},
    {"tls-cert", TYPE_TEXT, AT(tls_cert), NULL, 0, 0, "FILE",
     "certificate chain (PEM): the API speaks https"},
    {"tls-key", TYPE_TEXT, AT(tls_key), NULL, 0, 0, "FILE", "its private key (PEM)"},
    {"behind-proxy", TYPE_FLAG, AT(behind_proxy), NULL, 0, 0, "",
     "a proxy that speaks https stands in front: cookies are for https, peers are named by x-forwarded-for"},
    {"session-time", TYPE_DURATION, AT(session_time), "12h", 1000, 30 * DAY_MS, "TIME",
     "a log-in that is unused for so long ends; any ends after 30 days"},
    {"account-providers", TYPE_NUMBER, AT(account_providers), "0", 0, 10000, "N",
     "providers that an account which is no operator may make; 0: only operators make them"},
    {"account-invitations", TYPE_NUMBER, AT(account_invitations), "20", 0, 10000, "N",
     "addresses that such an account may give roles to a day"},
    {"allow-http-targets", TYPE_FLAG, AT(allow_http_targets), NULL, 0, 0, "", "webhook URLs may be http://"},
    {"allow-private-targets", TYPE_FLAG, AT(allow_private_targets), NULL, 0, 0, "",
     "webhooks may go to addresses inside our network"},
    {"allow-any-port", TYPE_FLAG, AT(allow_any_port), NULL, 0, 0, "",
     "webhooks may go to ports of other services than web servers (22, 25, 110, ...)"},
    {"ca", TYPE_TEXT, AT(ca), NULL, 0, 0, "FILE", "certificates (PEM) to trust beside the system's"},
    {"dns", TYPE_TEXT, AT(dns), NULL, 0, 0, "ADDR:PORT", "ask this resolver instead of /etc/resolv.conf"},
    {"user-agent", TYPE_TEXT, AT(user_agent), "todoke/" TODOKE_VERSION, 0, 0, "TEXT",
     "User-Agent of webhooks"},
    {"dns-timeout", TYPE_DURATION, AT(dns_timeout), "2s", 1, 60000, "TIME",
     "for resolving a bot server's name"},
    {"connect-timeout", TYPE_DURATION, AT(connect_timeout), "2s", 1, 60000, "TIME",
     "for TCP to a bot server"},
    {"session-timeout", TYPE_DURATION, AT(session_timeout), "2s", 1, 60000, "TIME",
     "for TLS and HTTP/2 settings"},
    {"response-timeout", TYPE_DURATION, AT(response_timeout), "2s", 1, 60000, "TIME",
     "from the first byte sent to the end of the answer"},
    {"success-status", TYPE_CHOICE, AT(success_status), "2xx", 0, 0, "2xx/20x/200",
     "statuses of a success: 200 to 299, 200 to 209, or 200 alone"},
    {"no-tls-record", TYPE_FLAG, AT(no_tls_record), "true", 0, 0, "",
     "tell `No SSL/TLS record`; false: it is `TLS handshake failure`, as LINE's older documentation has it"},
    {"redelivery-schedule", TYPE_SCHEDULE, AT(redelivery), "1m,2m,4m,8m,15m", 1, 7 * DAY_MS, "TIMES",
     "waits before an event is sent again, where the channel wants that and has no redeliverySchedule"},
    {"redelivery-jitter", TYPE_NUMBER, AT(redelivery.jitter_percent), "20", 0, 100, "PERCENT",
     "each wait is longer or shorter by up to this"},
    {"suspend-after", TYPE_DURATION, AT(suspend_after), "24h", 0, 49 * DAY_MS, "TIME",
     "a channel that fails so long without a success is suspended, its events kept; 0: never"},
    {"suspend-failures", TYPE_NUMBER, AT(suspend_failures), "20", 1, 1000000, "N",
     "but not before so many attempts failed"},
    {"notice-window", TYPE_DURATION, AT(notice_window), "300s", 1, NOTICE_WINDOW_MAX_MS, "TIME",
     "errors of a channel with the same reason and detail within it are told in one mail"},
    {"notice-daily-cap", TYPE_NUMBER, AT(notice_daily_cap), "100", 1, 1000000, "N",
     "such mails about one channel a day (UTC+9); the last one says that it is"},
    {"mail-provider-cap", TYPE_NUMBER, AT(mail_provider_cap), "1000", 1, 1000000, "N",
     "mails about the channels of one provider a day, one a recipient; the last one says that it is"},
    {"mail-account-cap", TYPE_NUMBER, AT(mail_account_cap), "2000", 1, 1000000, "N",
     "the same about all providers that one account made, unless it is an operator's"},
    {"confirm-daily-cap", TYPE_NUMBER, AT(confirm_daily_cap), "20", 1, 1000000, "N",
     "mails a day that ask contact addresses to confirm, for a provider and for an account"},
    {"public-url", TYPE_TEXT, AT(public_url), NULL, 0, 0, "URL",
     "where people reach this node's console, for links in mails; without it: where it listens, and no links "
     "where that is this machine alone"},
    {"smtp-url", TYPE_TEXT, AT(smtp_url), NULL, 0, 0, "URL",
     "mails go over this relay, smtp://HOST:PORT or smtps://HOST:PORT; without it they are written into the "
     "Maildir DIR/mail and reach nobody"},
    {"smtp-tls", TYPE_CHOICE, AT(smtp_tls), "required", 0, 0, "required/offered/never",
     "STARTTLS with smtp://"},
    {"smtp-user", TYPE_TEXT, AT(smtp_user), NULL, 0, 0, "NAME", "logs in at the relay"},
    {"smtp-password-file", TYPE_TEXT, AT(smtp_password_file), NULL, 0, 0, "FILE",
     "the password, its first line"},
    {"smtp-password", TYPE_TEXT, AT(smtp_password), NULL, 0, 0, "TEXT",
     "the password; better in the file or the environment than on the command line"},
    {"smtp-timeout", TYPE_DURATION, AT(smtp_timeout), "60s", 100, 3600000, "TIME",
     "for one mail, from connecting to the relay's last answer"},
    {"mail-from", TYPE_TEXT, AT(mail_from), NULL, 0, 0, "ADDRESS",
     "From of mails, address or Name <address>; without it: todoke@ this machine"},
    {"mail-retry", TYPE_DURATION, AT(mail_retry), "1m", 1, 3600000, "TIME",
     "before a mail that could not be sent is tried again; twice as long each time, up to an hour"},
    {"mail-expire", TYPE_DURATION, AT(mail_expire), "3d", 1, 49 * DAY_MS, "TIME",
     "after that it is given up"},
    {"window", TYPE_NUMBER, AT(window), "128", 1, 10000, "N", "requests at once to one channel, at most"},
    {"in-flight", TYPE_NUMBER, AT(in_flight), "20000", 1, 1000000, "N", "requests at once in all"},
    {"channel-backlog", TYPE_NUMBER, AT(channel_backlog), "1000000", 1, 1000000000, "N",
     "events of a channel that may wait; beyond: 429"},
    {"node-backlog", TYPE_NUMBER, AT(node_backlog), "10000000", 1, 1000000000, "N",
     "events of all channels that may wait; beyond: 429"},
    {"event-memory", TYPE_NUMBER, AT(event_memory), "128", 1, 1000000, "MIB",
     "memory for waiting events; the rest waits on disk"},
    {"retention", TYPE_DURATION, AT(retention), "7d", 1, 49 * DAY_MS, "TIME",
     "how long events are kept after their end, with their attempts"},
    {"retention-size", TYPE_NUMBER, AT(retention_size), "10240", 0, 100000000, "MIB",
     "size of the database past which the oldest of them go earlier; 0: no bound"},
    {"statistics-time", TYPE_AGE, AT(statistics_time), "90d", 1, 3660 * 86400u, "TIME",
     "how long error statistics are kept; whole days of UTC go"},
    {"audit-time", TYPE_AGE, AT(audit_time), "400d", 1, 36500 * 86400u, "TIME",
     "how long the audit log goes back"},
    {"idempotency-time", TYPE_DURATION, AT(idempotency), "24h", 1, 49 * DAY_MS, "TIME",
     "how long an Idempotency-Key is honoured"},
    {"connections", TYPE_NUMBER, AT(connections), "10000", 1, 1000000, "N",
     "open connections to the API; callers who are not known have a quarter of them at most"},
    {"loops", TYPE_NUMBER, AT(loops), "0", 0, 64, "N", "threads that serve and deliver; 0: one a core"},
    {"drain-timeout", TYPE_DURATION, AT(drain_timeout), "10s", 0, 3600000, "TIME",
     "how long SIGTERM waits for what is on its way"},
    {"log", TYPE_TEXT, AT(log), "info", 0, 0, "LEVELS",
     "error, warn, info or debug; with exceptions: info,net=debug"},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

/* What SIGHUP changes in a running node; the others are built into what was opened at the start. */
static const char *const changeable[] = {
    "config",
    "user-agent",
    "dns-timeout",
    "connect-timeout",
    "session-timeout",
    "response-timeout",
    "redelivery-schedule",
    "redelivery-jitter",
    "drain-timeout",
    "log",
    "suspend-after",
    "suspend-failures",
    "retention",
    "retention-size",
    "success-status",
    "no-tls-record",
    "notice-window",
    "audit-time",
    "notice-daily-cap",
    "statistics-time",
    "mail-provider-cap",
    "mail-account-cap",
    "confirm-daily-cap",
};

/* Variables of the commands that talk to a node, and of the project's own scripts. */
static const char *const other_variables[] = {"TODOKE_API", "TODOKE_KEY", "TODOKE_BIN", "TODOKE_KILLS",
                                              "TODOKE_CONFIG"};

/* What Kubernetes sets in every container beside a service called todoke. */
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

/* Longer than milliseconds in 32 bits can say: in seconds. */
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
    struct redelivery_schedule s = {.jitter_percent = to->jitter_percent};
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

/* The number of the choice among "a/b/c". */
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
    int line; /* of the last one read: the library tells it only after an error of its own */
};

static char *next_line(char *out, int size, void *arg)
{
    struct file *f = arg;
    f->line++;
    char *line = fgets(out, size, f->in);
    /* The library would take the rest for a line of its own: half a comment for a setting. */
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

/* A setting that is misspelt must not be passed over in silence. */
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

/* Known before the rest. */
static int take_config(struct settings *s, const struct flags *f)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(table[i].name, "config") == 0)
            return take_flag(s, f, i);
    return 0;
}

/* What goes into a header field as it is. */
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

static bool is_changeable(const char *name)
{
    for (size_t i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++)
        if (strcmp(changeable[i], name) == 0)
            return true;
    return false;
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
        break;
    }
    return true; /* it is changeable */
}

void settings_fixed(const struct settings *running, const struct settings *fresh,
                    void (*fn)(const char *name))
{
    for (size_t i = 0; i < ROWS; i++)
        if (!is_changeable(table[i].name) && !same(&table[i], running, fresh))
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
                "SIGHUP reads them again, and the files of ca, tls-cert and tls-key; log, user-agent, the "
                "timeouts, the\n"
                "edition and the redelivery, suspension, retention and statistics settings change at once, "
                "the others at "
                "the next start.\n",
                to);
}
