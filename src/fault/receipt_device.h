#pragma once
/* Whether all patterns of the rules for app push, LINE and browsers are well formed; for the tests. */
#include <stdbool.h>

bool receipt_push_rules_ok(void);
bool receipt_line_rules_ok(void);
bool receipt_browser_rules_ok(void);
