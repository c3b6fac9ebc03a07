"""The model the course builds; nothing here imports another part of the package."""
