/* What places and things sound like: one sentence each, by the value that scene_words.c gives its rows. */
#ifndef SERVER_PROMPT_SOUNDS_H
#define SERVER_PROMPT_SOUNDS_H

enum scene_sound {
    SOUND_SEA,
    SOUND_RIVER,
    SOUND_RAIN,
    SOUND_THUNDER,
    SOUND_WIND,
    SOUND_SNOW,
    SOUND_FOREST,
    SOUND_DESERT,
    SOUND_CITY,
    SOUND_ROAD,
    SOUND_CAFE,
    SOUND_KITCHEN,
    SOUND_OFFICE,
    SOUND_ROOM,
    SOUND_CROWD,
    SOUND_FIRE,
    SOUND_STEPS,
    SOUND_CAR,
    SOUND_TRAIN,
    SOUND_PLANE,
    SOUND_BOAT,
    SOUND_DOG,
    SOUND_CAT,
    SOUND_BIRD,
    SOUND_HORSE,
    SOUND_INSECTS,
    SOUND_BALL,
    SOUND_INSTRUMENT,
    SOUND_CLOCK,
    SOUND_SPACE,
    SOUND_EXPLOSION,
    SOUND_LAUGH,
    SCENE_SOUNDS
};

/* "Waves roll in and wash back". */
const char *sound_words(enum scene_sound sound);

/* What is heard when nothing is named, outside and inside. */
const char *sound_words_of_place(int inside);

#endif
