#pragma once
/* What a call about jobs asks for, and what is made of it. */
#include "api/page.h"
#include "campaign/campaign.h"

struct job_order {
    int64_t provider_id, id;
    struct page page;
    int64_t campaign_filter;
    /* What is asked for. */
    int64_t campaign_id;
    const char *short_id;
    int64_t segment_id, list_id, query_id, again_id;
    bool unknown;
    struct span again_by;             /* JSON: how the job before named people; empty: by a segment */
    const char *sql, *by, *condition; /* as given; condition as JSON */
    double per_second;
    bool dedupe;
    int64_t at_ms;
    const char *repeat; /* JSON */
    enum { JOB_PAUSE, JOB_RESUME, JOB_STOP } act;
    /* What is made of it. */
    struct job job;
    const char *why;
    struct campaigns_note *note;
};

/* Reads the body of POST …/jobs. false: already answered with 400. */
bool job_order_read(struct call *c, struct job_order *s) MUST_CHECK;
