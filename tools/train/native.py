"""Builds the small C libraries beside this file with the system's compiler, once per change, and loads them."""
import ctypes
import hashlib
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("CONCH_TRAIN_DIR", os.path.join(HERE, "..", "..", ".train"))
FLAGS = ["-std=c11", "-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-D_GNU_SOURCE"]


def load(name, *sources):
    """The shared library made of `sources`; its file name carries a hash, so an edited source is rebuilt."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for source in (*sources, "world.h"):
        with open(os.path.join(HERE, source), "rb") as file:
            digest.update(file.read())
    folder = os.path.abspath(os.path.join(BUILD, "lib"))
    path = os.path.join(folder, f"lib{name}-{digest.hexdigest()[:12]}.so")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        temporary = f"{path}.{os.getpid()}"                  # several processes may build at once
        files = [os.path.join(HERE, source) for source in sources if source.endswith(".c")]
        subprocess.run([os.environ.get("CC", "gcc"), *FLAGS, *files, "-o", temporary, "-lm"], check=True)
        os.replace(temporary, path)
    return ctypes.CDLL(path)
