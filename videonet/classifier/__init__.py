"""Which class a frame shows, by an ONNX classifier."""
