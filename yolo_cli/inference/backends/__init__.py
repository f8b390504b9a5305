"""What runs a network: torch, ncnn, ONNX Runtime or OpenVINO, behind one interface."""
