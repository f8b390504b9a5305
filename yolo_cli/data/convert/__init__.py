"""Writes any dataset that can be read as Pascal VOC, YOLO or COCO, or as crops for a classifier."""
