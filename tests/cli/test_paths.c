#include "cli_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/keep.h"
#include "cli/paths.h"

static char folder[] = "/tmp/conch-test-paths-XXXXXX";

static int group_begin(void **state)
{
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int group_end(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static void a_prompt_becomes_a_plain_name(void **state)
{
    static const struct {
        const char *prompt, *slug;
    } cases[] = {
        {"A red ball, bouncing!", "a-red-ball-bouncing"},
        {"  ../../etc/passwd ", "etc-passwd"},
        {"\xe4\xb8\x80\xe4\xb8\xaa", "clip"},
        {"", "clip"},
        {"---", "clip"},
        {"caf\xc3\xa9 au lait", "caf-au-lait"},
        {"a red ball drops and bounces on a wooden floor", "a-red-ball-drops-and-bounces-on-a-wooden"},
        {"a red ball drops and bounces on a woodenish floor", "a-red-ball-drops-and-bounces-on-a"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(paths_slug(cases[i].prompt).text, cases[i].slug);
}

static void a_clip_never_takes_the_name_of_another(void **state)
{
    char *path = NULL;
    assert_int_equal(paths_clip_name("blue square", 7, &path, NULL), 0);
    assert_string_equal(path, "blue-square-7.mp4");
    touch(path);
    free(path);
    assert_int_equal(paths_clip_name("blue square", 7, &path, NULL), 0);
    assert_string_equal(path, "blue-square-7-2.mp4");
    assert_int_equal(symlink("nowhere", path), 0); /* a dangling link is a name that is taken */
    free(path);
    assert_int_equal(paths_clip_name("blue square", 7, &path, NULL), 0);
    assert_string_equal(path, "blue-square-7-3.mp4");
    free(path);
}

static void a_place_that_cannot_be_written_is_found_early(void **state)
{
    conch_error err;
    assert_int_equal(paths_check_writable("clip.mp4", "--output", &err), 0);
    assert_int_equal(paths_check_writable("no/clip.mp4", "--output", &err), CONCH_ERR_NOTFOUND);
    assert_names(&err, "--output", "no", NULL);
    touch("plain");
    assert_true(paths_check_writable("plain/clip.mp4", "--output", &err) < 0);
    assert_int_equal(mkdir("taken", 0700), 0);
    assert_int_equal(paths_check_writable("taken", "--output", &err), CONCH_ERR_IO);
    assert_names(&err, "taken", "folder", NULL);
    assert_int_equal(paths_check_writable("", "--output", &err), CONCH_ERR_RANGE);
}

static void folders_follow_the_xdg_variables(void **state)
{
    char *path = NULL;
    setenv("XDG_STATE_HOME", "/x/state", 1);
    assert_int_equal(paths_user(PATHS_STATE, "latents", &path, NULL), 0);
    assert_string_equal(path, "/x/state/conch/latents");
    free(path);
    setenv("XDG_STATE_HOME", "relative", 1); /* is to be ignored */
    setenv("HOME", "/x/home", 1);
    assert_int_equal(paths_user(PATHS_STATE, "latents", &path, NULL), 0);
    assert_string_equal(path, "/x/home/.local/state/conch/latents");
    free(path);
    unsetenv("XDG_CACHE_HOME");
    assert_int_equal(paths_user(PATHS_CACHE, "embeddings", &path, NULL), 0);
    assert_string_equal(path, "/x/home/.cache/conch/embeddings");
    free(path);
}

static void folder_of_a_path(void **state)
{
    static const char *const cases[][2] = {{"a.mp4", "."}, {"/a.mp4", "/"}, {"x/y/a.mp4", "x/y"}, {"./a", "."}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *path = NULL;
        assert_int_equal(paths_folder_of(cases[i][0], &path, NULL), 0);
        assert_string_equal(path, cases[i][1]);
        free(path);
    }
}

static void only_the_newest_latents_are_kept(void **state)
{
    char *path = NULL, name[64];
    setenv("XDG_STATE_HOME", folder, 1);
    assert_int_equal(keep_latent_path("a ball", 5, &path, NULL), 0); /* makes the folder */
    assert_non_null(strstr(path, "-a-ball-5.latent"));
    free(path);
    for (int i = 0; i < KEEP_LATENTS_MAX + 3; i++) {
        snprintf(name, sizeof name, "conch/latents/20260101-0000%02d-x-1.latent", i);
        touch(name);
    }
    touch("conch/latents/notes.txt");
    keep_prune();
    for (int i = 0; i < KEEP_LATENTS_MAX + 3; i++) {
        snprintf(name, sizeof name, "conch/latents/20260101-0000%02d-x-1.latent", i);
        assert_int_equal(access(name, F_OK), i < 3 ? -1 : 0);
    }
    assert_int_equal(access("conch/latents/notes.txt", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_becomes_a_plain_name),
        cmocka_unit_test(a_clip_never_takes_the_name_of_another),
        cmocka_unit_test(a_place_that_cannot_be_written_is_found_early),
        cmocka_unit_test(folders_follow_the_xdg_variables),
        cmocka_unit_test(folder_of_a_path),
        cmocka_unit_test(only_the_newest_latents_are_kept),
    };
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
