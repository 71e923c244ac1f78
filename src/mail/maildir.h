#pragma once
/*
 * A Maildir (https://cr.yp.to/proto/maildir.html): stores the mails while no relay is set. A mail is written
 * to tmp, synced, and renamed into new: readers never see a partial mail, and a power cut loses no mail that
 * was reported as stored.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct maildir {
    char path[4096];
    char host[256]; /* in the form used in file names */
};

/*
 * Makes path and its folders tmp, new and cur if they are missing. ERR_IO (errno), ERR_FULL, ERR_INVALID:
 * path is too long.
 */
enum err maildir_init(struct maildir *m, const char *path) MUST_CHECK;

/*
 * Delivers one mail with LF line ends. The file name depends on time and id only: storing the same mail again
 * replaces its first copy, unless that was read already. ERR_IO (errno), ERR_FULL.
 */
enum err maildir_put(const struct maildir *m, int64_t time_ms, int64_t id, struct span mail) MUST_CHECK;
