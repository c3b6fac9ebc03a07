"""Weights between our ViTs, Hugging Face's and KerasHub's.

``convert.torch`` is for PyTorch lessons, ``convert.keras`` for TensorFlow lessons.
"""
