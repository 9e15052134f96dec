"""A small convolutional network in NumPy: forwards, backwards, Adam, and its ONNX form."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.float32]

KERNEL = 3
STRIDE = 2


class ConvNet:
    """Convolutions of stride 2 with ReLU, then a dense layer over what remains of the picture."""

    def __init__(self, size: int, channels: tuple[int, ...], classes: int, seed: int) -> None:
        """`channels` are those of the picture and after each convolution.

        `size` is the picture's height and width in pixels; each convolution halves it.
        """
        self._size, self._classes = size, classes
        self._rest = size // STRIDE ** (len(channels) - 1)
        inputs = [KERNEL * KERNEL * each for each in channels[:-1]]
        inputs.append(self._rest * self._rest * channels[-1])
        rng = np.random.default_rng(seed)
        # He et al. 2015: with this spread a signal keeps its strength through ReLU.
        self._weights: list[Floats] = [
            rng.normal(0, (2 / rows) ** 0.5, (rows, columns)).astype(np.float32)
            for rows, columns in zip(inputs, (*channels[1:], classes), strict=True)
        ]
        self._biases = [np.zeros(weight.shape[1], np.float32) for weight in self._weights]
        self._adam = Adam([*self._weights, *self._biases])

    def learn(self, images: Floats, labels: npt.NDArray[np.int64], rate: float) -> float:
        """One step of Adam on a batch: images [N, size, size, 3], labels [N]. Returns its loss."""
        layers, logits = self._forward(images)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        right = np.arange(len(labels)), labels
        loss = float(-np.log(probabilities[right] + 1e-9).mean())
        probabilities[right] -= 1
        self._adam.step(self._backward(layers, probabilities / len(labels)), rate)
        return loss

    def to_onnx(self) -> onnx.ModelProto:
        """The network as a graph from `input` [N, 3, size, size] to `logits` [N, classes]."""
        nodes, tensors, name = [], [], "input"
        for index, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            last = index == len(self._weights) - 1
            side = self._rest if last else KERNEL
            # Rows run over height, width, channel here; over channel, height, width in ONNX.
            kernel = weight.reshape(side, side, -1, weight.shape[1]).transpose(3, 2, 0, 1)
            names = [name, f"weight{index}", f"bias{index}"]
            tensors += [
                numpy_helper.from_array(np.ascontiguousarray(kernel), names[1]),
                numpy_helper.from_array(bias, names[2]),
            ]
            if last:
                nodes.append(helper.make_node("Conv", names, ["map"], kernel_shape=[side, side]))
                nodes.append(helper.make_node("Flatten", ["map"], ["logits"]))
                break
            conv, name = f"conv{index}", f"relu{index}"
            shape: dict[str, Any] = {"strides": [STRIDE, STRIDE], "pads": [1, 1, 0, 0]}
            nodes.append(helper.make_node("Conv", names, [conv], **shape))
            nodes.append(helper.make_node("Relu", [conv], [name]))
        image: list[str | int | None] = ["N", 3, self._size, self._size]
        graph = helper.make_graph(
            nodes,
            "demo",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, image)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", self._classes])],
            tensors,
        )
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, ir_version=8, opset_imports=[opset])
        onnx.checker.check_model(model, full_check=True)
        return model

    def _forward(self, images: Floats) -> tuple[list[tuple[Floats, Floats]], Floats]:
        """Each layer's input, and the matrix that its weights multiply; and the logits."""
        layers, x = [], images
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            patches = _patches(x)
            layers.append((x, patches))
            x = np.maximum(patches @ weight + bias, 0)
        flat = x.reshape(len(x), -1)
        layers.append((x, flat))
        return layers, flat @ self._weights[-1] + self._biases[-1]

    def _backward(self, layers: list[tuple[Floats, Floats]], slope: Floats) -> list[Floats]:
        """The loss's slope by every weight, then by every bias, from its slope by the logits."""
        weights: list[Floats] = []
        biases: list[Floats] = []
        for weight, (x, matrix) in zip(reversed(self._weights), reversed(layers), strict=True):
            rows = slope.reshape(-1, weight.shape[1])
            weights.insert(0, matrix.reshape(-1, len(weight)).T @ rows)
            biases.insert(0, rows.sum(axis=0))
            if x is not layers[0][0]:
                back = slope @ weight.T
                slope = (back.reshape(x.shape) if back.ndim == 2 else _unpatch(back)) * (x > 0)
        return weights + biases


class Adam:
    """Kingma and Ba 2015, with the constants of the paper."""

    def __init__(self, parameters: list[Floats]) -> None:
        self._parameters = parameters
        self._means = [np.zeros_like(each) for each in parameters]
        self._squares = [np.zeros_like(each) for each in parameters]
        self._steps = 0

    def step(self, slopes: list[Floats], rate: float) -> None:
        """Changes the parameters in place, against their slopes."""
        self._steps += 1
        rate *= (1 - 0.999**self._steps) ** 0.5 / (1 - 0.9**self._steps)
        for parameter, slope, mean, square in zip(
            self._parameters, slopes, self._means, self._squares, strict=True
        ):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope * slope - square)
            parameter -= rate * mean / (np.sqrt(square) + 1e-8)


def _patches(x: Floats) -> Floats:
    """What each step of a convolution sees: [N, H, W, C] as [N, H / 2, W / 2, 9 C]."""
    padded = np.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0)))
    return np.concatenate([padded[each] for each in _offsets(x.shape[1])], axis=3)


def _unpatch(patches: Floats) -> Floats:
    """The reverse of `_patches`; what several patches say of one pixel is added up."""
    count, half, _, width = patches.shape
    padded = np.zeros((count, 2 * half + 1, 2 * half + 1, width // KERNEL**2), np.float32)
    parts = np.split(patches, KERNEL**2, axis=3)
    for each, part in zip(_offsets(2 * half), parts, strict=True):
        padded[each] += part
    return padded[:, 1:, 1:]


def _offsets(size: int) -> list[tuple[slice, slice, slice]]:
    return [
        (slice(None), slice(row, row + size, STRIDE), slice(column, column + size, STRIDE))
        for row in range(KERNEL)
        for column in range(KERNEL)
    ]
