"""Weights between our ViTs, Hugging Face's and KerasHub's."""
