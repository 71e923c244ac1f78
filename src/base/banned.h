#pragma once
/*
 * Unsafe libc calls do not compile. Included before every file of ours by the build.
 * The declarations come first, so that the poison hits our uses and not the system's headers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#ifndef __cplusplus
/* Some are macros where the compiler cannot inline a checked variant (clang with _FORTIFY_SOURCE). */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets strtok
#pragma GCC poison gmtime localtime ctime asctime atoi atol atoll atof
#endif
