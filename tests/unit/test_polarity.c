/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/polarity/polarity.h"

#include <math.h>

#include "common/buf.h"
#include "common/random.h"
#include "consumer/handlers/polarity/weights_data.h"
#include "tests/unit/check.h"

static struct polarity judge(struct bytes text)
{
    static struct weights weights;
    if (!weights.head)
        weights = weights_built_in();
    struct polarity p = polarity_of(&weights, text);
    CHECK(p.score >= -1 && p.score <= 1);
    CHECK(p.confidence >= 0 && p.confidence <= 1);
    CHECK(p.label < POLARITY_LABELS && p.language < POLARITY_LANGUAGES);
    return p;
}

static double score(const char *text)
{
    return judge(bytes_text(text)).score;
}

static void check_all(const char *const *texts, size_t count, double least, double most)
{
    for (size_t i = 0; i < count; i++) {
        double s = score(texts[i]);
        if (s < least || s > most)
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
        "Works perfectly, highly recommended.",
        "sooooo goooood",
        "the plot is thin, but the acting is excellent",
        "GREAT",
        "Отличный фильм, всем советую!",
        "Я очень рада тебя видеть",
        "Мне понравилось, спасибо",
        "Сюжет слабый, но актёры великолепны",
        "ура, каникулы)))",
        "nice 👍",
        "😍",
    };
    check_all(texts, LENGTH(texts), 0.1, 1);
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
        "It was never funny",
        "horible, teribly dissapointed",
        "Ужасный фильм, не советую",
        "Мне не нравится",
        "Не хорошо",
        "Актёры хорошие, но сюжет скучный и глупый",
        "грустно((",
        "у меня болит голова",
        "👎",
        "What a day :(",
    };
    check_all(texts, LENGTH(texts), -1, -0.1);
}

TEST(what_says_little_is_near_0)
{
    static const char *const texts[] = {
        "The train leaves at nine from platform two.",
        "The office is on the second floor.",
        "The meeting was moved to Tuesday.",
        "The package weighs two kilos.",
        "Поезд отправляется в девять часов",
        "(see page 2)",
        "Table option bring size general.",
    };
    static const char *const nothing[] = {
        "", "   ", ".", ".,;", "https://example.org/love/hate?good=bad", "@lovely_hater", "これ",
    };
    check_all(texts, LENGTH(texts), -0.4, 0.4);
    check_all(nothing, LENGTH(nothing), 0, 0);
}

/* Their letters say something, but little. */
TEST(misspelt_words_keep_their_sign)
{
    CHECK(score("wonderfull, definitly recomended") > 0.05);
    CHECK(score("horible, teribly dissapointed") < -0.05);
}

TEST(degrees_are_in_order)
{
    CHECK(score("good") > score("not good"));
    CHECK(score("good") > score("somewhat good"));
    CHECK(score("a good film!!!") > score("a good film"));
    CHECK(score("bad!!!") < score("bad"));
    CHECK(score("not bad") < score("good"));
    CHECK(score("terrible but I love it") > score("I love it but terrible"));
    CHECK(score("хорошо") > score("не хорошо"));
}

TEST(a_negation_ends_at_the_clause)
{
    CHECK(score("no, it is good") > 0);
    CHECK(score("it did not rain and it was a good day") > 0);
    CHECK(score("I do not think that is good") < score("I think that is good"));
}

TEST(signs_of_irony_turn_praise_round)
{
    CHECK(score("what a great day") > 0.3);
    CHECK(score("what a great day /s") < 0);
    CHECK(score("so useful (!)") < 0);
    CHECK(score("what a terrible day /s") < 0); /* but blame stays blame */
    CHECK(score("great tcp/socks") > 0);
}

TEST(case_forms_and_spelling)
{
    CHECK(score("LOVED loves loving Lover's") > .5);
    CHECK(score("Don\xe2\x80\x99t like") == score("don't like")); /* U+2019 */
    CHECK(score("dont like") == score("do n't like"));
    CHECK(score("весёлый") == score("веселый"));
    CHECK(score("gooooood") == score("goooooooood"));
}

