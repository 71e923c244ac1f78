#pragma once
/* What every fuzz target is: one function of bytes that aborts (or makes a sanitizer abort) when something is
 * wrong. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
