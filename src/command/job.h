#pragma once
/* Internal to `todoke job`: its arguments, and the parts in files of their own. */
#include "base/buf.h"
#include "command/client.h"
#include "fault/fault.h"

struct job_args {
    struct client client;
    const char *provider, *job;
    bool json, watch, unknown, no_dedupe;
    enum lang lang;
    uint32_t limit;
    /* start */
    const char *campaign, *segment, *list, *query, *sql, *by, *at, *rate, *every, *days, *day, *time, *zone;
    /* messages, errors */
    const char *state, *kind, *error, *text, *format;
};

#define JOB_ANSWER_MAX (8u << 20)
#define JOB_PATH_LEN 3000u

/*
 * Writes the path of a job's call, NUL-terminated: "/api/v1/providers/1/jobs/7" and rest. Returns the exit
 * status.
 */
int job_path(const struct job_args *a, const char *rest, struct buf *out);
/* Adds ?name=value, encoded; value NULL: nothing. out is NUL-terminated before and after. */
enum err job_parameter(struct buf *out, const char *name, const char *value);

/* job_start.c: the body of a new job. Returns the exit status. */
int job_order(const struct job_args *a, struct buf *out);
/* job_watch.c: follows the job until it ends or pauses, then shows its errors. Returns the exit status. */
int job_watch(const struct job_args *a, const char *job);
/* job_watch.c: the table of errors with advice. */
int job_errors(const struct job_args *a, const char *job);
