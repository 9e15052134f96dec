"""Whether the classifier can run on a GPU."""

import subprocess

from videonet.classifier.device import why_not_cuda
from videonet.doctor.finding import Finding, State


def look_at_gpu(*, needed: bool) -> Finding:
    """Whether ONNX Runtime computes on a GPU: it lists CUDA also where it cannot."""
    card, why_not = _card(), why_not_cuda()
    if why_not is None:
        use = None if needed else "the classifier runs on it, unless --device cpu is given"
        return Finding("GPU", State.OK, card or "ONNX Runtime computes on CUDA", use)
    if card is None and not needed:
        return Finding("GPU", State.OPTIONAL, "none; the classifier runs on the CPU")
    if card is None:
        advice = "use --device cpu, or a machine with an NVIDIA GPU and its driver"
        found = f"nvidia-smi finds no GPU, and {why_not}"
        return Finding("GPU", State.MISSING, found, advice)
    from videonet.classifier.onnx_runtime import onnxruntime

    advice = f"install CUDA {onnxruntime.cuda_version} and cuDNN 9, or use --device cpu"
    state = State.MISSING if needed else State.OPTIONAL
    return Finding("GPU", state, f"{card}, but {why_not}", advice)


def _card() -> str | None:
    """Name and driver of the first GPU; None where there is none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    name, _, driver = said.stdout.partition("\n")[0].partition(", ")
    return f"{name}, driver {driver}"
