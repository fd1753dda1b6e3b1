#include "engine/model/wan_vae.h"

size_t wan_vae_stride(const struct wan_vae_config *config)
{
    return ((size_t)1 << (WAN_VAE_LEVELS - 1)) * (config->kind == WAN_VAE_22 ? 2 : 1);
}

size_t wan_vae_time_stride(const struct wan_vae_config *config)
{
    size_t stride = 1;
    for (size_t i = 0; i < WAN_VAE_LEVELS - 1; i++)
        stride *= config->temporal_down[i] ? 2 : 1;
    return stride;
}

/* Products of a level's residual blocks for one position: two 3x3x3 convolutions each, the first from `in`. */
static double blocks_flop(size_t in, size_t out, size_t count)
{
    return 2.0 * 27 * ((double)in * (double)out + (2.0 * (double)count - 1) * (double)out * (double)out);
}

double wan_vae_decode_gflop(const struct wan_vae_config *c, size_t latent_height, size_t latent_width)
{
    double pixels = (double)latent_height * (double)latent_width, frames = 1;
    size_t in = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1];
    double flop = pixels * (blocks_flop(c->z, in, 1) / 2 + 2 * blocks_flop(in, in, 1) +
                            2.0 * 4 * (double)in * (double)in + 4 * pixels * (double)in);
    for (size_t i = 0; i < WAN_VAE_LEVELS; i++) {
        size_t out = c->dec_dim * c->dim_mult[WAN_VAE_LEVELS - 1 - i];
        bool up = i + 1 < WAN_VAE_LEVELS, up_time = up && c->temporal_down[WAN_VAE_LEVELS - 2 - i];
        size_t up_out = c->kind == WAN_VAE_22 ? out : out / 2;
        flop += frames * pixels * blocks_flop(in, out, c->res_blocks + 1);
        if (up_time) {
            flop += frames * pixels * 2 * 3 * (double)out * 2 * (double)out;
            frames *= 2;
        }
        if (up) {
            flop += frames * pixels * 4 * 2 * 4 * (double)out * (double)up_out; /* four 2x2 kernels */
            pixels *= 4;
        } else {
            flop += frames * pixels * 2 * 27 * (double)out * (c->kind == WAN_VAE_22 ? 12 : 3);
        }
        in = up_out;
    }
    return flop * 1e-9;
}
