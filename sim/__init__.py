"""The sky on a desk: scene, encoders, modulators and channel; shares no table with the decoder."""
