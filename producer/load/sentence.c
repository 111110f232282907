/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/sentence.h"

#include <ctype.h>
#include <stdio.h>

#include "common/must.h"

static const char *const nouns[] = {
    "answer",  "battery",  "breakfast", "camera",  "city",    "coffee",  "concert", "delivery",
    "design",  "dinner",   "doctor",    "driver",  "film",    "garden",  "guide",   "hotel",
    "journey", "keyboard", "kitchen",   "lesson",  "library", "meeting", "museum",  "neighbour",
    "novel",   "office",   "phone",     "picture", "plan",    "product", "report",  "restaurant",
    "room",    "screen",   "service",   "staff",   "story",   "teacher", "ticket",  "train",
    "waiter",  "weather",  "website",   "window",
};
static const char *const people[] = {
    "my sister", "our guide",  "the manager", "her brother", "the whole team", "a friend of mine",
    "everybody", "the doctor", "his teacher", "that driver", "my neighbour",   "the waiter",
};
static const char *const qualities[] = {
    "amazing", "awful",     "bad",       "beautiful", "boring",    "broken", "cheap",
    "clean",   "confusing", "delicious", "dirty",     "excellent", "fast",   "friendly",
    "good",    "great",     "happy",     "helpful",   "horrible",  "lovely", "noisy",
    "old",     "ordinary",  "perfect",   "poor",      "quiet",     "rude",   "sad",
    "slow",    "small",     "splendid",  "terrible",  "tidy",      "ugly",   "useful",
    "useless", "warm",      "wonderful", "wooden",
};
static const char *const verbs[] = {
    "admires", "avoids",     "described", "dislikes", "enjoys", "fears",
    "forgot",  "hates",      "likes",     "loves",    "missed", "mentioned",
    "praised", "recommends", "remembers", "ruined",   "saw",    "trusts",
};
static const char *const degrees[] = {
    "very", "really", "quite", "rather", "not", "hardly", "so", "never", "always", "extremely",
};
static const char *const places[] = {
    "in the old town",    "near the station",  "this morning",
    "on a rainy day",     "after the concert", "at the weekend",
    "during the meeting", "without any doubt", "for the second time",
};

/* Capitals are drawn from a list of words, everything else stands as it is. */
static const struct {
    char sign;
    const char *const *words;
    size_t count;
} lists[] = {
    {'N', nouns, LENGTH(nouns)},         {'P', people, LENGTH(people)},
    {'Q', qualities, LENGTH(qualities)}, {'V', verbs, LENGTH(verbs)},
    {'D', degrees, LENGTH(degrees)},     {'L', places, LENGTH(places)},
};

static const char *const patterns[] = {
    "the N was D Q",
    "P V the Q N",
    "P V this N L",
    "this Q N is D Q",
    "what a Q N, and P V it",
    "the N L was Q but the N was D Q",
    "P says that the N is D Q",
    "our N has become D Q and D Q",
    "it was a Q N, D Q for a N L",
    "the Q N and the Q N",
    "nobody V a Q N L",
};

static const char *draw(struct random *r, char sign)
{
    for (size_t i = 0; i < LENGTH(lists); i++)
        if (lists[i].sign == sign)
            return lists[i].words[random_below(r, lists[i].count)];
    return NULL;
}

void sentence_make(struct random *r, char *text, size_t size)
{
    must(size > 2);
    size_t at = 0, most = size - 2; /* room for the full stop and the closing 0 */
    for (const char *p = patterns[random_below(r, LENGTH(patterns))]; *p && at < most; p++) {
        const char *word = isupper((unsigned char)*p) ? draw(r, *p) : NULL;
        if (word) {
            int more = snprintf(text + at, most - at + 1, "%s", word);
            at += (size_t)more < most - at ? (size_t)more : most - at;
        } else {
            text[at++] = *p;
        }
    }
    text[0] = (char)toupper((unsigned char)text[0]);
    text[at++] = '.';
    text[at] = 0;
}
