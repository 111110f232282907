/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/polarity.h"

#include <math.h>

#include "common/buf.h"
#include "common/random.h"
#include "consumer/handlers/polarity/lexicon_data.h"
#include "consumer/handlers/polarity/words.h"
#include "tests/unit/check.h"

/* The built-in lexicon lives as long as the program. */
static struct lexicon *built_in;

__attribute__((destructor)) static void give_back(void)
{
    lexicon_free(built_in);
}

static double score(const char *text)
{
    if (!built_in)
        built_in = lexicon_built_in();
    double s = polarity_score(built_in, bytes_text(text));
    if (!(s >= -1 && s <= 1))
        check_failed(__FILE__, __LINE__, "score of \"%s\" is %g", text, s);
    return s;
}

static void check_all(const char *const *texts, size_t count, int sign)
{
    for (size_t i = 0; i < count; i++) {
        double s = score(texts[i]);
        if (sign > 0 ? !(s > .1) : sign < 0 ? !(s < -.1) : s != 0)
            check_failed(__FILE__, __LINE__, "score of \"%s\" is %.4f", texts[i], s);
    }
}

TEST(good_sentences)
{
    static const char *const texts[] = {
        "This is a great movie.",
        "I love it!",
        "The food was delicious and the staff were very friendly",
        "What a wonderful, heartwarming story",
        "Not bad at all",
        "It's not bad",
        "I can't wait to see it again",
        "Works perfectly, highly recommended.",
        "sooooo goooood",
        "the plot is thin, but the acting is excellent",
        "never boring",
        "Отличный фильм, всем советую!",
        "Я очень рада тебя видеть",
        "Мне понравилось, спасибо",
        "Совсем неплохо",
        "Фильм не скучный",
        "Сюжет слабый, но актёры великолепны",
        "ура, каникулы)))",
        "см. приложение :)",
        "nice 👍",
        "😍",
    };
    check_all(texts, LENGTH(texts), 1);
}

TEST(bad_sentences)
{
    static const char *const texts[] = {
        "This is a terrible movie.",
        "I hate it!",
        "The food was awful and the staff were rude",
        "not good",
        "It isn't very good",
        "I don't like this at all",
        "A complete waste of time",
        "The acting is excellent, but the plot is boring and stupid",
        "it does n't work and the company does not care",
        "no fun",
        "It was never funny",
        "Ужасный фильм, не советую",
        "Мне не нравится",
        "Не хорошо",
        "Это не очень хорошая идея",
        "Актёры хорошие, но сюжет скучный и глупый",
        "грустно((",
        "у меня болит голова",
        "👎",
        "What a day :(",
    };
    check_all(texts, LENGTH(texts), -1);
}

TEST(what_says_nothing_is_0)
{
    static const char *const texts[] = {
        "",
        "   ",
        "The train leaves at nine from platform two.",
        "Поезд отправляется в девять часов",
        "12345",
        ".,;",
        "https://example.org/love/hate?good=bad",
        "@lovely_hater",
        "(see page 2)",
    };
    check_all(texts, LENGTH(texts), 0);
}

TEST(degrees_are_in_order)
{
    CHECK(score("very good") > score("good"));
    CHECK(score("good") > score("somewhat good"));
    CHECK(score("very bad") < score("bad"));
    CHECK(score("good!") > score("good"));
    CHECK(score("good!!!") > score("good!"));
    CHECK(score("bad!!!") < score("bad"));
    CHECK(score("the food is GOOD") > score("the food is good"));
    CHECK(score("THE FOOD IS GOOD") == score("the food is good"));
    CHECK(score("excellent") > score("good"));
    CHECK(score("not good") > score("terrible"));
    CHECK(score("not bad") < score("good"));
    CHECK(score("great but expensive") < score("expensive but great"));
    CHECK(score("очень хорошо") > score("хорошо"));
    CHECK(score("despite the boring start, excellent") > score("boring start, excellent"));
}

TEST(a_negation_ends_at_the_clause)
{
    CHECK(score("no, it is good") > 0);
    CHECK(score("it did not rain and it was a good day") > 0);
    CHECK(score("нет, фильм хороший") > 0);
    CHECK(score("I do not think that is good") < score("I think that is good"));
}

