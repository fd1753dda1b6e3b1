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
