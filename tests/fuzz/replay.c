/*
 * Runs every file of the given folders through a fuzz target: yesterday's crashes stay fixed without clang at
 * hand.
 *
 *     replay-json_scan corpus/json_scan regression/json_scan
 *
 * A folder may be missing; at least one file must have run. Inputs are copied to their exact size, so that
 * ASan sees a read past their end. The file's name is printed first: a crash tells which one it was.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (f)
            (void)fclose(f);
        return -1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    int rc = -1;
    if (data && fread(data, 1, size, f) == size) {
        (void)printf("%s\n", path);
        (void)fflush(stdout);
        (void)LLVMFuzzerTestOneInput(data, size);
        rc = 0;
    }
    free(data);
    (void)fclose(f);
    return rc;
}

/* The number of files run, or -1. */
static int run_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d)
        return errno == ENOENT ? 0 : -1;
    int ran = 0;
    for (struct dirent *e = readdir(d); e && ran >= 0; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        char path[4096];
        int n = snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (n < 0 || (size_t)n >= sizeof(path) || run_file(path) != 0)
            ran = -1;
        else
            ran++;
    }
    (void)closedir(d);
    return ran;
}

int main(int argc, char **argv)
{
    int ran = 0;
    for (int i = 1; i < argc; i++) {
        int n = run_folder(argv[i]);
        if (n < 0) {
            (void)fprintf(stderr, "cannot run %s\n", argv[i]);
            return 1;
        }
        ran += n;
    }
    (void)printf("%d inputs\n", ran);
    return ran > 0 ? 0 : 1;
}
