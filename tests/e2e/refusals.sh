#!/bin/sh
# What cannot be done is refused: with its exit code, one clear line, and nothing left behind.
. "$(dirname "$0")/common"
go="generate ball --model $model --steps 1 -o clean/x.mp4"

copy_model() { # a model folder of our own to damage
    rm -rf bad
    cp -r "$model" bad
}
edit() { # PYTHON: edits the manifest m (dict) or the file open_st(NAME) of the copy
    copy_model
    python3 - "$1" <<'P'
import json, struct, sys
m = json.load(open("bad/conch.json"))
def tensors(name, change):
    data = open("bad/" + name, "rb").read()
    n, = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + n]), bytearray(data[8 + n:])
    header, body = change(header, body) or (header, body)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    open("bad/" + name, "wb").write(struct.pack("<Q", len(text)) + text + bytes(body))
exec(sys.argv[1])
json.dump(m, open("bad/conch.json", "w"))
P
}
bad="generate ball --model bad --steps 1 -o clean/x.mp4"

# ---- what was typed
say "no prompt" refuses 2 "no prompt" generate --model "$model"
say "an empty prompt" refuses 2 "prompt" generate "" --model "$model" -o clean/x.mp4
say "a prompt of blanks" refuses 2 "prompt" generate "   " --model "$model" -o clean/x.mp4
say "a prompt that is not UTF-8 names the byte" refuses 2 "byte" generate "$(printf 'ball \377')" --model "$model" -o clean/x.mp4
say "a prompt without quotes" refuses 2 "quotes" generate red ball --model "$model" -o clean/x.mp4
say "an unknown option suggests the nearest" refuses 2 "--steps" $go --stpes 3
say "an unknown command suggests the nearest" refuses 2 "generate" genrate ball
say "an unknown size lists the sizes" refuses 2 "${width}x$height" $go --size 832x480
say "an unknown length lists the seconds" refuses 2 "$seconds" $go --seconds 9
say "an unknown number of frames lists them" refuses 2 "$frames" $go --frames 16
say "an unknown sampler lists them" refuses 2 "unipc" $go --sampler magic
say "steps out of range" refuses 2 "1 to 1000" $go --steps 0
say "guidance out of range" refuses 2 "100" $go --guidance 101
say "a seed that is no number" refuses 2 "--seed" $go --seed x
say "threads out of range" refuses 2 "256" $go --threads 1000
say "an unknown precision" refuses 2 "bf16, f32" $go --precision f16
say "a last frame alone" refuses 2 "--first-frame" $go --last-frame "$data/rgb.jpg"
CONCH_CPU=fast say "unknown kernels in CONCH_CPU are listed" refuses 2 "avx2" $go

# ---- models
say "an unknown model lists what there is" refuses 3 "tiny" generate ball --model giant -o clean/x.mp4
say "a folder that is no model" refuses 3 "conch.json" generate ball --model "$data" -o clean/x.mp4
copy_model && head -c 100000 "$model/transformer.safetensors" >bad/transformer.safetensors
say "truncated weights" refuses 4 "transformer.safetensors" $bad
copy_model && rm bad/vae.safetensors
say "a missing file of weights" refuses 3 "vae.safetensors" $bad
edit 'm["components"]["transformer"]["files"] = ["t.index.json"]
json.dump({"weight_map": {"a": "shard-1.safetensors"}}, open("bad/t.index.json", "w"))'
say "a missing shard is named" refuses 3 "shard-1.safetensors" $bad
edit 'def swap(header, body):
    for name, t in header.items():
        if name != "__metadata__" and len(t["shape"]) == 2 and t["shape"][0] != t["shape"][1]:
            t["shape"].reverse()
tensors("transformer.safetensors", swap)'
say "weights of another shape name the tensor" refuses 4 "shape" $bad
edit 'tensors("transformer.safetensors", lambda h, b: ({k: v for k, v in h.items() if "blocks.3" not in k}, b))'
say "holes in the weights" refuses 4 "transformer.safetensors" $bad
copy_model && echo '{"format": 1,' >bad/conch.json
say "a damaged manifest names line and column" refuses 4 "line" $bad
edit 'm["family"] = "other"'
say "an unknown family" refuses 9 "other" $bad
edit 'm["components"]["transformer"]["heads"] = 7'
say "a manifest that does not fit together names the field" refuses 4 "heads" $bad
edit 'm["capabilities"]["modes"] = ["text"]'
say "a mode that the model lacks" refuses 9 "first" $bad --first-frame "$data/rgb.jpg"
copy_model && head -c 500 "$model/tokenizer.json" >bad/tokenizer.json
say "a damaged tokenizer" refuses 4 "tokenizer.json" $bad
edit 'def nan(header, body):
    t = header["patch_embedding.weight"]
    at = t["data_offsets"][0]
    body[at:at + 4] = b"\xff\xff\xff\xff"
