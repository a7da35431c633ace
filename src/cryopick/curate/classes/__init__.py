"""2D classification: sort particle images into classes, and average each class."""