TEST(labels_and_confidence)
{
    struct polarity good = judge(bytes_text("I love this wonderful film"));
    CHECK_EQ(good.label, POLARITY_POSITIVE);
    CHECK(good.confidence > .9 && fabs(good.confidence - (1 + good.score) / 2) < 1e-12);
    struct polarity bad = judge(bytes_text("a horrible, boring film"));
    CHECK_EQ(bad.label, POLARITY_NEGATIVE);
    CHECK(bad.confidence > .9);
    struct polarity neither = judge(bytes_text(""));
    CHECK_EQ(neither.label, POLARITY_NEUTRAL);
    CHECK(neither.confidence == 1);
    CHECK_TEXT(polarity_label_name(POLARITY_POSITIVE), "positive");
    CHECK_TEXT(polarity_label_name(POLARITY_NEUTRAL), "neutral");
    CHECK_TEXT(polarity_label_name(POLARITY_NEGATIVE), "negative");
}

TEST(languages)
{
    static const struct {
        const char *text, *language;
    } cases[] = {
        {"The service was really excellent.", "en"},
        {"Обслуживание было отличным", "ru"},
        {"Сервис very bad, но еда great", "mixed"},
        {"Купил iPhone, очень доволен покупкой", "ru"},
        {"Das Frühstück hätte wärmer sein müssen, schade", "und"},
        {"Le petit déjeuner était délicieux, merci beaucoup", "und"},
        {"12345 :)", "und"},
        {"", "und"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        CHECK_TEXT(polarity_language_name(judge(bytes_text(cases[i].text)).language),
                   cases[i].language);
}

/* --- bad and large input ---------------------------------------------------------------------- */

TEST(bytes_that_are_no_text_do_no_harm)
{
    CHECK(score("\xff\xfe good \x80") == score("good"));
    CHECK(score("\xc3") == 0);
    CHECK(score("good\xf0\x9f") > 0);
    struct random r = {.state = 3};
    for (int i = 0; i < 3000; i++) {
        unsigned char noise[200];
        size_t size = random_below(&r, sizeof noise);
        unsigned alphabet = i % 3 == 0 ? 256 : 128;
        for (size_t j = 0; j < size; j++)
            noise[j] = (unsigned char)random_below(&r, alphabet);
        judge(bytes_of(noise, size));
    }
    CHECK(judge(bytes_of("good\0bad", 4)).score > 0);
    CHECK(judge(bytes_of(NULL, 0)).score == 0);
}

static double score_repeated(const char *piece)
{
    struct buf text = {0};
    while (text.size < 1024 * 1024)
        buf_put(&text, piece, strlen(piece));
    double s = judge(buf_bytes(&text)).score;
    buf_fini(&text);
    return s;
}

TEST(a_mebibyte_is_scored)
{
    CHECK(score_repeated("a good day. ") > .9);
    CHECK(score_repeated("ужас ") < -.9);
    score_repeated("good"); /* one word of a mebibyte */
    score_repeated("неттакогослова ");
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
        buf_printf(&out, "%s", out.size ? " " : "");
        if (t.kind == TOKEN_WORD)
            buf_printf(&out, "%s%s%.*s", t.capitals ? "^" : "", t.drawn ? "~" : "", (int)t.size,
                       t.text);
        else if (t.kind == TOKEN_MARK)
            buf_printf(&out, "<%.*s>%u", (int)t.size, t.text, t.count);
        else if (t.kind == TOKEN_COMMA)
            buf_printf(&out, ",");
        else
            buf_printf(&out, "%.*s%u", (int)t.size, *t.text == '\n' ? "|" : t.text, t.count);
    }
    return buf_text(&out);
}

TEST(text_falls_into_words_stops_and_marks)
{
    CHECK_TEXT(tokens("Don't STOP, I'm 'here'!!"), "do n't ^stop , i m here !2");
    CHECK_TEXT(tokens("dont CAN'T n't nt ca n't"), "do n't ^ca n't n't n't ca n't");
    CHECK_TEXT(tokens("well-made (mostly) thing."), "well made , mostly , thing .0");
    CHECK_TEXT(tokens("what?! now?? wait... one.. \xe2\x80\xa6"),
               "what ?!1 now ?0 wait ...0 one ...0 ...0");
    CHECK_TEXT(tokens("sooo gooood 10000"), "~soo ~good 10000");
    CHECK_TEXT(tokens("Ёлка и ЧУДО"), "елка и ^чудо");
    CHECK_TEXT(tokens("one\ntwo"), "one |0 two");
    CHECK_TEXT(tokens("see http://a.b/c:( and www.x.y now"), "see and now");
    CHECK_TEXT(tokens("@name hi #tag"), "hi tag");
    CHECK_TEXT(tokens("caf\xc3\x89"), "caf\xc3\xa9");
    CHECK_TEXT(tokens("a\xff"
                      "b"),
               "a b");
}

TEST(faces)
{
    CHECK_TEXT(tokens(":) ;-( =D :'( xD"), "<:)>1 <;(>1 <:d>1 <:'(>1 <xd>1");
    CHECK_TEXT(tokens("ok:)))"), "ok <:)>3");
    CHECK_TEXT(tokens("<3 ^^ ^_^"), "<<3>1 <^^>1 <^^>1");
    CHECK_TEXT(tokens(":Dog x:y 10:30"), ", dog x , y 10 , 30");
    CHECK_TEXT(tokens("привет))) как"), "привет <)>3 как");
    CHECK_TEXT(tokens("жаль(("), "жаль <(>2");
    CHECK_TEXT(tokens("жаль("), "жаль <(>1");
    CHECK_TEXT(tokens("f(x) (y)"), "f , x , , y ,");
    CHECK_TEXT(tokens("\xf0\x9f\x98\x8d!"), "<\xf0\x9f\x98\x8d>1 !1");
    CHECK_TEXT(tokens("ha /s x/s (!)"), "ha </s>1 x s </s>1");
}

/* --- the file of weights ---------------------------------------------------------------------- */

static void check_refused(const unsigned char *file, size_t size, const char *want)
{
    struct weights w;
    const char *why = NULL;
    CHECK_EQ(weights_read(&w, bytes_of(file, size), &why), -1);
    CHECK_TEXT(why, want);
}

TEST(a_file_that_is_not_whole_is_refused)
{
    struct weights w;
    const char *why;
    size_t size = polarity_weights_size;
    CHECK(size <= 2000000);
    unsigned char *copy = must_alloc(size);
    memcpy(copy, polarity_weights, size);
    CHECK_EQ(weights_read(&w, bytes_of(copy, size), &why), 0);
    check_refused(copy, size - 1, "is damaged");
    check_refused(copy, 100, "is no file of weights");
    copy[size / 2] ^= 4;
    check_refused(copy, size, "is damaged");
    copy[size / 2] ^= 4;
    copy[offsetof(struct weights_head, version)]++;
    check_refused(copy, size, "is of another version");
    copy[0] ^= 1;
    check_refused(copy, size, "is no file of weights");
    free(copy);
}

/* --- the tone --------------------------------------------------------------------------------- */

TEST(the_tone_turns_scales_and_parts)
{
    static const struct token word = {.kind = TOKEN_WORD},
                              loud = {.kind = TOKEN_WORD, .capitals = true};
    struct tone t = {0};
    tone_word(&t, &word, ROLE_SCALE, 1.5);
    tone_word(&t, &word, ROLE_WEIGHT, 2);
    CHECK(t.total == 3);
    tone_word(&t, &word, ROLE_NOT, 0);
    tone_word(&t, &word, ROLE_WEIGHT, 2);
    CHECK(fabs(t.total - 1.4) < 1e-12); /* 3 - 0.8 * 2 */
    tone_clause(&t);
    tone_word(&t, &loud, ROLE_WEIGHT, 1);
    CHECK(fabs(t.total - 2.7) < 1e-12);
    tone_word(&t, &word, ROLE_BUT, 0);
    CHECK(t.total == 0 && fabs(t.before - 2.7) < 1e-12);
    tone_word(&t, &word, ROLE_DESPITE, 0);
    tone_word(&t, &word, ROLE_WEIGHT, -2);
    CHECK(t.total == -1);
}
