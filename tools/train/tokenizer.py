"""Word tokenizer in the Hugging Face "Unigram" layout.

The C engine reads `tokenizer.json`; this module writes that file and segments text in the same way, so that training
and generation see the same ids.  Segmentation is the Viterbi path with the greatest sum of scores.
"""
import json
import unicodedata

PAD, END, UNKNOWN = 0, 1, 2
SPACE = "\u2581"           # a word starts with this character, as in SentencePiece
PIECE_SCORE = -2.0         # one score for all pieces: the fewest pieces win, so whole words beat word + suffix
UNKNOWN_PENALTY = 10.0     # an unknown character scores (least score of all pieces) - UNKNOWN_PENALTY


def tokenizer_json(pieces):
    """The content of tokenizer.json for `pieces`, whose ids start at 3."""
    specials = ["<pad>", "</s>", "<unk>"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    end = {"id": "</s>", "ids": [END], "tokens": ["</s>"]}
    metaspace = {"type": "Metaspace", "replacement": SPACE, "add_prefix_space": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": text, **flags} for i, text in enumerate(specials)],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "special_tokens": {"</s>": end},
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": UNKNOWN,
            "vocab": [[text, 0.0] for text in specials] + [[piece, PIECE_SCORE] for piece in pieces],
        },
    }


class Tokenizer:
    """Text to a fixed number of ids, from a tokenizer.json."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            vocab = json.load(file)["model"]["vocab"]
        self.size = len(vocab)
        self.pieces = {piece: (i, score) for i, (piece, score) in enumerate(vocab) if i > UNKNOWN}
        self.longest = max(len(piece) for piece in self.pieces)
        self.unknown_score = min(score for _, score in self.pieces.values()) - UNKNOWN_PENALTY

    def ids(self, text):
        """The ids of `text` without the end token."""
        words = unicodedata.normalize("NFKC", text).lower().split()
        return self._viterbi("".join(SPACE + word for word in words))

    def padded(self, text, slots):
        """Exactly `slots` ids: text, end token, padding."""
        ids = self.ids(text)[:slots - 1] + [END]
        return ids + [PAD] * (slots - len(ids))

    def _viterbi(self, text):
        best = [(0.0, 0, None)] + [None] * len(text)     # at each end: (score, start, id) of the best last piece
        for start in range(len(text)):
            base = best[start][0]
            single = False
            for end in range(start + 1, min(len(text), start + self.longest) + 1):
                found = self.pieces.get(text[start:end])
                if found is None:
                    continue
                single = single or end == start + 1
                if best[end] is None or base + found[1] > best[end][0]:
                    best[end] = (base + found[1], start, found[0])
            if not single and (best[start + 1] is None or base + self.unknown_score > best[start + 1][0]):
                best[start + 1] = (base + self.unknown_score, start, UNKNOWN)
        ids, end = [], len(text)
        while end > 0:
            _, end, piece = best[end]
            if not (piece == UNKNOWN and ids and ids[-1] == UNKNOWN):   # a run of unknown characters is one <unk>
                ids.append(piece)
        return ids[::-1]
