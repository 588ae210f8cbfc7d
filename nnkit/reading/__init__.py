"""Reading handwritten digits out of pictures: segmentation, recognition, pretrained networks."""
