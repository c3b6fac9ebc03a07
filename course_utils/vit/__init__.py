"""The model the course builds: its formulas in NumPy, the ViT in PyTorch and in Keras.

Nothing here imports another part of ``course_utils``.
"""
