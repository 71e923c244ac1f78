#include "command/record.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum err record_change(struct backend *b, const char *action, const char *target, int64_t id,
                       void (*fn)(struct json_write *w, const void *arg), const void *arg)
{
    char which[48];
    (void)snprintf(which, sizeof(which), "%s/%lld", target, (long long)id);
    struct buf details;
    struct json_write w;
    buf_init(&details, 4096);
    json_write_init(&w, &details);
    json_write_object(&w);
    if (fn)
        fn(&w, arg);
    json_write_key(&w, "uid"); /* of the user who ran the command */
    json_write_uint(&w, getuid());
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    const struct audit_entry entry = {.at_ms = clock_system.wall_ms(NULL),
                                      .who = SPAN_LIT("system"),
                                      .peer = SPAN_LIT("command line"),
                                      .action = span_of(action),
                                      .target = span_of(which),
                                      .details = buf_span(&details)};
    if (!e)
        e = b->ops->audit->audit_insert(b, &entry);
    buf_deinit(&details);
    return e;
}
