"""Audio in and out: verified uploads, downloads, waveforms."""
