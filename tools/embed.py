#!/usr/bin/env python3
"""Makes a C file that holds other files' bytes.

embed.py json OUT.c NAME FILE    const char NAME[] and NAME_size: a JSON document, without white space
embed.py site OUT.c NAME FOLDER  the table of server/http/static.h: every file below FOLDER, with its media type, its
                                 bytes, the same by gzip where that is shorter, and an ETag. FOLDER "": an empty table
"""
import gzip
import hashlib
import json
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg",
    ".webp": "image/webp", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json", ".map": "application/json", ".mp4": "video/mp4",
    ".wasm": "application/wasm",
}


def c_bytes(data):
    """As string literals: compilers take them far faster than lists of numbers. Octal escapes end after three digits."""
    lines = []
    for at in range(0, len(data), 96):
        text = "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in data[at:at + 96])
        lines.append(f'    "{text}"')
    return "\n".join(lines) if lines else '    ""'


def embed_json(name, path):
    with open(path, encoding="utf-8") as file:
        data = json.dumps(json.load(file), ensure_ascii=False, separators=(",", ":")).encode()
    return (f'#include "server/dialect/openapi.h"\n\nconst char {name}[] =\n{c_bytes(data)};\n'
            f"const size_t {name}_size = {len(data)};\n")


def site_files(folder):
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(here, name)
            if os.path.splitext(name)[1] in TYPES:
                yield "/" + os.path.relpath(path, folder).replace(os.sep, "/"), path


def embed_site(name, folder):
    text, rows = '#include "server/http/static.h"\n\n', []
    for index, (path, source) in enumerate(site_files(folder) if folder else ()):
        with open(source, "rb") as file:
            data = file.read()
        packed = gzip.compress(data, 9, mtime=0)
        zipped = len(packed) < len(data) * 0.9
        etag = hashlib.sha256(data).hexdigest()[:32]
        kind = TYPES[os.path.splitext(path)[1]]
        text += f"static const char file_{index}[] =\n{c_bytes(data)};\n"
        if zipped:
            text += f"static const char packed_{index}[] =\n{c_bytes(packed)};\n"
        pack = f"packed_{index}, {len(packed)}" if zipped else "NULL, 0"
        rows.append(f'    {{"{path}", "{kind}", file_{index}, {len(data)}, {pack}, "{etag}"}},\n')
    rows.append("    {0},\n")
    return text + f"const struct static_file {name}[] = {{\n{''.join(rows)}}};\n"


def main():
    kind, out, name, source = sys.argv[1:5]
    text = {"json": embed_json, "site": embed_site}[kind](name, source)
    with open(out, "w", encoding="ascii") as file:
        file.write(text)


if __name__ == "__main__":
    main()
