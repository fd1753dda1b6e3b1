#include "cli_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/models_find.h"

static char folder[] = "/tmp/conch-test-models-XXXXXX";

/* tiny: the model that ships, b: a damaged manifest, c: no model. */
static int group_begin(void **state)
{
    char root[4096], link[8192];
    if (!realpath(getenv("CONCH_TEST_ROOT"), root) || !mkdtemp(folder) || chdir(folder) < 0)
        return -1;
    snprintf(link, sizeof link, "%s/models/tiny", root);
    if (mkdir("all", 0700) < 0 || symlink(link, "all/tiny") < 0 || mkdir("all/b", 0700) < 0 || mkdir("all/c", 0700) < 0)
        return -1;
    FILE *file = fopen("all/b/conch.json", "w");
    fputs("{\"format\": 1, ", file);
    return fclose(file);
}

static int group_end(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static void a_model_is_found_by_folder_and_by_name(void **state)
{
    static const char *const names[] = {"all/tiny", "./all/tiny", "conch/tiny", "tiny"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *found = NULL;
        assert_int_equal(models_find("all", names[i], &found, NULL), 0);
        assert_non_null(strstr(found, "all/tiny"));
        free(found);
    }
}

static void without_a_name_the_first_usable_one_is_taken(void **state)
{
    char *found = NULL;
    assert_int_equal(models_find("all", NULL, &found, NULL), 0);
    assert_string_equal(found, "all/tiny");
    free(found);
}

static void a_damaged_model_is_found_by_its_folder(void **state)
{
    char *found = NULL;
    assert_int_equal(models_find("all", "b", &found, NULL), 0); /* opening it then says what is wrong */
    assert_string_equal(found, "all/b");
    free(found);
}

static void an_unknown_name_is_answered_with_what_there_is(void **state)
{
    char *found = NULL;
    conch_error err;
    assert_int_equal(models_find("all", "giant", &found, &err), CONCH_ERR_NOTFOUND);
    assert_names(&err, "giant", "tiny", NULL);
    assert_int_equal(models_find("all/c", "tiny", &found, &err), CONCH_ERR_NOTFOUND);
    assert_int_equal(models_find("all", "all/c", &found, &err), CONCH_ERR_NOTFOUND);
    assert_names(&err, "all/c", "conch.json", NULL);
}

static void the_variable_names_several_folders_and_each_model_is_listed_once(void **state)
{
    struct models_list list = {.count = 0};
    size_t tiny = 0;
    setenv("CONCH_MODELS", "all:nowhere::all", 1);
    assert_int_equal(models_find_all(NULL, &list, NULL), 0);
    for (size_t i = 0; i < list.count; i++)
        tiny += strcmp(list.path[i], "all/tiny") == 0;
    assert_int_equal(tiny, 1);
    models_list_finish(&list);
    unsetenv("CONCH_MODELS");
}

static void the_folder_of_one_model_may_be_given_itself(void **state)
{
    char *found = NULL;
    assert_int_equal(models_find("all/tiny", NULL, &found, NULL), 0);
    assert_string_equal(found, "all/tiny");
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_found_by_folder_and_by_name),
        cmocka_unit_test(without_a_name_the_first_usable_one_is_taken),
        cmocka_unit_test(a_damaged_model_is_found_by_its_folder),
        cmocka_unit_test(an_unknown_name_is_answered_with_what_there_is),
        cmocka_unit_test(the_variable_names_several_folders_and_each_model_is_listed_once),
        cmocka_unit_test(the_folder_of_one_model_may_be_given_itself),
    };
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
