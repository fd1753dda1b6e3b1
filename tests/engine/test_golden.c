/* Runs the golden program over tests/golden with several kernel tables, and on damaged copies, where it must fail and
 * say where. Prints TAP: a line for each case the program reports. */
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "engine/kernels/kern.h"
#include "engine/tensor/safetensors.h"
#include "tensor/st_build.h"

static size_t test_count, failed_count;

static void tap(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tap(bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s %zu - ", ok ? "ok" : "not ok", ++test_count);
    vprintf(format, args);
    putchar('\n');
    fflush(stdout);
    va_end(args);
    failed_count += !ok;
}

/* Starts `golden OPTIONS DIR`; golden lies one folder above this program. */
static FILE *golden_start(const char *options, const char *dir)
{
    char self[PATH_MAX], command[3 * PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = 0;
    }
    snprintf(command, sizeof command, "'%s/golden' %s '%s'", self, options, dir);
    return popen(command, "r");
}

static int golden_end(FILE *output)
{
    int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Every reported case becomes a test. */
static void cases_run(const char *options, const char *dir, size_t least)
{
    char line[2048];
    size_t cases = 0;
    FILE *output = golden_start(options, dir);
    while (output && fgets(line, sizeof line, output)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "ok   ", 5) || !strncmp(line, "FAIL ", 5)) {
            tap(line[0] == 'o', "golden %s: %s", options, line + 5);
            cases++;
        } else if (!strncmp(line, "     ", 5)) {
            printf("#%s\n", line);
        }
    }
    int code = output ? golden_end(output) : -1;
    tap(code == 0 && cases >= least, "golden %s: ends with code %d after %zu cases", options, code, cases);
}

/* What golden prints for a folder, and its exit code. */
static int output_of(const char *options, const char *dir, char *text, size_t bytes)
{
    FILE *output = golden_start(options, dir);
    if (!output)
        return -1;
    size_t used = fread(text, 1, bytes - 1, output);
    text[used] = 0;
    return golden_end(output);
}

static bool copy(const char *from_folder, const char *name, const char *damaged_tensor)
{
    struct buf content;
    conch_error err;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", from_folder, name);
    buf_init(&content, (size_t)64 << 20);
    int rc = file_read(&content, path, &err);
    if (rc == 0 && damaged_tensor) {
        struct st_file *file = NULL;
        rc = st_open_memory(&file, content.data, content.size, name, &err);
        const struct st_tensor *tensor = rc == 0 ? st_find(file, damaged_tensor) : NULL;
        /* a hundredth of the weight gets a wrong sign */
        for (size_t i = 3; tensor && i < tensor->bytes; i += 400)
            ((char *)content.data)[(const char *)tensor->data - content.data + (ptrdiff_t)i] ^= (char)0x80;
        rc = tensor ? rc : -1;
        st_close(file);
    }
    if (rc == 0)
        rc = file_write_atomic(in_folder(name), content.data, content.size, &err);
    buf_finish(&content);
    return rc == 0;
}

static void damage_is_found(const char *dir)
{
    static char text[1 << 16];
    const char *folder = folder_make("golden");
    struct st_build build;
    if (!copy(dir, "dit_t2v.a.vectors.safetensors", NULL) ||
        !copy(dir, "dit_t2v.weights.safetensors", "blocks.0.self_attn.k.weight")) {
        tap(false, "a damaged copy can be made");
        return;
    }
    int code = output_of("--precision fp32", folder, text, sizeof text);
    tap(code == 1 && strstr(text, "FAIL dit_t2v.a") && strstr(text, "first difference: block0.k_rope"),
        "a wrong weight is found, and the first value that it touches is named");

    /* the same case under a name that says nothing, with the weights it should have */
    copy(dir, "dit_t2v.weights.safetensors", NULL);
    rename(in_folder("dit_t2v.a.vectors.safetensors"), in_folder("something.safetensors"));
    code = output_of("--precision fp32", folder, text, sizeof text);
    tap(code == 0 && strstr(text, "ok   something "), "a case is known by its tensors, not by its name");

    unlink(in_folder("dit_t2v.weights.safetensors"));
    code = output_of("--precision fp32", folder, text, sizeof text);
    tap(code == 1 && strstr(text, "dit_t2v.weights.safetensors"), "missing weights are a failure that names them");

    unlink(in_folder("something.safetensors"));
    st_build_init(&build);
    st_build_add(&build, "in.unheard_of", "F32", "[1]", "\0\0\0\0", 4);
    st_build_write(&build, "new.vectors.safetensors");
    code = output_of("", folder, text, sizeof text);
    tap(code == 0 && strstr(text, "skip new: ") && strstr(text, "0 passed, 0 failed, 1 skipped"),
        "a kind that is not known is skipped by name");

    st_build_init(&build);
    st_build_write(&build, "empty.vectors.safetensors");
    code = output_of("--only empty", folder, text, sizeof text);
    tap(code == 0 && strstr(text, "skip empty: "), "a file without tensors is skipped");

    unlink(in_folder("empty.vectors.safetensors"));
    unlink(in_folder("new.vectors.safetensors"));
    code = output_of("2>&1", folder, text, sizeof text);
    tap(code == 2 && strstr(text, "no case"), "a folder without cases is an error");
    code = output_of("--kernels mmx 2>&1", folder, text, sizeof text);
    tap(code == 2 && strstr(text, "mmx"), "an unknown kernel table is an error");
    folder_remove();
}

int main(void)
{
    char dir[PATH_MAX];
    const char *root = getenv("CONCH_TEST_ROOT");
    snprintf(dir, sizeof dir, "%s/tests/golden", root ? root : ".");
    cases_run("", dir, 68);
    if (kern_pick(kern_cpu_flags(), "avx2") != &kern_ref)
        cases_run("--kernels avx2", dir, 68);
    cases_run("--kernels ref --precision fp32", dir, 40);
    cases_run("--threads 1 --precision bf16 --only e2e_ti2v", dir, 4);
    damage_is_found(dir);
    printf("1..%zu\n", test_count);
    return failed_count > 0;
}
