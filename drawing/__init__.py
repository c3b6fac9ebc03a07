"""Programs that make the bundled pictures and train tiny-vit and digit-vit."""
