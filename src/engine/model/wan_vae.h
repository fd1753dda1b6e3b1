/* The causal video VAEs of Wan 2.1 (8x8 pixels a latent) and Wan 2.2 TI2V (16x16), encode and decode, streaming.
 *
 * A clip passes frame by frame: every causal convolution keeps its last two input frames, so memory does not grow with
 * the length of the clip. Latents are in normalised units, (mean - latent_mean) / latent_std of the encoder's mean. */
#ifndef MODEL_WAN_VAE_H
#define MODEL_WAN_VAE_H

#include "engine/tensor/compute.h"
#include "engine/tensor/probe.h"
#include "engine/tensor/weights.h"

enum wan_vae_kind { WAN_VAE_21, WAN_VAE_22 };
enum { WAN_VAE_LEVELS = 4, WAN_VAE_Z_MAX = 128 };

struct wan_vae_config {
    enum wan_vae_kind kind;
    size_t dim, dec_dim; /* base widths of encoder and decoder; equal in WAN_VAE_21 */
    size_t z;            /* latent channels */
    size_t dim_mult[WAN_VAE_LEVELS];
    size_t res_blocks;                      /* residual blocks a level (the decoder has one more) */
    bool temporal_down[WAN_VAE_LEVELS - 1]; /* encoder levels that also halve time */
    float latent_mean[WAN_VAE_Z_MAX], latent_std[WAN_VAE_Z_MAX];
};

/* Pixels a latent value covers in each direction (8 or 16), and frames after the first (4 with two temporal levels). */
size_t wan_vae_stride(const struct wan_vae_config *config);
size_t wan_vae_time_stride(const struct wan_vae_config *config);

/* Peak bytes of a decoder (encoder) for frames of this size, weights included. */
size_t wan_vae_decoder_bytes(const struct wan_vae_config *config, size_t latent_height, size_t latent_width,
                             enum precision precision);
size_t wan_vae_encoder_bytes(const struct wan_vae_config *config, size_t height, size_t width,
                             enum precision precision);

/* Floating-point work of decoding one latent frame after the first, in 10^9. */
double wan_vae_decode_gflop(const struct wan_vae_config *config, size_t latent_height, size_t latent_width);

/* Receives results in time order; a non-zero return stops the call with CONCH_ERR_CANCELLED.
 * Decoder: pixels [height][width][3], about -1..1, not clamped. Encoder: latent frame [z][latent_height][latent_width].
 */
typedef int wan_vae_sink(void *context, const float *frame);

struct wan_vae_decoder;
int wan_vae_decoder_create(struct wan_vae_decoder **ret, const struct compute *compute, const struct weights *weights,
                           const struct wan_vae_config *config, enum precision precision, size_t latent_height,
                           size_t latent_width, conch_error *err);
void wan_vae_decoder_destroy(struct wan_vae_decoder *decoder);
/* Forgets the clip: the next frame is a first frame. */
void wan_vae_decoder_reset(struct wan_vae_decoder *decoder);
/* latent: [z][latent_height][latent_width] of the next latent frame, plane_stride floats from one channel to the next
 * (frames * height * width inside a [z][frames][height][width] tensor). Gives 1 frame for the first, 4 for each later.
 */
int wan_vae_decode(struct wan_vae_decoder *decoder, const float *latent, size_t plane_stride, wan_vae_sink *sink,
                   void *sink_context, const struct probe *probe, conch_error *err);

struct wan_vae_encoder;
int wan_vae_encoder_create(struct wan_vae_encoder **ret, const struct compute *compute, const struct weights *weights,
                           const struct wan_vae_config *config, enum precision precision, size_t height, size_t width,
                           conch_error *err);
void wan_vae_encoder_destroy(struct wan_vae_encoder *encoder);
void wan_vae_encoder_reset(struct wan_vae_encoder *encoder);
/* pixels [height][width][3], -1..1, of the next frame. The sink is called for frames 0, 4, 8, ... */
int wan_vae_encode(struct wan_vae_encoder *encoder, const float *pixels, wan_vae_sink *sink, void *sink_context,
                   const struct probe *probe, conch_error *err);

#endif
