#!/bin/sh
# A clip from a sentence and from pictures, with the model that ships: what comes out, and that it comes out the same.
. "$(dirname "$0")/common"
fast="--model $model --steps 2 --seed 7"
prompt="a red ball drops and bounces on a wooden floor at sunset"

# shellcheck disable=SC2086
clip() {
    gives 0 generate "$prompt" $fast -o clip.mp4 && [ -s clip.mp4 ]
}
probe() { ffprobe -v error -show_entries "$1" -of default=nw=1:nk=1 "$2"; }
facts() {
    [ "$(probe stream=codec_name,width,height,pix_fmt,r_frame_rate,nb_frames clip.mp4 | tr '\n' ' ')" = \
        "h264 $width $height yuv420p $fps/1 $frames " ]
}
tags() {
    [ "$(probe format_tags=title clip.mp4)" = "$prompt" ] &&
        probe format_tags=comment clip.mp4 | frames=$frames python3 -c '
import json, os, sys
c = json.load(sys.stdin)
assert c["seed"] == 7 and c["steps"] == 2 and c["frames"] == int(os.environ["frames"]) and c["model"] == "conch/tiny", c
assert c["prompt"].startswith("a red ball") and c["generator"].startswith("conch "), c
assert set(c) >= {"guidance", "sampler"}, c'
}
bare() {
    # shellcheck disable=SC2086
    gives 0 generate "$prompt" $fast --no-metadata -o bare.mp4 && ! grep -qaE 'red ball|Lavf|x264 - core|conch' bare.mp4
}
same_frames() { # two folders of PNGs hold the same bytes
    [ "$(ls "$1" | wc -l)" -eq "$frames" ] && diff -r "$1" "$2" >/dev/null
}
frames() { # FOLDER OPTIONS
    folder=$1
    shift
    gives 0 generate "$prompt" --model "$model" --steps 2 --frames-dir "$folder" "$@"
}
threads_do_not_matter() {
    frames one --seed 7 --threads 1 && frames two --seed 7 --threads 2 && same_frames one two
}
cache_does_not_matter() {
    frames fresh --seed 7 --no-cache && same_frames one fresh
}
seed_matters() {
    frames other --seed 8 && ! diff -rq one other >/dev/null
}
frames_alone() {
    [ -f one/frame-0001.png ] && [ -f "one/frame-00$frames.png" ] && [ -z "$(ls ./*8*.mp4 2>/dev/null)" ]
}
frames_and_clip() {
    gives 0 generate "$prompt" --model "$model" --steps 1 --frames-dir both -o both.mp4 && [ -s both.mp4 ] &&
        [ "$(ls both | wc -l)" -eq "$frames" ]
}
frames_kept() { refuses 2 "has frames already" generate "$prompt" --model "$model" --steps 1 --frames-dir one; }
own_name() {
    mkdir -p named
    (cd named && "$conch" generate "A red ball!" --steps 1 --seed 3 -q && "$conch" generate "A red ball!" --steps 1 \
        --seed 3 -q && [ "$(ls)" = "a-red-ball-3-2.mp4
a-red-ball-3.mp4" ])
}
replaces() {
    echo old >replaced.mp4
    # shellcheck disable=SC2086
    gives 0 generate "$prompt" $fast -o replaced.mp4 && cmp -s replaced.mp4 clip.mp4
}
random_seed() {
    gives 0 generate "$prompt" --model tiny --steps 1 -o r1.mp4 && seed=$(sed -n 's/.*seed \([0-9]*\).*/\1/p' out.txt) &&
        gives 0 generate "$prompt" --model conch/tiny --steps 1 --seed "$seed" -o r2.mp4 && cmp -s r1.mp4 r2.mp4 &&
        gives 0 generate "$prompt" --model tiny --steps 1 -o r3.mp4 && ! cmp -s r1.mp4 r3.mp4
}
decode_again() {
    latent=$(sed -n 's/^latent: //p' out.txt)
    [ -s "$latent" ] && gives 0 generate --decode "$latent" -o again.mp4 --frames-dir again &&
        [ "$(probe stream=nb_frames again.mp4)" = "$frames" ] && [ "$(probe format_tags=title again.mp4)" = "$prompt" ] &&
        gives 0 generate --decode "$latent" --frames-dir again2 -o again2.mp4 && same_frames again again2
}
latent_elsewhere() {
    frames lat --seed 7 --latent here.latent && gives 0 generate --decode here.latent --frames-dir lat2 &&
        same_frames lat lat2
}
events() {
    gives 0 generate "$prompt" --model "$model" --steps 2 --seed 7 --json --preview p.png -o j.mp4 &&
        frames=$frames python3 - <<'P'
import json, os
events = [json.loads(line) for line in open("out.txt")]
names = [e["event"] for e in events]
assert names[0] == "started" and names[1] == "plan" and names[-1] == "done", names
assert names.index("latent_saved") > names.index("progress")
assert names.count("preview") == 2, names
progress = [e for e in events if e["event"] == "progress"]
assert [p for p in progress if p["phase"] == "decode"] and all(0 <= p["fraction"] <= 1 for p in progress)
assert all(a["fraction"] <= b["fraction"] + 1e-9 for a, b in zip(progress, progress[1:])), progress
assert events[-1]["seed"] == 7 and events[-1]["frames"] == int(os.environ["frames"]) and events[-1]["bytes"] > 0
plan = events[1]
assert plan["peak_bytes"] >= max(p["bytes"] for p in plan["phases"]) and plan["tokens"] > 0
P
}
preview() { [ "$(probe stream=codec_name,width,height p.png | tr '\n' ' ')" = "png $width $height " ]; }
error_event() {
    run generate "$prompt" --model "$model" --size 100x100 --json
    [ "$code" -eq 2 ] && size=${width}x$height python3 -c '
import json, os
(e,) = [json.loads(l) for l in open("out.txt")]
assert e["event"] == "error" and e["exit"] == 2 and e["code"] == "invalid_value" and os.environ["size"] in e["text"], e'
}
plan_only() {
    gives 0 generate "$prompt" --model "$model" --plan && grep -q '^peak' out.txt && grep -q 'tokens a pass' out.txt
}
plan_estimates() { grep -q 'at the speed of earlier runs' out.txt; }
quiet() {
    gives 0 generate "$prompt" --model "$model" --steps 1 -q -o quiet.mp4 && [ ! -s out.txt ] && [ ! -s err.txt ]
}
first_frame() { # another shape and another format than the clip
    gives 0 generate "$prompt" --model "$model" --steps 2 --seed 7 --first-frame "$data/rgb.jpg" -o ff.mp4 &&
        ! cmp -s ff.mp4 clip.mp4
}
last_frame() {
    gives 0 generate "$prompt" --model "$model" --steps 2 --seed 7 --first-frame "$data/rgb.jpg" \
        --last-frame one/frame-0001.png -o fl.mp4 && ! cmp -s ff.mp4 fl.mp4
}
first_frame_shows() { # the clip begins with the picture: far nearer to it than a clip without it
    ffmpeg -v error -f lavfi -i color=red:s=${width}x$height -frames:v 1 red.png </dev/null &&
        gives 0 generate "a red ball" --model "$model" --steps 8 --seed 7 --first-frame red.png --frames-dir red &&
        python3 - <<'P'
import subprocess
def mean(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    return [sum(raw[c::3]) / (len(raw) / 3) for c in range(3)]
r, g, b = mean("red/frame-0001.png")
assert r > 150 and g < 100 and b < 100, (r, g, b)
P
}
long_prompt() {
    gives 0 generate "$(yes red ball | head -n 200 | tr '\n' ' ')" --model "$model" --steps 1 -o long.mp4 &&
        grep -q 'too long' err.txt
}
phases_not_terminal() {
    # shellcheck disable=SC2086
    gives 0 generate "$prompt" $fast -o clip2.mp4 && ! grep -q "$(printf '\033')" err.txt out.txt &&
        [ "$(grep -c . err.txt)" -le 6 ]
}
pruned() {
    [ "$(ls "$XDG_STATE_HOME/conch/latents" | wc -l)" -le 16 ]
}
seconds() {
    gives 0 generate "$prompt" --model "$model" --steps 1 --seconds "${seconds%?}" -o s.mp4 &&
        [ "$(probe stream=nb_frames s.mp4)" = "$frames" ]
}
f32() { gives 0 generate "$prompt" --model "$model" --steps 1 --precision f32 -o f32.mp4; }
samplers() {
    for sampler in unipc dpmpp euler euler_diffusers unipc_diffusers; do
        gives 0 generate "$prompt" --model "$model" --steps 2 --sampler $sampler -o "s-$sampler.mp4" || return 1
    done
}
no_home() { # where nothing can be kept a clip is still made
    HOME=/nonexistent XDG_STATE_HOME=/proc/none XDG_CACHE_HOME=/proc/none \
        "$conch" generate "$prompt" --model "$model" --steps 1 -o nohome.mp4 >out.txt 2>err.txt && [ -s nohome.mp4 ] &&
        grep -q 'latent will not be saved' err.txt
}

say "a sentence becomes an MP4" clip
say "the MP4 is what was asked for: H.264, size, frames, rate" facts
say "title and comment say how it was made" tags
say "the clip can be decoded again from its latent" decode_again
say "--no-metadata leaves nothing of it" bare
say "one and two threads make the same bytes" threads_do_not_matter
say "with and without the cache the bytes are the same" cache_does_not_matter
say "another seed makes another clip" seed_matters
say "--frames-dir alone writes every frame and no MP4" frames_alone
say "--frames-dir and --output write both" frames_and_clip
say "frames of another clip are not mixed with new ones" frames_kept
say "without --output a new name is made, and none is taken twice" own_name
say "a named file is replaced" replaces
say "the random seed is printed and makes the clip again" random_seed
say "--latent saves elsewhere" latent_elsewhere
say "--json: every line is an event, in order" events
say "--preview is a PNG of the clip's size" preview
say "--json: an error is an event too" error_event
say "--plan prints memory and work" plan_only
say "--plan estimates the time once a run was measured" plan_estimates
say "--quiet says nothing" quiet
say "a first frame of another shape is taken" first_frame
say "a last frame changes the clip" last_frame
say "the clip begins with the first frame" first_frame_shows
say "a prompt that is too long is cut, and that is said" long_prompt
say "without a terminal there are few lines and no escapes" phases_not_terminal
say "--seconds is met by the nearest length" seconds
say "--precision f32 works" f32
say "every sampler works" samplers
say "no more than 16 latents are kept" pruned
say "without a place for state and cache a clip is made all the same" no_home
end
