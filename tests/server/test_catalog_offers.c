/* Templates, picture models and tasks as the provider's pages have them; refusals; finding the catalog's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/file.h"
#include "base/json.h"
#include "server/catalog_find.h"

static struct catalog catalog;
static struct catalog_offers offers;
static struct catalog_refusal refusal;
static struct catalog_image_resolved resolved;
static conch_error err;
static char folder[4096];

#define DAY ((int64_t)86400000)
#define NOW (20779 * DAY) /* 2026-11-22 */

static int all_open(void **state)
{
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(folder, sizeof folder, "%s/catalog", root ? root : ".");
    if (catalog_open(folder, &catalog, &offers, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int all_close(void **state)
{
    catalog_finish(&catalog);
    catalog_offers_finish(&offers);
    return 0;
}

static void templates_are_those_of_the_reference(void **state)
{
    static const struct row {
        const char *id, *name, *needs;
        int64_t cents;
    } rows[] = {{"392747428568649728", "Diving", "m", 40},
                {"393488336655310850", "Climbing", "m", 40},
                {"393769180141805569", "Run for Life", "mt", 45},
                {"397087679467597833", "Transformers", "m", 45},
                {"393881433990066176", "Still rings routine", "m", 45},
                {"393498001241890824", "Weightlifting", "m", 45},
                {"393876118804459526", "Male Model Try-On Ad", "m", 100},
                {"393866076583718914", "Female Model Try-On Ad", "m", 100},
                {"393879757702918151", "McDonald's Delivery Pet", "m", 110},
                {"394176968202485769", "Miniature Set Ad", "m", 140},
                {"394514820878671878", "Anime Life Sim", "t", 150},
                {"397017167949312007", "Pet Pilot", "m", 200},
                {"394875727173492739", "Art Fonts", "t", 35},
                {"394220989629177861", "Drinkfall", "m", 70},
                {"393853165953970178", "E-commerce Display Ad", "t", 86},
                {"401431836934868999", "3D character product presentation", "mt", 108}};
    assert_int_equal(offers.template_count, ARRAY_LEN(rows));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct catalog_template *t = catalog_template_find(&offers, rows[i].id);
        int64_t price = -1;
        assert_non_null(t);
        assert_string_equal(t->name, rows[i].name);
        assert_int_equal(t->media_required, strchr(rows[i].needs, 'm') != NULL);
        assert_int_equal(t->text_required, strchr(rows[i].needs, 't') != NULL);
        assert_int_equal(t->listed, i < 6);
        assert_true(catalog_offer_price(&t->price, NOW, &price));
        assert_int_equal(price, rows[i].cents * 10000);
    }
    assert_ptr_equal(catalog_template_find(&offers, "392753057216684038"), &offers.templates[0]);
    assert_null(catalog_template_find(&offers, "1"));
    assert_null(catalog_template_find(&offers, NULL));
}

static void a_template_says_what_it_needs(void **state)
{
    const struct catalog_template *t = catalog_template_find(&offers, "393769180141805569");
    assert_int_equal(catalog_template_check(t, 1, 1, &refusal), 0);
    assert_int_equal(catalog_template_check(t, 0, 1, &refusal), CONCH_ERR_RANGE);
    assert_string_equal(refusal.field, "media_inputs");
    assert_int_equal(catalog_template_check(t, 1, 0, &refusal), CONCH_ERR_RANGE);
    assert_string_equal(refusal.text, "text_inputs is missing, which this template needs; allowed: template "
                                      "393769180141805569 (Run for Life) takes a picture or video and a text");
}

static void picture_sizes_are_those_of_the_reference(void **state)
{
    static const struct row {
        const char *ratio;
        int width, height;
    } rows[] = {{NULL, 1024, 1024}, {"16:9", 1280, 720}, {"4:3", 1152, 864},  {"3:2", 1248, 832},
                {"2:3", 832, 1248}, {"3:4", 864, 1152},  {"9:16", 720, 1280}, {"21:9", 1344, 576}};
    const struct catalog_image_model *m = catalog_image_find(&offers, "image-01");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct catalog_image_request request = {.prompt_chars = 5, .ratio = rows[i].ratio, .count = 9};
        assert_int_equal(catalog_image_resolve(m, &request, &resolved, &refusal), 0);
        assert_int_equal(resolved.width, rows[i].width);
        assert_int_equal(resolved.height, rows[i].height);
        assert_int_equal(resolved.count, 9);
    }
    struct catalog_image_request request = {.prompt_chars = 1500, .width = 2048, .height = 512};
    assert_int_equal(catalog_image_resolve(m, &request, &resolved, &refusal), 0);
    assert_int_equal(resolved.width, 2048);
    assert_int_equal(resolved.count, 1);
    request.ratio = "1:1"; /* goes before */
    assert_int_equal(catalog_image_resolve(m, &request, &resolved, &refusal), 0);
    assert_int_equal(resolved.width, 1024);
    int64_t price = 0;
    assert_true(catalog_offer_price(&m->price, NOW, &price));
    assert_int_equal(price, 3500);
    assert_false(catalog_offer_price(&m->price, 0, &price));
    assert_false(catalog_offer_price(&catalog_image_find(&offers, "minimax/image-01-live")->price, NOW, &price));
}

static void assert_image_refused(const char *model, struct catalog_image_request request, const char *field,
                                 const char *value, const char *allowed)
{
    assert_int_equal(catalog_image_resolve(catalog_image_find(&offers, model), &request, &resolved, &refusal),
                     CONCH_ERR_RANGE);
    assert_string_equal(refusal.field, field);
    assert_string_equal(refusal.value, value);
    if (!strstr(refusal.allowed, allowed) || !strstr(refusal.text, refusal.allowed))
        fail_msg("'%s' does not allow '%s'", refusal.text, allowed);
}

static void pictures_that_cannot_be_are_refused(void **state)
{
    typedef struct catalog_image_request R;
    assert_image_refused("image-01", (R){0}, "prompt", "", "1 to 1500");
    assert_image_refused("image-01", (R){.prompt_chars = 1501}, "prompt", "1501", "1 to 1500");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .ratio = "5:4"}, "aspect_ratio", "5:4", "9:16, 21:9");
    assert_image_refused("image-01-live", (R){.prompt_chars = 1, .ratio = "21:9"}, "aspect_ratio", "21:9", "1:1, 16:9");
    assert_image_refused("image-01-live", (R){.prompt_chars = 1, .width = 512, .height = 512}, "width", "512",
                         "aspect_ratio");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .width = 512}, "height", "", "multiples of 8");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .width = 516, .height = 512}, "width", "516",
                         "512 to 2048");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .width = 512, .height = 2056}, "height", "2056", "512 to");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .width = -8, .height = 512}, "width", "-8", "512 to");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .count = 10}, "n", "10", "1 to 9");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .count = -1}, "n", "-1", "1 to 9");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .subjects = 2}, "subject_reference", "2", "at most 1");
    assert_image_refused("image-01", (R){.prompt_chars = 1, .ratio = "a\nb"}, "aspect_ratio", "a?b", "16:9");
}

