#include "engine/tensor/weights_names.h"

#include <assert.h>
#include <string.h>

/* A pattern is the text of a name in which # stands for a number and a final ~ for the rest. In the other name the
 * numbers appear in the same order (numbers left over are dropped) and ~ is the rest, translated by `rest` if given:
 * then a row applies only when a row of that table does. */
struct name_row {
    const char *official;
    const char *other[WEIGHTS_PARTS_MAX]; /* more than one: the parts that official joins */
    const struct name_row *rest;
    unsigned flags;
};

/* --- transformer: diffusers WanTransformer3DModel and WanVACETransformer3DModel --- */

static const struct name_row rows_attention[] = {
    {"q.~", {"to_q.~"}},
    {"k.~", {"to_k.~"}},
    {"v.~", {"to_v.~"}},
    {"o.~", {"to_out.0.~"}},
    {"norm_q.~", {"norm_q.~"}},
    {"norm_k.~", {"norm_k.~"}},
    {"k_img.~", {"add_k_proj.~"}},
    {"v_img.~", {"add_v_proj.~"}},
    {"norm_k_img.~", {"norm_added_k.~"}},
    {0},
};

static const struct name_row rows_block[] = {
    {"modulation", {"scale_shift_table"}},
    {"self_attn.~", {"attn1.~"}, rows_attention},
    {"cross_attn.~", {"attn2.~"}, rows_attention},
    {"norm3.~", {"norm2.~"}}, /* numbered in the order of use there; the one with parameters is the same */
    {"ffn.0.~", {"ffn.net.0.proj.~"}},
    {"ffn.2.~", {"ffn.net.2.~"}},
    {"before_proj.~", {"proj_in.~"}},
    {"after_proj.~", {"proj_out.~"}},
    {0},
};

/* --- video VAE: diffusers AutoencoderKLWan --- */

static const struct name_row rows_residual[] = {
    {"residual.0.~", {"norm1.~"}}, {"residual.2.~", {"conv1.~"}},       {"residual.3.~", {"norm2.~"}},
    {"residual.6.~", {"conv2.~"}}, {"shortcut.~", {"conv_shortcut.~"}}, {0},
};

static const struct name_row rows_resample[] = {
    {"resample.1.~", {"resample.1.~"}},
    {"time_conv.~", {"time_conv.~"}},
    {0},
};

/* --- text encoder: transformers UMT5EncoderModel --- */

static const struct name_row rows_t5_block[] = {
    {"norm1.~", {"layer.0.layer_norm.~"}},
    {"attn.q.~", {"layer.0.SelfAttention.q.~"}},
    {"attn.k.~", {"layer.0.SelfAttention.k.~"}},
    {"attn.v.~", {"layer.0.SelfAttention.v.~"}},
    {"attn.o.~", {"layer.0.SelfAttention.o.~"}},
    {"pos_embedding.embedding.~", {"layer.0.SelfAttention.relative_attention_bias.~"}},
    {"norm2.~", {"layer.1.layer_norm.~"}},
    {"ffn.gate.0.~", {"layer.1.DenseReluDense.wi_0.~"}},
    {"ffn.fc1.~", {"layer.1.DenseReluDense.wi_1.~"}},
    {"ffn.fc2.~", {"layer.1.DenseReluDense.wo.~"}},
    {0},
};

/* --- image encoder: transformers CLIPVisionModel --- */

static const struct name_row rows_clip_layer[] = {
    {"norm1.~", {"layer_norm1.~"}},
    {"attn.to_qkv.~", {"self_attn.q_proj.~", "self_attn.k_proj.~", "self_attn.v_proj.~"}},
    {"attn.proj.~", {"self_attn.out_proj.~"}},
    {"norm2.~", {"layer_norm2.~"}},
    {"mlp.0.~", {"mlp.fc1.~"}},
    {"mlp.2.~", {"mlp.fc2.~"}},
    {0},
};

