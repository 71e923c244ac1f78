/* Figures: latencies counted, a table printed, the same as JSON. */
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <unistd.h>

#include "bench.h"

#define STEP_BITS 5

void hist_add(struct hist *h, uint64_t us)
{
    uint64_t v = us < 1 ? 1 : us;
    unsigned octave = 63u - (unsigned)__builtin_clzll(v);
    uint64_t step = octave >= STEP_BITS ? v >> (octave - STEP_BITS) : v << (STEP_BITS - octave);
    size_t at = ((size_t)octave << STEP_BITS) + (step & ((1u << STEP_BITS) - 1));
    atomic_fetch_add_explicit(&h->counts[at < HIST_BUCKETS ? at : HIST_BUCKETS - 1], 1, memory_order_relaxed);
}

void hist_clear(struct hist *h)
{
    for (size_t i = 0; i < HIST_BUCKETS; i++)
        atomic_store_explicit(&h->counts[i], 0, memory_order_relaxed);
}

void hist_merge(struct hist *to, const struct hist *from)
{
    for (size_t i = 0; i < HIST_BUCKETS; i++)
        atomic_fetch_add_explicit(&to->counts[i],
                                  atomic_load_explicit(&from->counts[i], memory_order_relaxed),
                                  memory_order_relaxed);
}

double hist_ms(const struct hist *h, double quantile)
{
    uint64_t total = 0, below = 0;
    for (size_t i = 0; i < HIST_BUCKETS; i++)
        total += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
    for (size_t i = 0; total && i < HIST_BUCKETS; i++) {
        below += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        if ((double)below >= quantile * (double)total)
            return ldexp(32.0 + (double)(i & 31) + 0.5, (int)(i >> STEP_BITS) - STEP_BITS) / 1000;
    }
    return 0;
}

static json_t *cases, *current;

void report_case(const char *letter, const char *title)
{
    double load[3] = {0};
    (void)getloadavg(load, 3);
    (void)printf("\n(%s) %s   [load average %.1f]\n", letter, title, load[0]);
    (void)fflush(stdout);
    if (!cases)
        cases = json_object();
    current = json_object();
    (void)json_object_set_new(current, "title", json_string(title));
    (void)json_object_set_new(current, "loadAverage", json_real(load[0]));
    (void)json_object_set_new(current, "figures", json_array());
    (void)json_object_set_new(cases, letter, current);
}

static void print_value(double value)
{
    int decimals = fabs(value) >= 1000 ? 0 : fabs(value) >= 100 ? 1 : 2;
    (void)printf("%12.*f", decimals, value);
}

void report_add(const char *name, double value, const char *unit, const char *want)
{
    (void)printf("    %-44s", name);
    print_value(value);
    (void)printf(" %-8s%s%s\n", unit, want ? "  wanted " : "", want ? want : "");
    (void)fflush(stdout);
    json_t *row = json_pack("{s:s, s:f, s:s}", "name", name, "value", value, "unit", unit);
    if (want)
        (void)json_object_set_new(row, "wanted", json_string(want));
    (void)json_array_append_new(json_object_get(current, "figures"), row);
}

void report_note(const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)printf("    %s\n", text);
    (void)fflush(stdout);
    json_t *notes = json_object_get(current, "notes");
    if (!notes && json_object_set_new(current, "notes", json_array()) == 0)
        notes = json_object_get(current, "notes");
    (void)json_array_append_new(notes, json_string(text));
}

enum err report_write(const char *path)
{
    json_t *root =
        json_pack("{s:I, s:I, s:s, s:O}", "time", (json_int_t)time(NULL), "processors",
                  (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "version", TODOKE_VERSION, "cases", cases);
    int bad = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(root);
    return bad ? ERR_IO : ERR_NONE;
}

void report_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("\n", stderr);
    va_end(args);
    node_kill_all();
    _exit(1);
}
