"""What may stand in a stranger's ONNX model: weights of its own, and operators that only compute.

Looked at is every message of the file, wherever it stands: initialisers, sparse ones, attributes of
nodes, branches and loops within nodes at any depth, functions, and what belongs to training.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import FunctionProto, NodeProto, TensorProto

from videonet.errors import UsageError
from videonet.text import as_shown

# The first operator set whose operators broadcast as today's do.
OLDEST_OPSET = 7
NEWEST_OPSET = onnx.defs.onnx_opset_version()

# The first version of the format in which a model says of which operator sets it is.
OLDEST_IR = 3

# ONNX's own operators, by either name.
_OWN = frozenset({"", "ai.onnx"})

_MICROSOFT = "com.microsoft"

# What ONNX Runtime's quantiser and its optimiser for transformers put into image classifiers. Other
# operators of that domain load compiled programs from files (EPContext), or have nothing to do with
# images.
_OF_MICROSOFT = frozenset(
    {
        *("QLinearAdd", "QLinearMul", "QLinearAveragePool", "QLinearGlobalAveragePool"),
        *("QLinearConcat", "QLinearConv", "QLinearLeakyRelu", "QLinearReduceMean"),
        *("QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QGemm", "QAttention"),
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"),
        *("MatMulNBits", "MatMulInteger16", "MulInteger", "NhwcMaxPool"),
        *("FusedConv", "FusedGemm", "FusedMatMul", "TransposeMatMul"),
        *("Gelu", "FastGelu", "QuickGelu", "BiasGelu", "BiasSoftmax"),
        *("Attention", "MultiHeadAttention", "SkipLayerNormalization"),
        *("SkipSimplifiedLayerNormalization",),
    }
)

# Operators of these domains are ONNX Runtime's: a model may not define its own under them.
_RESERVED = ("ai.onnx.", "com.microsoft.", "com.ms.", "org.pytorch.")

# A function's domain and name.
_Name = tuple[str, str]


def check_contents(path: Path, model: onnx.ModelProto) -> None:
    """Raise UsageError unless the model of the file `path` is whole in itself and only computes."""
    if not OLDEST_IR <= model.ir_version <= onnx.IR_VERSION:
        raise UsageError(
            f"{path}: is of version {model.ir_version} of the ONNX format, expected {OLDEST_IR} to "
            f"{onnx.IR_VERSION}; export it for one of these"
        )
    imported = _imported(path, model.opset_import)
    if "" not in imported or imported[""] < OLDEST_OPSET:
        raise UsageError(
            f"{path}: is of ONNX's operator set {imported.get('', 0)}, expected {OLDEST_OPSET} or "
            "later; convert it with onnx.version_converter"
        )
    functions = _functions(path, model.functions)
    for message in _messages(model):
        if isinstance(message, TensorProto):
            _check_tensor(path, message)
        elif isinstance(message, FunctionProto):
            _imported(path, message.opset_import)
        elif isinstance(message, NodeProto):
            _check_operator(path, message, imported, functions)


def without_notes(model: onnx.ModelProto) -> None:
    """Take out of a model what says something of it, or serves its training.

    ONNX Runtime would take settings from its metadata where the environment tells it to.
    """
    model.DiscardUnknownFields()
    for field in ("metadata_props", "training_info", "doc_string"):
        model.ClearField(field)


def _check_tensor(path: Path, tensor: TensorProto) -> None:
    # Whatever a place is called that is not here: an address in memory is one, too.
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
        raise UsageError(
            f"{path}: has weights in other files, so its sha256 does not tell what it is; "
            "save it as one file: onnx.save(onnx.load(old), new)"
        )


def _check_operator(
    path: Path,
    node: NodeProto,
    imported: dict[str, int],
    functions: dict[_Name, FunctionProto],
) -> None:
    # protobuf gives texts that are no UTF-8 as bytes.
    domain, name = _text(node.domain), _text(node.op_type)
    if domain in _OWN or (domain == _MICROSOFT and name in _OF_MICROSOFT):
        return
    if (domain, name) in functions and domain in imported:
        return
    raise UsageError(
        f"{path}: has the operator {as_shown(f'{domain}.{name}')[:80]!r}, which is neither ONNX's "
        "own, nor one of a quantised or fused classifier, nor a function in the file; export the "
        "classifier with ONNX's own operators"
    )


def _imported(path: Path, opsets: Sequence[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """The versions of operator sets, by domain. Raises UsageError for two of one, or one to come.

    A reader that took the first and one that took the last would see two models.
    """
    versions: dict[str, int] = {}
    for each in opsets:
        domain = "" if each.domain in _OWN else _text(each.domain)
        if versions.setdefault(domain, each.version) != each.version:
            raise UsageError(
                f"{path}: names two versions of the operator set {as_shown(domain)[:80]!r}; export "
                "it again"
            )
    if versions.get("", 0) > NEWEST_OPSET:
        raise UsageError(
            f"{path}: is of ONNX's operator set {versions['']}, expected at most {NEWEST_OPSET}; "
            "export it for that one"
        )
    return versions


def _functions(path: Path, functions: Sequence[FunctionProto]) -> dict[_Name, FunctionProto]:
    """The functions of a model by their names. Raises UsageError for one that needs itself."""
    by_name = {(_text(function.domain), _text(function.name)): function for function in functions}
    for domain, name in by_name:
        if domain in _OWN or f"{domain}.".startswith(_RESERVED):
            raise UsageError(
                f"{path}: has a function {as_shown(f'{domain}.{name}')[:80]!r}, in a domain of "
                "ONNX Runtime's own operators; export it without functions"
            )
    needs = {
        name: {
            (_text(node.domain), _text(node.op_type))
            for node in _messages(function)
            if isinstance(node, NodeProto)
        }
        & by_name.keys()
        for name, function in by_name.items()
    }
    while ready := [each for each, needed in needs.items() if not needed & needs.keys()]:
        for each in ready:
            del needs[each]
    if needs:
        raise UsageError(f"{path}: has functions that call themselves; export it without functions")
    return by_name


def _messages(message: Any) -> Iterator[Any]:
    """A message of protobuf and all messages within it, but what is within tensors."""
    waiting = [message]
    while waiting:
        each = waiting.pop()
        yield each
        # The numbers of a tensor would be copied to be looked at.
        if isinstance(each, TensorProto):
            continue
        for field, value in each.ListFields():
            if field.message_type is not None:
                waiting.extend(value if _is_repeated(value) else [value])


def _is_repeated(value: Any) -> bool:
    return not hasattr(value, "ListFields")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else repr(value)