static const struct name_row rows_all[] = {
    /* transformer */
    {"time_embedding.0.~", {"condition_embedder.time_embedder.linear_1.~"}},
    {"time_embedding.2.~", {"condition_embedder.time_embedder.linear_2.~"}},
    {"time_projection.1.~", {"condition_embedder.time_proj.~"}},
    {"text_embedding.0.~", {"condition_embedder.text_embedder.linear_1.~"}},
    {"text_embedding.2.~", {"condition_embedder.text_embedder.linear_2.~"}},
    {"img_emb.proj.0.~", {"condition_embedder.image_embedder.norm1.~"}},
    {"img_emb.proj.1.~", {"condition_embedder.image_embedder.ff.net.0.proj.~"}},
    {"img_emb.proj.3.~", {"condition_embedder.image_embedder.ff.net.2.~"}},
    {"img_emb.proj.4.~", {"condition_embedder.image_embedder.norm2.~"}},
    {"img_emb.emb_pos", {"condition_embedder.image_embedder.pos_embed"}},
    {"blocks.#.~", {"blocks.#.~"}, rows_block},
    {"vace_blocks.#.~", {"vace_blocks.#.~"}, rows_block},
    {"head.modulation", {"scale_shift_table"}},
    {"head.head.~", {"proj_out.~"}},

    /* video VAE, both generations */
    {"conv1.~", {"quant_conv.~"}},
    {"conv2.~", {"post_quant_conv.~"}},
    {"encoder.conv1.~", {"encoder.conv_in.~"}},
    {"encoder.middle.0.~", {"encoder.mid_block.resnets.0.~"}, rows_residual},
    {"encoder.middle.1.~", {"encoder.mid_block.attentions.0.~"}},
    {"encoder.middle.2.~", {"encoder.mid_block.resnets.1.~"}, rows_residual},
    {"encoder.head.0.~", {"encoder.norm_out.~"}},
    {"encoder.head.2.~", {"encoder.conv_out.~"}},
    {"decoder.conv1.~", {"decoder.conv_in.~"}},
    {"decoder.middle.0.~", {"decoder.mid_block.resnets.0.~"}, rows_residual},
    {"decoder.middle.1.~", {"decoder.mid_block.attentions.0.~"}},
    {"decoder.middle.2.~", {"decoder.mid_block.resnets.1.~"}, rows_residual},
    {"decoder.head.0.~", {"decoder.norm_out.~"}},
    {"decoder.head.2.~", {"decoder.conv_out.~"}},

    /* VAE 2.1: a flat list of stages in the encoder, groups of three and an upsampler in the decoder */
    {"encoder.downsamples.#.~", {"encoder.down_blocks.#.~"}, rows_residual},
    {"encoder.downsamples.#.~", {"encoder.down_blocks.#.~"}, rows_resample},
    {"decoder.upsamples.0.~", {"decoder.up_blocks.0.resnets.0.~"}, rows_residual},
    {"decoder.upsamples.1.~", {"decoder.up_blocks.0.resnets.1.~"}, rows_residual},
    {"decoder.upsamples.2.~", {"decoder.up_blocks.0.resnets.2.~"}, rows_residual},
    {"decoder.upsamples.3.~", {"decoder.up_blocks.0.upsamplers.0.~"}, rows_resample},
    {"decoder.upsamples.4.~", {"decoder.up_blocks.1.resnets.0.~"}, rows_residual},
    {"decoder.upsamples.5.~", {"decoder.up_blocks.1.resnets.1.~"}, rows_residual},
    {"decoder.upsamples.6.~", {"decoder.up_blocks.1.resnets.2.~"}, rows_residual},
    {"decoder.upsamples.7.~", {"decoder.up_blocks.1.upsamplers.0.~"}, rows_resample},
    {"decoder.upsamples.8.~", {"decoder.up_blocks.2.resnets.0.~"}, rows_residual},
    {"decoder.upsamples.9.~", {"decoder.up_blocks.2.resnets.1.~"}, rows_residual},
    {"decoder.upsamples.10.~", {"decoder.up_blocks.2.resnets.2.~"}, rows_residual},
    {"decoder.upsamples.11.~", {"decoder.up_blocks.2.upsamplers.0.~"}, rows_resample},
    {"decoder.upsamples.12.~", {"decoder.up_blocks.3.resnets.0.~"}, rows_residual},
    {"decoder.upsamples.13.~", {"decoder.up_blocks.3.resnets.1.~"}, rows_residual},
    {"decoder.upsamples.14.~", {"decoder.up_blocks.3.resnets.2.~"}, rows_residual},

    /* VAE 2.2: nested in both; the last of a group loses its number */
    {"encoder.downsamples.#.downsamples.#.~", {"encoder.down_blocks.#.resnets.#.~"}, rows_residual},
    {"encoder.downsamples.#.downsamples.#.~", {"encoder.down_blocks.#.downsampler.~"}, rows_resample},
    {"decoder.upsamples.#.upsamples.#.~", {"decoder.up_blocks.#.resnets.#.~"}, rows_residual},
    {"decoder.upsamples.#.upsamples.#.~", {"decoder.up_blocks.#.upsampler.~"}, rows_resample},

    /* text encoder */
    {"token_embedding.~", {"shared.~"}},
    {"token_embedding.~", {"encoder.embed_tokens.~"}}, /* some files hold the shared table under this name only */
    {"blocks.#.~", {"encoder.block.#.~"}, rows_t5_block},
    {"norm.~", {"encoder.final_layer_norm.~"}},

    /* image encoder */
    {"visual.cls_embedding", {"vision_model.embeddings.class_embedding"}, NULL, WEIGHTS_RESHAPED},
    {"visual.pos_embedding", {"vision_model.embeddings.position_embedding.weight"}, NULL, WEIGHTS_RESHAPED},
    {"visual.patch_embedding.~", {"vision_model.embeddings.patch_embedding.~"}},
    {"visual.pre_norm.~", {"vision_model.pre_layrnorm.~"}}, /* spelt so there */
    {"visual.transformer.#.~", {"vision_model.encoder.layers.#.~"}, rows_clip_layer},
    {"visual.post_norm.~", {"vision_model.post_layernorm.~"}},
    {"visual.head", {"visual_projection.weight"}, NULL, WEIGHTS_TRANSPOSED},
    {0},
};

