"""Signal processing that knows neither tracks nor plans."""
