#pragma once
/*
 * A message of a job as people see it: with the name of its user, which is looked up when it is shown, so
 * that the name is gone with the user; as JSON, and as a row of a table.
 */
#include "api/call.h"
#include "campaign/message_text.h"
#include "report/sheet.h"
#include "store/campaign.h"

/* What all messages of a job share. Spans are borrowed. */
struct message_job {
    int64_t id, provider_id, campaign_id;
    struct span campaign_name, short_id;
    bool open;
    int64_t claimed;
    bool by_target; /* its list or query names people by a target, not by userId */
};
/* From a row of job_get(). */
struct message_job message_job_of(const struct job *j);

struct message_view {
    struct message
        m; /* in the state that it is in: on disk one that is being sent waits (store/campaign.h) */
    const struct message_job *job;
    struct span user, target; /* empty: not known, or gone with the user */
    bool failed;              /* error and text say why */
    enum delivery_error_id error;
    struct span text;
    char name[USER_NAME_MAX];
    char text_room[MESSAGE_TEXT_MAX];
};

/* Fills in the view; its spans live as long as m and job do. */
enum err message_view_read(struct message_view *v, struct backend *b, const struct message_job *job,
                           const struct message *m) MUST_CHECK;
/* with_job: also which job it is of. */
void message_view_json(const struct message_view *v, struct json_write *w, enum lang lang, bool with_job);

void message_view_headings(struct sheet *s, enum lang lang);
void message_view_row(const struct message_view *v, struct sheet *s, enum lang lang);

/* Words of a table for people. */
const char *message_state_words(enum message_state s, enum lang lang); /* "not sent" */