tensors("transformer.safetensors", nan)'
say "values that are not finite are found by doctor --weights" gives 4 doctor --weights bad
say "doctor --weights names the tensor" grep -q 'patch_embedding.weight' out.txt

# ---- pictures
echo "not a picture" >text.png
head -c 60 "$data/rgb.jpg" >cut.jpg
python3 - <<'P'
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
open("bomb.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)) +
                             chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b""))
P
say "a picture that is not there" refuses 3 "nowhere.png" $go --first-frame nowhere.png
say "a file that is no picture" refuses 5 "text.png" $go --first-frame text.png
say "a picture cut off" refuses 5 "cut.jpg" $go --first-frame cut.jpg
say "a picture that would fill the memory" refuses 10 "60000" $go --first-frame bomb.png
say "a folder as picture" refuses 8 "$data" $go --first-frame "$data"
CONCH_MEDIA=/nonexistent say "the helper program is missing" refuses 3 "CONCH_MEDIA" $go --first-frame "$data/rgb.jpg"

# ---- memory, disk, places
say "too little memory says both numbers" refuses 6 "and 2 MB may be used" $go --memory 2M
say "an output folder that is not there" refuses 3 "nowhere" generate ball --model "$model" --steps 1 -o nowhere/x.mp4
say "an output that is a folder" refuses 8 "folder" generate ball --model "$model" --steps 1 -o clean
say "an output folder that cannot be written" refuses 8 "/proc" generate ball --model "$model" --steps 1 -o /proc/x.mp4
say "a preview that cannot be written" refuses 8 "--preview" $go --preview /proc/x.png
say "a latent that cannot be written" refuses 8 "--latent" $go --latent /proc/x
say "a frames folder that cannot be made" refuses 8 "--frames-dir" generate ball --model "$model" --steps 1 --frames-dir /proc/x
say "a name that is too long" refuses 8 "too long" generate ball --model "$model" --steps 1 -o "clean/$(printf '%0250d' 0).mp4"
mkdir -p disk
if mount -t tmpfs -o size=8k tmpfs disk 2>/dev/null; then
    say "a full disk while the clip is written" refuses 7 "No space" generate ball --model "$model" --steps 1 -o disk/x.mp4
    say "a full disk leaves nothing there" test -z "$(ls -A disk)"
    say "a full disk while the latent is saved" refuses 7 "No space" $go --latent disk/x.latent
    say "a full disk while frames are written" refuses 7 "No space" generate ball --model "$model" --steps 1 --frames-dir disk/f
    say "a full disk leaves no frames" test -z "$(ls -A disk)"
    mount -o remount,ro disk && say "a read-only disk" refuses 8 "Read-only" generate ball --model "$model" --steps 1 -o disk/x.mp4
    umount disk
else
    skip "a full disk" "mounting a small one is not allowed here"
fi
limited() { # a file size limit ends as an error, not as a crash
    rm -rf clean && mkdir clean
    (ulimit -f 4 && "$conch" $go --latent clean/x.latent >out.txt 2>err.txt)
    code=$?
    [ "$code" -eq 8 ] && [ -z "$(ls -A clean)" ]
}
say "a limit on file sizes" limited

# ---- saved latents
"$conch" generate ball --model "$model" --steps 1 --seed 1 -q --latent good.latent -o good.mp4
head -c 3000 good.latent >cut.latent
python3 - <<'P'
data = bytearray(open("good.latent", "rb").read())
data[len(data) // 2] ^= 255
open("flipped.latent", "wb").write(data)
P
edit 'm["name"] = "test/other"'
say "a latent cut off" refuses 4 "cut.latent" generate --decode cut.latent -o clean/x.mp4
say "a file that is no latent" refuses 4 "text.png" generate --decode text.png -o clean/x.mp4
say "a latent that is not there" refuses 3 "none.latent" generate --decode none.latent -o clean/x.mp4
say "a latent of another model" refuses 2 "conch/tiny" generate --decode good.latent --model bad -o clean/x.mp4
say "a latent and a prompt" refuses 2 "--decode" generate ball --decode good.latent -o clean/x.mp4
end
