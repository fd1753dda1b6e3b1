/* A word list from a stranger, up to the first line feed, and a prompt after it. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "server/prompt/check.h"
#include "server/prompt/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t list_size = end ? (size_t)(end - data) : size;
    json_t *json = json_loadb((const char *)data, list_size, JSON_REJECT_DUPLICATES, NULL);
    struct policy *policy = NULL;
    struct policy_match match = {0};
    conch_error err = {0};
    char *prompt = strndup(end ? (const char *)end + 1 : "", end ? size - list_size - 1 : 0);
    if (!prompt)
        abort();
    if (json && policy_read(&policy, json, "list", &err) < 0 && (policy || !err.text[0]))
        abort();
    if (policy && prompt_check(prompt, PROMPT_CHARS_MAX, "prompt", NULL, NULL) == 0) {
        int rc = policy_match(policy, prompt, &match, &err);
        if (rc == 1 && (!match.entry || !match.name))
            abort();
        if (rc < 0 && !err.text[0])
            abort();
    }
    free(prompt);
    policy_destroy(policy);
    json_decref(json);
    return 0;
}
