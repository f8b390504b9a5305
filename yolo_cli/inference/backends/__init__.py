"""What runs a network: torch, ONNX Runtime, OpenVINO; each behind the same call."""
