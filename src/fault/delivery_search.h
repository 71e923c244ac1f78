#pragma once
/*
 * Finds rows of the second catalogue by whatever a person has: an id, a kind, a text as the list prints it or
 * with what varies filled in, a status, a fragment of any text in either language, or a misspelling.
 */
#include "fault/delivery_error.h"
#include "fault/search.h"

struct delivery_hit {
    enum delivery_error_id id;
    size_t distance; /* NEAREST: of the row's nearest name from the text */
};

typedef void delivery_search_fn(void *arg, const struct delivery_hit *hit);

/*
 * Calls fn once per row found, in catalogue order, and returns how they were found: the first of these that
 * finds anything.
 *
 *     EXACT     an id; a text, of every row that has it; a kind in either language; a status of three digits
 *               that texts name ("550", "404"). Ids and English kinds in any case, texts as they are
 *     FILLED    text that holds a row's text, with something in the place of what varies, in any case, with
 *               any white space, at its beginning or where a field begins ("message":"User not found. :u1").
 *               Of several rows those of which the most is literal. Short texts ("old") must stand alone
 *     FRAGMENT  rows that contain the text anywhere
 *     WORDS     rows that contain every word of it
 *     NEAREST   up to SEARCH_NEAREST_MAX rows by edit distance of their names, closest first
 *
 * fn must not call back. No allocation. Takes a time of text × catalogue.
 */
enum search_match delivery_search(struct span text, delivery_search_fn *fn, void *arg);

/* Calls fn for every row, in the order of the list. */
void delivery_search_all(delivery_search_fn *fn, void *arg);
