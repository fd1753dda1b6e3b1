/* Connected regions of a binary picture (4 neighbours): flood fill with an explicit stack. */
#include <stdint.h>
#include <stdlib.h>

/* Labels `mask` [height][width] with 1, 2, ... in `labels`; returns the number of regions. */
int label_components(const uint8_t *mask, int height, int width, int32_t *labels)
{
    int count = 0, *stack = malloc(sizeof *stack * height * width);
    if (!stack)
        return -1;
    for (int i = 0; i < height * width; i++)
        labels[i] = 0;
    for (int i = 0; i < height * width; i++) {
        if (!mask[i] || labels[i])
            continue;
        int top = 0;
        stack[top++] = i;
        labels[i] = ++count;
        while (top > 0) {
            int at = stack[--top], x = at % width;
            int next[4] = {x > 0 ? at - 1 : at, x < width - 1 ? at + 1 : at, at >= width ? at - width : at,
                           at < width * (height - 1) ? at + width : at};
            for (int k = 0; k < 4; k++)
                if (mask[next[k]] && !labels[next[k]]) {
                    labels[next[k]] = count;
                    stack[top++] = next[k];
                }
        }
    }
    free(stack);
    return count;
}
