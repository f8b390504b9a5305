"""Networks from and for Darknet: its cfg and weights files."""
