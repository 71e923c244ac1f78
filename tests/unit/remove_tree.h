#pragma once
/* A test's directory, removed with all that is in it. */
#include <ftw.h>
#include <stdio.h>

static inline int remove_tree_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* 0, or what remove() or nftw() returned first. */
static inline int remove_tree(const char *dir)
{
    return nftw(dir, remove_tree_entry, 8, FTW_DEPTH | FTW_PHYS);
}
