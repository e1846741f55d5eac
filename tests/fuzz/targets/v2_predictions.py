"""Bodies of v2 predictions (the Open Inference Protocol), as JSON and with binary tensors."""

from __future__ import annotations

import struct

from fuzz.targets._predictions import ask

_BINARY = (
    b'{"inputs":[{"name":"amount","shape":[2],"datatype":"FP64","parameters":{"binary_data_size":16}},'
    b'{"name":"country","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":12}},'
    b'{"name":"active","shape":[2],"datatype":"BOOL","data":[true,false]}]}'
)
SEEDS = [
    b'\n{"inputs":[{"name":"input","shape":[1,3],"datatype":"FP32","data":[1,0,1]}],"id":"x","outputs":[{"name":"label"}]}',
    b'\n{"inputs":[{"name":"amount","shape":[2,1],"datatype":"INT64","data":[[1],[2]]},{"name":"country","shape":[2],'
    b'"datatype":"BYTES","data":["DE",""],"parameters":{"content_type":"base64"}},'
    b'{"name":"active","shape":[2],"datatype":"UINT8","data":[300,-1]}],"parameters":{"binary_data_output":true}}',
    b"%d\n" % len(_BINARY) + _BINARY + struct.pack("<2d", 1.5, 2) + b"\x02\0\0\0DE\x02\0\0\0FR",
]
TOKENS = [
    b'"FP16"',
    b'"BYTES"',
    b'"UINT8"',
    b'"INT64"',
    b'"BOOL"',
    b'"FP64"',
    b'"BF16"',
    b"binary_data_size",
    b"[0]",
    b"[-1]",
]
TOKENS += [b"[9223372036854775807]", b"[4294967296,4294967296]", b"\xff\xff\xff\xff", b'"parameters":{},']


def run(data: bytes) -> None:
    """Ask; the first line is the length of the JSON part, where tensors are binary."""
    length, _, body = data.partition(b"\n")
    text = length.decode("latin-1")
    headers = {"inference-header-content-length": text} if text else {"content-type": "application/json"}
    ask("/v2/models/churn/infer", body, headers)
