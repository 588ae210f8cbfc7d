"""Reads handwritten digits in pictures: segmentation, recognition, pretrained networks."""
