/* Embedded prompts on disk: a hit changes no byte, and nothing that is wrong with the folder is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/text_cache.h"
#include "engine_test.h"

static conch_model *ti2v;
static const conch_request fox = {.prompt = "a red fox", .frame_count = 1, .step_count = 1, .guidance = 5};

static int set_up(void **state)
{
    test_folder_make("cache");
    ti2v = model_of(model_write(manifest_ti2v(), "ti2v"));
    return 0;
}

static int tear_down(void **state)
{
    conch_model_close(ti2v);
    test_folder_remove();
    return 0;
}

static conch_engine *engine_with(const char *cache_dir, const char *cpu)
{
    conch_engine *engine;
    conch_error err;
    conch_engine_options options = {.threads = 1, .cache_dir = cache_dir, .cpu = cpu};
    if (conch_engine_create(&engine, &options, &err) < 0)
        fail_msg("%s", err.text);
    return engine;
}

static size_t entry_count(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += strstr(entry->d_name, ".features.safetensors") != NULL;
    if (dir)
        closedir(dir);
    return count;
}

/* Each entry's bytes are replaced by text, or by itself cut in half when that is NULL. */
static void entries_damage(const char *folder, const char *text)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[1400];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &info) < 0 || !S_ISREG(info.st_mode))
            continue;
        if (text)
            assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), 0);
        else
            assert_int_equal(truncate(path, info.st_size / 2), 0);
    }
    closedir(dir);
}

static void generate_ok(struct clip *clip, conch_engine *engine, const conch_request *request)
{
    conch_error err;
    if (clip_generate(clip, engine, ti2v, request, &err) < 0)
        fail_msg("%s", err.text);
}

static void a_prompt_that_is_known_is_not_encoded_and_gives_the_same_bytes(void **state)
{
    const char *folder = test_path("deep/er/known");
    conch_engine *plain = engine_with(NULL, NULL), *engine = engine_with(folder, NULL);
    struct clip wanted, clip;
    conch_plan plan;
    clip_init(&wanted);
    clip_init(&clip);
    generate_ok(&wanted, plain, &fox);
    assert_int_equal(conch_plan_make(engine, ti2v, &fox, &plan, NULL), 0);
    assert_false(plan.text_cached[0] || plan.text_cached[1]);
    generate_ok(&clip, engine, &fox);
    assert_true(clips_equal(&wanted, &clip));
    assert_int_equal(entry_count(folder), 2);
    assert_int_equal(conch_plan_make(engine, ti2v, &fox, &plan, NULL), 0);
    assert_true(plan.text_cached[0] && plan.text_cached[1]);
    assert_int_equal(plan.phase_bytes[CONCH_PHASE_TEXT], 0);
    assert_true(plan.phase_gflop[CONCH_PHASE_TEXT] == 0);
    int calls = clip.progress_count;
    generate_ok(&clip, engine, &fox);
    assert_true(clips_equal(&wanted, &clip));
    assert_int_equal(calls - clip.progress_count, 2 * 3); /* layers that were not run */
    assert_int_equal(entry_count(folder), 2);
    clip_finish(&wanted);
    clip_finish(&clip);
    conch_engine_destroy(plain);
    conch_engine_destroy(engine);
}

static void other_text_precision_kernels_or_encoder_is_another_entry(void **state)
{
    const char *folder = test_path("other");
    conch_engine *engine = engine_with(folder, NULL), *ref = engine_with(folder, "ref");
    conch_engine_facts facts;
    conch_request request = fox;
    conch_plan plan;
    struct clip clip;
    clip_init(&clip);
    request.guidance = 1;
    generate_ok(&clip, engine, &request);
    assert_int_equal(conch_plan_make(engine, ti2v, &request, &plan, NULL), 0);
    assert_true(plan.text_cached[0]);
    conch_engine_facts_get(engine, &facts);
    assert_int_equal(conch_plan_make(ref, ti2v, &request, &plan, NULL), 0);
    assert_true(plan.text_cached[0] == (strcmp(facts.kernels, "ref") == 0)); /* they round otherwise */
    request.precision = CONCH_PRECISION_F32;
    assert_int_equal(conch_plan_make(engine, ti2v, &request, &plan, NULL), 0);
    assert_false(plan.text_cached[0]);
    request.precision = CONCH_PRECISION_BF16;
    request.prompt = "a red foxes";
    assert_int_equal(conch_plan_make(engine, ti2v, &request, &plan, NULL), 0);
    assert_false(plan.text_cached[0]);
    request.prompt = "  a   red fox "; /* cleaned, these are the same tokens */
    assert_int_equal(conch_plan_make(engine, ti2v, &request, &plan, NULL), 0);
    assert_true(plan.text_cached[0]);
    json_t *root = manifest_ti2v();
    manifest_change(root, "components.text_encoder.heads", json_integer(6));
    conch_model *heads = model_of(model_write(root, "heads"));
    assert_int_equal(conch_plan_make(engine, heads, &request, &plan, NULL), 0);
    assert_false(plan.text_cached[0]);
    conch_model_close(heads);
    clip_finish(&clip);
    conch_engine_destroy(engine);
    conch_engine_destroy(ref);
}

