"""Programs that draw the bundled pictures and pre-train tiny-vit."""