TEST(case_forms_and_spelling)
{
    CHECK(score("LOVED loves loving Lover's") > .5);
    CHECK(score("Don\xe2\x80\x99t like") < 0); /* U+2019 */
    CHECK(score("dont like") < 0);
    CHECK(score("не могу, всё надоело") < 0);
    CHECK(score("всё УЖАСНО") < 0);
    CHECK(score("весёлый") == score("веселый"));
    CHECK(score("well-made") > 0);
}

/* --- bad and large input ---------------------------------------------------------------------- */

TEST(bytes_that_are_no_text_do_no_harm)
{
    CHECK(score("\xff\xfe good \x80") > 0);
    CHECK(score("\xc3") == 0);
    CHECK(score("good\xf0\x9f") > 0);
    if (!built_in)
        built_in = lexicon_built_in();
    struct random r = {.state = 3};
    for (int i = 0; i < 3000; i++) {
        unsigned char noise[200];
        size_t size = random_below(&r, sizeof noise);
        unsigned alphabet = i % 3 == 0 ? 256 : 128;
        for (size_t j = 0; j < size; j++)
            noise[j] = (unsigned char)random_below(&r, alphabet);
        double s = polarity_score(built_in, bytes_of(noise, size));
        CHECK(s >= -1 && s <= 1);
    }
    CHECK(polarity_score(built_in, bytes_of("good\0bad", 4)) > 0);
    CHECK(polarity_score(built_in, bytes_of(NULL, 0)) == 0);
}

static double score_repeated(const char *piece)
{
    struct buf text = {0};
    while (text.size < 1024 * 1024)
        buf_put(&text, piece, strlen(piece));
    double s = score(buf_text(&text));
    buf_fini(&text);
    return s;
}

