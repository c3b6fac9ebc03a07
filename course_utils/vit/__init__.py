"""The model the course builds: NumPy formulas, and the ViT in PyTorch.

Nothing here imports another part of ``course_utils``.
"""
