"""Weights in safetensors files: matrices as bf16, norms, biases and tables of modulation as fp32."""
import json
import struct

import numpy as np
import torch

BF16 = torch.bfloat16
DTYPES = {"F32": np.float32, "I64": np.int64, "I32": np.int32, "U8": np.uint8}


def _keeps_fp32(name, tensor):
    return tensor.dim() <= 1 or "modulation" in name or "gamma" in name


def save_weights(path, state):
    header, blobs, offset = {}, [], 0
    for name, tensor in state.items():
        fp32 = _keeps_fp32(name, tensor)
        tensor = tensor.detach().cpu().contiguous()
        blob = (tensor.float().numpy() if fp32 else tensor.to(BF16).view(torch.int16).numpy()).tobytes()
        header[name] = {"dtype": "F32" if fp32 else "BF16", "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load_weights(path):
    """Name to tensor; bf16 becomes fp32."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    state = {}
    for name, entry in header.items():
        raw = data[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, DTYPES[entry["dtype"]]).copy()
        state[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return state