TEST(a_mebibyte_is_scored)
{
    CHECK(score_repeated("a good day. ") > .99);
    CHECK(score_repeated("ужас ") < -.99);
    CHECK(score_repeated("not very ") == 0);
    CHECK(score_repeated("good") == 0); /* one word of a mebibyte */
    score_repeated("))))");
    score_repeated("((((");
    score_repeated("!!!!");
    score_repeated(":):(");
    score_repeated("could have been ");
    score_repeated("but ");
    score_repeated("\xf0\x9f\x98");
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* As "word word , . <mark>" and so on. */
static const char *tokens(const char *text)
{
    static struct buf out;
    buf_clear(&out);
    struct words w = words_of(bytes_text(text));
    struct token t;
    for (words_next(&w, &t); t.kind != TOKEN_END; words_next(&w, &t)) {
        static const char *const signs[] = {
            [TOKEN_COMMA] = ",", [TOKEN_STOP] = ".", [TOKEN_SMILES] = ")", [TOKEN_FROWNS] = "("};
        buf_printf(&out, "%s", out.size ? " " : "");
        if (t.kind == TOKEN_WORD)
            buf_printf(&out, "%s%.*s", t.capitals ? "^" : "", (int)t.size, t.text);
        else if (t.kind == TOKEN_MARK)
            buf_printf(&out, "<%.*s>%u", (int)t.size, t.text, t.count);
        else
            buf_printf(&out, "%s%u", signs[t.kind], t.count);
    }
    return buf_text(&out);
}

TEST(text_falls_into_words_stops_and_marks)
{
    CHECK_TEXT(tokens("Don't STOP, I'm 'here'!!"), "don't ^stop ,0 i'm here .2");
    CHECK_TEXT(tokens("well-made (mostly) thing."), "well made ,0 mostly ,0 thing .0");
    CHECK_TEXT(tokens("Ёлка и ЧУДО"), "елка и ^чудо");
    CHECK_TEXT(tokens("one\ntwo"), "one .0 two");
    CHECK_TEXT(tokens("see http://a.b/c:( and www.x.y now"), "see and now");
    CHECK_TEXT(tokens("@name hi #tag"), "hi tag");
    CHECK_TEXT(tokens("caf\xc3\x89"), "caf\xc3\xa9");
    CHECK_TEXT(tokens("a\xff"
                      "b"),
               "a b");
}

TEST(faces)
{
    CHECK_TEXT(tokens(":) ;-( =D :'( xD"), "<:)>1 <;(>1 <:D>1 <:'(>1 <xD>1");
    CHECK_TEXT(tokens("ok:)))"), "ok <:)>3");
    CHECK_TEXT(tokens("<3 ^^"), "<<3>1 <^^>1");
    CHECK_TEXT(tokens(":Dog x:y 10:30"), ",0 dog x ,0 y 10 ,0 30");
    CHECK_TEXT(tokens("привет))) как"), "привет )3 как");
    CHECK_TEXT(tokens("жаль(("), "жаль (2");
    CHECK_TEXT(tokens("жаль("), "жаль (1");
    CHECK_TEXT(tokens("f(x) (y)"), "f ,0 x ,0 ,0 y ,0");
    CHECK_TEXT(tokens("\xf0\x9f\x98\x8d!"), "<\xf0\x9f\x98\x8d>1 .1");
}

/* --- the lexicon
 * ----------------------------------------------------------------------------------- */

static size_t entries(const unsigned char *file, size_t size)
{
    struct lexicon *l = lexicon_new();
    char error[LEXICON_ERROR_SIZE];
    if (lexicon_add(l, bytes_of(file, size), error))
        check_failed(__FILE__, __LINE__, "%s", error);
    size_t count = lexicon_count(l);
    lexicon_free(l);
    return count;
}

TEST(the_built_in_files_read_and_are_of_size)
{
    CHECK(entries(lexicon_en, lexicon_en_size) >= 1500);
    CHECK(entries(lexicon_ru, lexicon_ru_size) >= 1000);
    CHECK(entries(lexicon_marks, lexicon_marks_size) >= 80);
}

static double weight(const struct lexicon *l, const char *word)
{
    const struct lexicon_entry *e = lexicon_word(l, bytes_text(word));
    return e ? e->value : 0;
}

TEST(endings_and_stems)
{
    char error[LEXICON_ERROR_SIZE];
    struct lexicon *l = lexicon_new();
    CHECK_EQ(lexicon_add(l,
                         bytes_text("# comment\n\n1\tlove stun happy =fun nice*\n"
                                    "-1\thorr* horrif*\n2\tnot_bad\nnot:3\tnever\nbut\tbut\n"),
                         error),
             0);
    CHECK_EQ(lexicon_count(l), 10);
    static const char *const ones[] = {"love",    "loves",    "loved",   "loving",
                                       "stunned", "stunning", "happily", "happiness",
                                       "happier", "fun",      "nicely",  "nicest"};
    for (size_t i = 0; i < LENGTH(ones); i++)
        if (weight(l, ones[i]) != 1)
            check_failed(__FILE__, __LINE__, "%s", ones[i]);
    CHECK(weight(l, "funs") == 0);
    CHECK(weight(l, "lov") == 0);
    CHECK(weight(l, "horrible") == -1);
    CHECK(weight(l, "horrify") == -1);
    CHECK(weight(l, "hor") == 0);
    CHECK(weight(l, "") == 0);
    CHECK(lexicon_begins_phrase(l, bytes_text("not")));
    CHECK(!lexicon_begins_phrase(l, bytes_text("bad")));
    CHECK(lexicon_phrase(l, bytes_text("not_bad")) != NULL);
    CHECK_EQ(lexicon_word(l, bytes_text("never"))->role, ROLE_NOT);
    CHECK_EQ(lexicon_word(l, bytes_text("but"))->role, ROLE_BUT);
    lexicon_free(l);
}

static void refused(const char *file, const char *want)
{
    char error[LEXICON_ERROR_SIZE];
    struct lexicon *l = lexicon_new();
    CHECK_EQ(lexicon_add(l, bytes_text(file), error), -1);
    lexicon_free(l);
    CHECK_TEXT(error, want);
}

TEST(a_bad_line_is_named)
{
    refused("1\tgood\n1 bad\n", "line 2: no role and a tab: 1 bad");
    refused("1\tgood\n\n2\tbad good\n", "line 3: good stands there twice");
    refused("x\tgood\n", "line 1: no role and a tab: x\tgood");
    refused("not:\tgood\n", "line 1: no role and a tab: not:\tgood");
    refused("nan\tgood\n", "line 1: no role and a tab: nan\tgood");
    refused("1\t\n", "line 1: no role and a tab: 1\t");
}