static void tasks_have_the_published_prices_and_no_others(void **state)
{
    const struct catalog_task *again = catalog_task_find(&offers, "regeneration");
    const struct catalog_task *context = catalog_task_find(&offers, "h3_context_ir");
    int64_t price = 0;
    assert_true(catalog_offer_price(&again->price, NOW, &price));
    assert_int_equal(price, 50000);
    assert_string_equal(again->resolution, "2K");
    assert_int_equal(again->prompt_chars_max, 40000);
    assert_false(catalog_offer_price(&context->price, NOW, &price));
    assert_int_equal(context->prompt_chars_max, 7000);
    assert_non_null(catalog_find(&catalog, context->model));
    assert_null(catalog_task_find(&offers, "nothing"));
}

static void assert_documents_refused(json_t *templates, json_t *services, const char *text)
{
    struct catalog_offers other;
    assert_int_equal(catalog_offers_read(&other, templates, services, &err), CONCH_ERR_FORMAT);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
    json_decref(templates);
    json_decref(services);
}

static json_t *row(json_t *document, const char *key, size_t index)
{
    return json_array_get(json_object_get(document, key), index);
}

static void offers_that_contradict_themselves_are_refused(void **state)
{
    json_t *t = json_deep_copy(offers.templates_document), *s = json_deep_copy(offers.services_document);
    json_object_set_new(row(t, "templates", 1), "id", json_string("392753057216684038"));
    assert_documents_refused(t, s, "templates[1].'392753057216684038' stands twice");
    t = json_deep_copy(offers.templates_document), s = json_deep_copy(offers.services_document);
    json_object_set_new(row(t, "templates", 1), "id", json_string("12x"));
    assert_documents_refused(t, s, "templates[1].id '12x', wanted at most 20 digits");
    t = json_deep_copy(offers.templates_document), s = json_deep_copy(offers.services_document);
    json_object_set_new(row(t, "templates", 0), "media_required", json_false());
    assert_documents_refused(t, s, "takes neither media nor text");
    t = json_deep_copy(offers.templates_document), s = json_deep_copy(offers.services_document);
    json_object_set_new(row(s, "images", 0), "default_ratio", json_string("5:4"));
    assert_documents_refused(t, s, "images[0].default_ratio '5:4' is none of the ratios");
    t = json_deep_copy(offers.templates_document), s = json_deep_copy(offers.services_document);
    json_object_set_new(json_object_get(row(s, "tasks", 1), "price"), "until", json_string("2026-07-30"));
    assert_documents_refused(t, s, "tasks[1].price.until is not after from");
}

