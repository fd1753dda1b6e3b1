#!/bin/sh
# Ctrl-C and its like: soon, with its exit code, and with a whole clip or none.
. "$(dirname "$0")/common"
long="generate ball --model $model --steps 1000 --preview part/p.png"

interrupted() { # SIGNAL CODE: sent to the whole group of processes, as a terminal does
    rm -rf part && mkdir part
    began=$(date +%s%N)
    # shellcheck disable=SC2086
    timeout --preserve-status -s "$1" 1.5 "$conch" $long -o part/x.mp4 --latent part/x.latent >out.txt 2>err.txt
    code=$?
    took=$((($(date +%s%N) - began) / 1000000))
    [ "$code" -eq "$2" ] && [ "$took" -lt 30000 ] && [ "$(ls part)" = p.png ] && grep -q stopped err.txt
}
before_work() { # while pictures are still read
    rm -rf part && mkdir part
    # shellcheck disable=SC2086
    timeout --preserve-status -s INT 0.01 "$conch" $long --first-frame "$data/rgb.jpg" -o part/x.mp4 >out.txt 2>err.txt
    code=$?
    [ "$code" -eq 130 ] && [ -z "$(ls part | grep -v p.png)" ]
}
ignored() { # nohup and background jobs have it ignored: that stays so
    (trap '' HUP && exec "$conch" generate ball --model "$model" --steps 20 -o hup.mp4) >out.txt 2>err.txt &
    pid=$!
    sleep 0.3
    kill -HUP $pid
    wait $pid
    code=$?
    [ "$code" -eq 0 ] && [ -s hup.mp4 ]
}
whole_or_nothing() { # at every moment of a short run
    for delay in 0.02 0.05 0.1 0.15 0.2 0.25 0.3 0.4 0.5 0.7; do
        rm -rf part && mkdir part
        "$conch" generate ball --model "$model" --steps 2 --frames-dir part/f -o part/x.mp4 >out.txt 2>err.txt &
        pid=$!
        sleep $delay
        kill -TERM $pid 2>/dev/null
        wait $pid
        code=$?
        case $code in
        0) ffprobe -v error part/x.mp4 </dev/null && [ "$(ls part/f | wc -l)" -eq "$frames" ] || return 1 ;;
        143) [ -z "$(ls -A part)" ] || return 1 ;;
        *) return 1 ;;
        esac
    done
}
reader_gone() { # nobody reads the events any more
    rm -rf part && mkdir part
    # shellcheck disable=SC2086
    { timeout 20 "$conch" $long --json -o part/x.mp4 2>err.txt; echo $? >code.txt; } | head -n 3 >out.txt
    code=$(cat code.txt)
    [ "$code" -eq 8 ] && [ -z "$(ls part | grep -v p.png)" ]
}
no_helpers_left() {
    sleep 0.3
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/exe" 2>/dev/null)" = "$CONCH_BUILD/conch-media" ] &&
            [ "$(readlink "$process/cwd" 2>/dev/null)" = "$work" ] && return 1
    done
    return 0
}
helper_killed() { # the encoder dies under a run: an error, and nothing left
    rm -rf part && mkdir part
    printf '#!/bin/sh\nexit 1\n' >helper && chmod +x helper
    CONCH_MEDIA=$work/helper "$conch" generate ball --model "$model" --steps 1 -o part/x.mp4 >out.txt 2>err.txt
    code=$?
    [ "$code" -eq 5 ] && [ -z "$(ls -A part)" ] && grep -q -- --decode err.txt
}

say "Ctrl-C: exit code 130 within a step, nothing left" interrupted INT 130
say "SIGTERM: 143" interrupted TERM 143
say "Ctrl-C before the work has begun" before_work
say "a signal that was ignored stays ignored" ignored
say "at every moment: a whole clip, or nothing" whole_or_nothing
say "a closed reader of the events ends the run" reader_gone
say "a helper that fails: nothing left, and the latent is pointed to" helper_killed
say "no helper process is left" no_helpers_left
end
