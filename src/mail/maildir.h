#pragma once
/*
 * A Maildir (https://cr.yp.to/proto/maildir.html): where mails go while no relay is set. A mail is written to
 * tmp, synced, and renamed into new; readers never see half of one, and a power cut loses none that was said
 * to be there.
 */
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct maildir {
    char path[4096];
    char host[256]; /* as it stands in file names */
};

/* Makes path and its tmp, new and cur where they are missing. ERR_IO (errno), ERR_FULL, ERR_INVALID: too
 * long. */
enum err maildir_init(struct maildir *m, const char *path) MUST_CHECK;

/*
 * Delivers one mail, lines ended by LF. The name is made of time and id alone: the same mail again replaces
 * the first copy as long as nobody has read it. ERR_IO (errno), ERR_FULL.
 */
enum err maildir_put(const struct maildir *m, int64_t time_ms, int64_t id, struct span mail) MUST_CHECK;
