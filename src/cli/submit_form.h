/* What `conch submit` is given, and the form that is made of it. */
#ifndef CLI_SUBMIT_FORM_H
#define CLI_SUBMIT_FORM_H

#include "cli/client.h"
#include "cli/form.h"

struct submit_settings {
    struct client_settings client;
    const char *model, *first_frame, *last_frame, *resolution, *ratio, *negative, *callback, *once, *output;
    struct option_list references, subjects, metadata;
    struct option_size size;
    struct option_seed seed;
    int seconds, steps, priority, patience_s;
    double guidance;
    bool no_optimizer, watermark, estimate, wait, cancel_on_interrupt, json, quiet;
};

extern const struct option submit_options[];

/* Adds every field; prompt may be NULL. form is to be finished whatever comes back. CONCH_ERR_RANGE for a value that is
 * not allowed, errors of form_file. */
int submit_form_make(struct form *form, const struct submit_settings *settings, const char *prompt, conch_error *err);

#endif
