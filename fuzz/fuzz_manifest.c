/* conch.json from a stranger: opened as a model and, when that works, planned for its first size and length. The files
 * it names do not matter here: a tokenizer stands in for all of them, so that plans reach their numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "conch/engine.h"
#include "engine/engine_state.h"
#include "fuzz.h"

/* The smallest tokenizer there is: </s>, the unknown piece and a letter. */
static const char tokenizer[] = "{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"</s>\",0],[\"<unk>\",0],"
                                "[\"a\",-1]]}}";

static char folder[] = "/tmp/conch-fuzz-manifest-XXXXXX";
static char manifest_path[64], tokenizer_path[64];
static conch_engine *engine;

static void folder_remove(void)
{
    unlink(manifest_path);
    unlink(tokenizer_path);
    rmdir(folder);
    conch_engine_destroy(engine);
}

static void folder_make(void)
{
    const conch_engine_options options = {.threads = 1, .memory_bytes = UINT64_MAX};
    if (!mkdtemp(folder) || conch_engine_create(&engine, &options, NULL) < 0)
        abort();
    snprintf(manifest_path, sizeof manifest_path, "%s/conch.json", folder);
    snprintf(tokenizer_path, sizeof tokenizer_path, "%s/t", folder);
    atexit(folder_remove);
    if (file_write_atomic(tokenizer_path, tokenizer, sizeof tokenizer - 1, NULL) < 0)
        abort();
}

/* As if every file were there. */
static void files_stand_in(struct manifest *manifest)
{
    free(manifest->tokenizer_path);
    manifest->tokenizer_path = strdup(tokenizer_path);
    manifest->info.missing = NULL;
}

static void plan_check(conch_model *model)
{
    static const uint8_t pixel[3];
    const conch_model_info *info = conch_model_info_get(model);
    const conch_picture picture = {pixel, info->sizes[0].width, info->sizes[0].height};
    conch_request request = {.prompt = "aa", .frame_count = info->frame_counts[0], .preview = true};
    if (info->modes & CONCH_MODE_FIRST_FRAME)
        request.first_frame = &picture;
    for (int precision = 0; precision < 2; precision++) {
        conch_plan plan;
        conch_error err = {0};
        request.precision = precision ? CONCH_PRECISION_F32 : CONCH_PRECISION_BF16;
        int rc = conch_plan_make(engine, model, &request, &plan, &err);
        if (rc < 0 && (err.code != rc || !err.text[0]))
            abort();
        if (rc == 0 &&
            (plan.peak_bytes < plan.phase_bytes[CONCH_PHASE_DENOISE] || plan.peak_bytes > (uint64_t)1 << 60 ||
             plan.tokens == 0 || !(plan.phase_gflop[CONCH_PHASE_DENOISE] > 0)))
            abort(); /* a number wrapped around */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    conch_model *model = NULL;
    conch_error err = {0};
    if (!engine)
        folder_make();
    FILE *file = fopen(manifest_path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    int rc = conch_model_open(&model, folder, &err);
    if (rc < 0) {
        if (err.code != rc || !err.text[0] || model)
            abort(); /* a refusal says why, and leaves nothing */
        return 0;
    }
    files_stand_in(&model->manifest);
    plan_check(model);
    conch_model_close(model);
    return 0;
}
