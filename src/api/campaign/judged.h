#pragma once
/* What an error means for its message (struct message.judged), as JSON and in words. */
#include "base/json_write.h"
#include "fault/receipt.h"

/* One of the words of judged. */
enum judged { JUDGED_CLASS, JUDGED_RETRY, JUDGED_EFFECT, JUDGED_WHOM };
struct span judged_part(struct span judged, enum judged word);
/* A word of JUDGED_RETRY and those after it as a phrase for people; "": it is none. */
const char *judged_words(enum judged word, struct span text, enum lang lang);
/*
 * One error with its words:
 * {"id","text","kind","kindEn","class","cause","advice","retry","effect","concerns"}.
 */
void judged_write(struct json_write *w, enum delivery_error_id id, struct span text, struct span judged,
                  enum lang lang);
