/* The named limits of src/engine/text: whoever passes one gets CONCH_ERR_LIMIT with the number. */
#ifndef ENGINE_TEXT_LIMITS_H
#define ENGINE_TEXT_LIMITS_H

#define PROMPT_BYTES_MAX (64u << 10) /* a prompt as the user typed it, UTF-8 */
#define NORMALIZED_BYTES_MAX                                                                                           \
    (1u << 20) /* the same after clean-up and normalisation: NFKC grows a character up to 11 times */
#define MODEL_BYTES_MAX        (64u << 20) /* a .model or tokenizer.json; that of UMT5 has 17 MB */
#define PIECES_MAX             1000000u    /* pieces of a vocabulary; UMT5 has 256,000 */
#define PIECE_BYTES_MAX        512u        /* one piece; SentencePiece trains at most 16 characters */
#define CHARSMAP_KEY_BYTES_MAX 64u         /* bytes that one entry of a character map may match */
#define TEXT_RULES_MAX         32u         /* normalisation and splitting steps of one tokenizer */

#endif
