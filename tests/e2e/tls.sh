#!/bin/sh
# conch serve with a certificate of its own, and the commands that speak to it.
. "$(dirname "$0")/common"
has_servers
certificate="--set server.tls_certificate=$work/own.pem" key="--set server.tls_key=$work/own.key"

serves() {
    # shellcheck disable=SC2086
    "$conch" serve --listen 127.0.0.1:0 $certificate $key >serve.txt 2>serve.log &
    server=$!
    pids=$server
    listens && grep -q 'chmod 600' serve.log
}
not_trusted() { refuses 11 CONCH_CA_FILE jobs && CONCH_CA_FILE=none refuses 3 'CONCH_CA_FILE: cannot read none' jobs; }
clip() {
    export CONCH_CA_FILE="$work/own.pem"
    gives 0 submit "a red ball" --steps 1 -o clip.mp4 -q && [ "$(head -c 8 clip.mp4 | tail -c 4)" = ftyp ] && gives 0 jobs --json &&
        grep -q "\"$CONCH_SERVER/files/" out.txt
}
refusals() {
    # shellcheck disable=SC2086
    refuses 2 'tls_key is not' serve $certificate && refuses 2 'tls_certificate is not' serve $key &&
        refuses 3 'nowhere.pem' serve --listen 127.0.0.1:0 --data refused --set server.tls_certificate=nowhere.pem $key &&
        refuses 4 'holds no private key' serve --listen 127.0.0.1:0 --data refused $certificate --set "server.tls_key=$work/own.pem"
}

if openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout own.key -out own.pem -subj /CN=conch \
    -addext subjectAltName=IP:127.0.0.1 2>/dev/null; then
    chmod 644 own.key
    say "conch serve speaks TLS, and warns of a key that all may read" serves
    say "a certificate nobody vouches for is refused" not_trusted
    say "a whole job over TLS; links begin with https" clip
    say "files that do not serve are named" refusals
else
    skip "TLS" "openssl is not here"
fi
end