static void the_folder_is_found_by_name_and_beside_the_program(void **state)
{
    char base[] = "/tmp/conch-catalog-XXXXXX", path[200], bin[100], *found = NULL;
    assert_non_null(mkdtemp(base));
    snprintf(bin, sizeof bin, "%s/bin", base);
    snprintf(path, sizeof path, "%s/share/conch/catalog", base);
    assert_int_equal(file_make_folders(bin, &err), 0);
    assert_int_equal(file_make_folders(path, &err), 0);
    assert_int_equal(catalog_folder_find_from(NULL, bin, &found, &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "CONCH_CATALOG"));
    strcat(path, "/models.json");
    assert_int_equal(file_write_atomic(path, "{}", 2, &err), 0);
    assert_int_equal(catalog_folder_find_from("", bin, &found, &err), 0);
    assert_non_null(strstr(found, "/bin/../share/conch/catalog"));
    free(found);
    assert_int_equal(catalog_folder_find_from(folder, bin, &found, &err), 0);
    assert_string_equal(found, folder);
    free(found);
    assert_int_equal(catalog_folder_find_from("/nowhere", bin, &found, &err), CONCH_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "/nowhere"));
    struct catalog c;
    struct catalog_offers o;
    *strrchr(path, '/') = 0;
    assert_int_equal(catalog_open(path, &c, &o, &err), CONCH_ERR_NOTFOUND); /* no templates.json */
    assert_non_null(strstr(err.text, "templates.json"));
    strcat(path, "/models.json");
    unlink(path);
    for (int i = 0; i < 4; i++) {
        *strrchr(path, '/') = 0;
        rmdir(i == 3 ? bin : path);
    }
    rmdir(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_those_of_the_reference),
        cmocka_unit_test(a_template_says_what_it_needs),
        cmocka_unit_test(picture_sizes_are_those_of_the_reference),
        cmocka_unit_test(pictures_that_cannot_be_are_refused),
        cmocka_unit_test(tasks_have_the_published_prices_and_no_others),
        cmocka_unit_test(offers_that_contradict_themselves_are_refused),
        cmocka_unit_test(the_folder_is_found_by_name_and_beside_the_program),
    };
    return cmocka_run_group_tests(tests, all_open, all_close);
}
