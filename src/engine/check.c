#include "conch/check.h"

#include "base/base.h"
#include "engine/engine_state.h"
#include "engine/kernels/kern.h"
#include "engine/tensor/weights.h"

enum { PROBLEMS_MAX = 20 }; /* of one component; a file full of NaN need not be listed */

size_t conch_check_kernels(conch_kernel_info ret_kernels[CONCH_KERNELS_MAX])
{
    unsigned flags = kern_cpu_flags();
    size_t count = 0;
    for (; kern_tables[count] && count < CONCH_KERNELS_MAX; count++)
        ret_kernels[count] = (conch_kernel_info){
            .name = kern_tables[count]->name,
            .usable = (kern_tables[count]->needs & ~(unsigned)KERN_CPU_FAST_BF16 & ~flags) == 0,
        };
    return count;
}

struct check {
    int (*report)(void *context, const conch_weights_report *found);
    void *context;
    conch_weights_report found;
    size_t problem_count; /* of this component */
    conch_error first;
};

static int problem(struct check *check, const conch_error *err)
{
    check->problem_count++;
    if (check->first.code == 0)
        check->first = *err;
    check->found.problem = err;
    int stop = check->report(check->context, &check->found);
    check->found.problem = NULL;
    return stop ? CONCH_ERR_CANCELLED : 0;
}

static int tensors_check(struct check *check, const struct weights *weights)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < weights_count(weights) && check->problem_count < PROBLEMS_MAX; i++) {
        const struct st_tensor *tensor = weights_at(weights, i);
        struct weight_ref ref;
        conch_error err;
        int found = weights_get(weights, tensor->name, tensor->ndim, tensor->shape, &ref, &err);
        if (found == 0) {
            found = weights_check_finite(&ref, &err);
            weight_drop(&ref);
        }
        check->found.tensor_count++;
        check->found.bytes += tensor->bytes;
        if (found < 0)
            rc = problem(check, &err);
    }
    return rc;
}

static int component_check(struct check *check, const char *name, const struct component_files *files)
{
    struct weights *weights = NULL;
    conch_error err;
    check->found = (conch_weights_report){.component = name};
    check->problem_count = 0;
    if (weights_open(&weights, (const char *const *)files->paths, files->count, &err) < 0)
        return problem(check, &err);
    int rc = tensors_check(check, weights);
    if (rc == 0 && check->problem_count == 0 && check->report(check->context, &check->found) != 0)
        rc = CONCH_ERR_CANCELLED;
    weights_close(weights);
    return rc;
}

int conch_check_weights(const conch_model *model, int (*report)(void *context, const conch_weights_report *found),
                        void *context, conch_error *err)
{
    const struct manifest *m = &model->manifest;
    const struct {
        const char *name;
        const struct component_files *files;
    } components[] = {{"text_encoder", &m->text_files}, {"transformer", &m->dit_files}, {"vae", &m->vae_files}};
    struct check check = {.report = report, .context = context};
    for (size_t i = 0; i < ARRAY_LEN(components); i++)
        if (component_check(&check, components[i].name, components[i].files) < 0)
            return conch_error_set(err, CONCH_ERR_CANCELLED, "stopped");
    if (check.first.code)
        return conch_error_set(err, CONCH_ERR_FORMAT, "%s", check.first.text);
    return 0;
}
