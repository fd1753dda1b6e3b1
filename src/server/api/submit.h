/* One submit on its way: what each stage finds out, for the next. Stages, in order, each refuses or goes on:
 *   check      form of the fields, which model, what it can make (submit_check.c)
 *   words      sandbox words, safety hook (submit_safety.c)
 *   media      fetched, looked at, put away as blobs nobody names yet (submit_media.c)
 *   prompt     the optimizer, camera commands, notes (submit_prompt.c)
 *   price      what it costs in which purse (submit_price.c)
 *   callback   its address is asked (submit_callback.c)
 *   store      the transaction (submit_store.c)
 * Nothing before the last one leaves a trace but blobs, which submit_finish takes away again. */
#ifndef SERVER_API_SUBMIT_H
#define SERVER_API_SUBMIT_H

#include "server/api/api_state.h"
#include "server/api/purse.h"
#include "server/api/served.h"
#include "server/prompt/check.h"
#include "server/prompt/rehearse.h"

enum {
    SUBMIT_PRIORITY_MIN = 0,
    SUBMIT_STEPS_MAX = 1000,
    SUBMIT_GUIDANCE_MAX = 100,
    SUBMIT_METADATA_MAX = 16,
    SUBMIT_METADATA_KEY_MAX = 64,
    SUBMIT_METADATA_VALUE_MAX = 512,
    SUBMIT_URL_MAX = 2048,   /* of a callback */
    SUBMIT_INVISIBLE_MIN = 4 /* fewer hide nothing: an emoji has one or two */
};

struct submit_media {
    const struct api_media *ask;
    const char *field;      /* for refusals */
    struct store_file file; /* the row it will have; blob and facts are known */
    bool fresh;             /* its blob was made for this request */
    int32_t position;       /* within its role */
};

struct submit {
    struct api *api;
    const struct api_caller *caller;
    const struct api_submit *ask;
    struct api_once *once;
    struct api_problem *problem;
    int64_t now_ms;
    bool estimate; /* nothing is made: no media, no callback, no chat service */
    /* check */
    const char *task; /* "generation", "context" */
    struct served served;
    struct prompt_facts facts;
    struct catalog_resolved resolved;
    char resolution[24];             /* that width and height stand for */
    int seconds, width, height, fps; /* of what will be made */
    /* words */
    struct rehearsal rehearsal;
    struct buf prompt; /* as sent, without the sandbox's words */
    /* media */
    struct submit_media media[STORE_INPUTS_MAX];
    size_t media_count;
    /* prompt */
    struct buf used;       /* what the model is given */
    struct buf context;    /* the form of the hosted model, where that is another */
    json_t *notes;         /* array of strings */
    json_t *camera;        /* groups, or NULL */
    const char *optimizer; /* "local", "chat", "off" */
    /* money */
    int64_t list_microusd;
    char list_source[160];
    bool priced; /* it costs something; in none of the operator's purses when there are no offers */
    struct purse_offer offers[PURSES];
    size_t offer_count;
    /* store */
    struct api_job job;
    bool stored, replayed;
};

/* Each 0, or -1 with the problem filled. */
int submit_check(struct submit *submit);
int submit_words(struct submit *submit);
int submit_media(struct submit *submit);
int submit_prompt(struct submit *submit);
int submit_price(struct submit *submit);
int submit_callback(struct submit *submit);
int submit_store(struct submit *submit);

/* With the lengths of reference media, which are known only when they were looked at. */
int submit_resolve(struct submit *submit, int64_t video_ms, int64_t audio_ms);

/* A prompt of any origin against the policy that holds for the caller. */
int submit_policy(struct submit *submit, const char *text);

/* Adds a note for people; for want of memory it is left out. */
void submit_note(struct submit *submit, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