const char *const weights_prefixes[] = {"", "model.diffusion_model.", "diffusion_model.", NULL};

#define NUMBERS_MAX 2

/* The pieces of a name that a pattern left open; they point into the name. */
struct match {
    const char *number[NUMBERS_MAX];
    size_t digits[NUMBERS_MAX];
    int number_count;
    const char *rest; /* "" when the pattern has no ~ */
};

static bool pattern_match(const char *pattern, const char *name, struct match *ret)
{
    struct match match = {.rest = ""};
    for (; *pattern; pattern++) {
        if (*pattern == '~') {
            match.rest = name;
            *ret = match;
            return *name != 0;
        }
        if (*pattern == '#') {
            size_t digits = strspn(name, "0123456789");
            if (digits == 0)
                return false;
            assert(match.number_count < NUMBERS_MAX);
            match.number[match.number_count] = name;
            match.digits[match.number_count++] = digits;
            name += digits;
        } else if (*pattern == *name) {
            name++;
        } else {
            return false;
        }
    }
    *ret = match;
    return *name == 0;
}

static bool text_put(char *text, size_t *used, const char *from, size_t size)
{
    if (size >= WEIGHTS_NAME_BYTES - *used)
        return false;
    memcpy(text + *used, from, size);
    *used += size;
    text[*used] = 0;
    return true;
}

/* Writes pattern with the open pieces filled in; false when it gets too long. */
static bool pattern_fill(char text[WEIGHTS_NAME_BYTES], const char *pattern, const struct match *match,
                         const char *rest)
{
    size_t used = 0;
    bool fits = true;
    int number = 0;
    text[0] = 0;
    for (; *pattern && fits; pattern++) {
        if (*pattern == '~') {
            fits = text_put(text, &used, rest, strlen(rest));
        } else if (*pattern == '#') {
            assert(number < match->number_count);
            fits = text_put(text, &used, match->number[number], match->digits[number]);
            number++;
        } else {
            fits = text_put(text, &used, pattern, 1);
        }
    }
    return fits;
}

static bool row_fill(const struct name_row *row, const struct match *match, const char *rest, struct weights_name *ret)
{
    ret->part_count = 0;
    ret->flags = row->flags;
    while (ret->part_count < WEIGHTS_PARTS_MAX && row->other[ret->part_count]) {
        if (!pattern_fill(ret->part[ret->part_count], row->other[ret->part_count], match, rest))
            return false;
        ret->part_count++;
    }
    return true;
}

/* Translates the rest with the nested table first, then puts the outer name around each of its parts. */
static bool row_translate(const struct name_row *row, const char *official, struct weights_name *ret)
{
    struct match match;
    if (!pattern_match(row->official, official, &match))
        return false;
    if (!row->rest)
        return row_fill(row, &match, match.rest, ret);
    for (const struct name_row *inner = row->rest; inner->official; inner++) {
        struct weights_name rest;
        if (!row_translate(inner, match.rest, &rest))
            continue;
        ret->part_count = rest.part_count;
        ret->flags = row->flags | rest.flags;
        for (int i = 0; i < rest.part_count; i++)
            if (!pattern_fill(ret->part[i], row->other[0], &match, rest.part[i]))
                return false;
        return true;
    }
    return false;
}

size_t weights_names(const char *official, struct weights_name ret[WEIGHTS_OTHERS_MAX])
{
    size_t count = 0;
    for (const struct name_row *row = rows_all; row->official && count < WEIGHTS_OTHERS_MAX; row++)
        count += row_translate(row, official, &ret[count]);
    return count;
}