static void a_damaged_entry_is_ignored_and_replaced(void **state)
{
    static const char *const texts[] = {"", "not an entry", "\x02\0\0\0\0\0\0\0{}", NULL};
    const char *folder = test_path("damaged");
    conch_engine *engine = engine_with(folder, NULL);
    struct clip wanted, clip;
    conch_plan plan;
    clip_init(&wanted);
    clip_init(&clip);
    generate_ok(&wanted, engine, &fox);
    for (size_t i = 0; i < 4; i++) {
        entries_damage(folder, texts[i]);
        assert_int_equal(conch_plan_make(engine, ti2v, &fox, &plan, NULL), 0);
        assert_false(plan.text_cached[0] || plan.text_cached[1]);
        assert_true(plan.phase_bytes[CONCH_PHASE_TEXT] > 0); /* as it will be encoded again */
        generate_ok(&clip, engine, &fox);
        assert_true(clips_equal(&wanted, &clip));
        assert_int_equal(conch_plan_make(engine, ti2v, &fox, &plan, NULL), 0);
        assert_true(plan.text_cached[0] && plan.text_cached[1]);
    }
    clip_finish(&wanted);
    clip_finish(&clip);
    conch_engine_destroy(engine);
}

static void values_that_are_not_numbers_are_no_entry(void **state)
{
    float features[6] = {1, 2, 3, 4, 5, 6}, got[6];
    struct text_key key = {"0011223344"};
    const char *folder = test_path("values");
    text_cache_put(folder, &key, features, 2, 3);
    assert_true(text_cache_has(folder, &key, 2, 3));
    assert_true(text_cache_get(folder, &key, got, 2, 3));
    assert_memory_equal(got, features, sizeof got);
    assert_false(text_cache_get(folder, &key, got, 3, 2));
    assert_false(text_cache_get(folder, &key, got, 1, 3));
    features[5] = NAN;
    text_cache_put(folder, &key, features, 2, 3);
    assert_false(text_cache_has(folder, &key, 2, 3));
    assert_false(text_cache_get(folder, &key, got, 2, 3));
    assert_false(text_cache_has(NULL, &key, 2, 3));
}

static void the_oldest_entries_go_when_there_are_too_many(void **state)
{
    const char *folder = test_path("many"), *other = test_path("many/photo.png");
    float one = 1;
    struct text_key key;
    for (int i = 0; i < TEXT_CACHE_FILES_MAX + 20; i++) {
        char path[1200];
        snprintf(key.hex, sizeof key.hex, "%064d", i);
        text_cache_put(folder, &key, &one, 1, 1);
        snprintf(path, sizeof path, "%s/%s.features.safetensors", folder, key.hex);
        const struct timespec times[2] = {{1000000 + i, 0}, {1000000 + i, 0}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        if (i == 0)
            assert_int_equal(file_write_atomic(other, "x", 1, NULL), 0);
    }
    assert_int_equal(entry_count(folder), TEXT_CACHE_FILES_MAX);
    snprintf(key.hex, sizeof key.hex, "%064d", 0);
    assert_false(text_cache_has(folder, &key, 1, 1));
    snprintf(key.hex, sizeof key.hex, "%064d", 19);
    assert_false(text_cache_has(folder, &key, 1, 1));
    snprintf(key.hex, sizeof key.hex, "%064d", 20);
    assert_true(text_cache_has(folder, &key, 1, 1));
    snprintf(key.hex, sizeof key.hex, "%064d", TEXT_CACHE_FILES_MAX + 19);
    assert_true(text_cache_has(folder, &key, 1, 1));
    assert_true(file_exists(other)); /* what is not ours stays */
}

static void a_folder_that_cannot_be_written_is_no_error(void **state)
{
    struct clip wanted, clip;
    conch_engine *plain = engine_with(NULL, NULL);
    clip_init(&wanted);
    clip_init(&clip);
    generate_ok(&wanted, plain, &fox);
    assert_int_equal(file_write_atomic(test_path("file"), "x", 1, NULL), 0);
    const char *folders[] = {test_path("file"), test_path("file/below"), "/proc/conch-cache", ""};
    for (size_t i = 0; i < 4; i++) {
        conch_engine *engine = engine_with(folders[i], NULL);
        generate_ok(&clip, engine, &fox);
        assert_true(clips_equal(&wanted, &clip));
        conch_engine_destroy(engine);
    }
    clip_finish(&wanted);
    clip_finish(&clip);
    conch_engine_destroy(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_that_is_known_is_not_encoded_and_gives_the_same_bytes),
        cmocka_unit_test(other_text_precision_kernels_or_encoder_is_another_entry),
        cmocka_unit_test(a_damaged_entry_is_ignored_and_replaced),
        cmocka_unit_test(values_that_are_not_numbers_are_no_entry),
        cmocka_unit_test(the_oldest_entries_go_when_there_are_too_many),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_no_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
