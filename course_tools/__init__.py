"""What the command ``vit-course`` and the maintainers run."""
