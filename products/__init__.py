"""From decoded files to satpy scenes, images and GeoTIFF."""
