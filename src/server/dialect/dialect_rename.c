#include "server/dialect/dialect_rename.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

void dialect_rename(struct api_problem *problem, const struct dialect_name *names)
{
    for (; names->ours; names++) {
        const size_t size = strlen(names->ours);
        if (strcmp(problem->field, names->ours) != 0)
            continue;
        snprintf(problem->field, sizeof problem->field, "%s", names->theirs);
        if (text_begins(problem->text, names->ours) && (problem->text[size] == ' ' || problem->text[size] == ':')) {
            char text[sizeof problem->text];
            const size_t room = sizeof text - 1 - strlen(names->theirs);
            const size_t kept = text_utf8_cut(problem->text + size, strlen(problem->text + size), room);
            snprintf(text, sizeof text, "%s%.*s", names->theirs, (int)kept, problem->text + size);
            memcpy(problem->text, text, sizeof text);
        }
        return;
    }
}
