#pragma once
/* A person as the API shows it. */
#include "base/json_write.h"
#include "store/audience.h"

void user_write(struct json_write *w, const struct user *u);
