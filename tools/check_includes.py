#!/usr/bin/env python3
"""Checks that includes point one way.

Each row: a folder of src/ and what its files may include with quotes besides their own folder. The longest matching row
holds; a folder without a row fails, so a new folder cannot be forgotten.
"""
import os
import re
import sys

PUBLIC = "conch"                                # include/conch
BASE = [PUBLIC, "base"]

ALLOWED = {
    "include/conch": [PUBLIC],
    "src/base": [PUBLIC + "/error.h"],
    "src/net": BASE,
    "src/media": BASE,
    "src/engine/kernels": BASE,
    "src/engine/text": BASE,
    "src/engine/sampling": BASE,
    "src/engine/tensor": BASE + ["engine/kernels"],
    "src/engine/model": BASE + ["engine/tensor", "engine/kernels"],
    "src/engine": BASE + ["engine"],
    "src/cli": BASE + ["net", "media", "server/serve/serve.h"],
    "src/server/job": BASE,
    "src/server/ledger": BASE,
    "src/server/prompt": BASE + ["server/job"],
    "src/server/store": BASE + ["server/job", "server/ledger"],
    "src/server/blob": BASE + ["net"],
    "src/server/backend": BASE + ["net", "media", "server/job", "server/prompt"],
    "src/server/queue": BASE + ["net", "media", "server/job", "server/ledger", "server/store", "server/blob",
                                "server/backend", "server/prompt", "server/config.h", "server/config"],
    "src/server/api": BASE + ["net", "media", "server/job", "server/ledger", "server/store", "server/blob",
                              "server/prompt", "server/config.h", "server/config"],
    "src/server/dialect": BASE + ["server/api", "server/job", "server/ledger", "server/store/store.h", "net/http.h",
                                  "net/url.h"],
    "src/server/http": BASE + ["net", "server/dialect", "server/api", "server/job", "server/store/store.h",
                               "server/config.h", "server/config"],
    "src/server": BASE + ["net", "media", "server"],
}
# Rules for single files: who alone may see the engine's public header inside the server.
PUBLIC_ENGINE_ONLY = {"src/server/backend": "src/server/backend/local.c"}


def rule(folder):
    while folder:
        if folder in ALLOWED:
            return folder
        folder = os.path.dirname(folder)
    return None


def problems(root):
    for top in ("include", "src"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            here = os.path.relpath(folder, root)
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield from problems_of(root, here, name)


def problems_of(root, here, name):
    path = os.path.join(here, name)
    row = rule(here)
    if row is None:
        yield f"{path}: its folder has no row in tools/check_includes.py"
        return
    own = row.removeprefix("src/")
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            target = match[1]
            if "/" not in target and os.path.exists(os.path.join(root, here, target)):
                continue
            if any(target == a or target.startswith(a + "/") for a in ALLOWED[row] + [own]):
                only = PUBLIC_ENGINE_ONLY.get(row)
                if target != "conch/engine.h" or only is None or path == only:
                    continue
            yield f"{path}:{number}: {row} may not include {target}"


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = list(problems(root))
    print("\n".join(found) if found else "ok   includes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
